"""``epochal model``: the model registry, and predictions from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epochal.api import ModelVersion, Reader, RegisteredModel
from epochal.api.naming import find_reference, full_name
from epochal.api.reading import find_model
from epochal.cli.figures import ago, size
from epochal.cli.options import Home, Json, Url, complete_model, reader_of
from epochal.cli.predicting import read_input, write_output
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.cli.transfer import shown
from epochal.domain.models import ModelEvent, Stage
from epochal.errors import NotFound
from epochal.models import load_model, trusted

app = typer.Typer()

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Registered model.", autocompletion=complete_model, show_default=False
    ),
]
VersionName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="name@alias, name/3 or name for the newest.",
        autocompletion=complete_model,
        show_default=False,
    ),
]
Number = Annotated[
    str, typer.Argument(metavar="VERSION", help="Number, alias or latest.", show_default=False)
]


@app.command()
def ls(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Model whose versions to list; without it, the models.",
            autocompletion=complete_model,
            show_default=False,
        ),
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Show who changed what.")] = False,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """List registered models, or the versions of one."""
    reader = reader_of(home, url)
    if name is None:
        _print_models(reader.models(), json=json)
        return
    found = reader.registered_model(name)
    if json:
        print_json(found.detail)
    elif history:
        _print_history(found.history)
    else:
        _print_versions(found.versions())


@app.command()
def get(
    name: VersionName,
    root: Annotated[
        Path | None, typer.Option("--root", "-r", help="Directory; default: artifacts/NAME-vN.")
    ] = None,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Download the files of a model version."""
    version = reader_of(home, url).model(name)
    with shown(version.uri) as progress:
        place = version.download(root, progress)
    if json:
        print_json({"model": version.uri, "digest": version.digest, "root": place})
    else:
        print_line(place)


@app.command()
def register(
    name: Name,
    artifact: Annotated[
        str, typer.Argument(metavar="ARTIFACT", help="[entity/][project/]name:version.")
    ],
    alias: Annotated[
        list[str] | None, typer.Option("--alias", "-a", help="Alias; may be repeated.")
    ] = None,
    description: Annotated[str, typer.Option("--description", help="Markdown.")] = "",
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Make a version of a registered model out of an artifact version."""
    reader = reader_of(home, url)
    found = reader.artifact(full_name(find_reference(reader.source, artifact)))
    try:
        model = reader.registered_model(name)
    except NotFound:
        model = reader.register_model(name)
    _tell(model.add_version(found, aliases=alias or (), description=description), json=json)


@app.command()
def alias(
    name: Name,
    version: Number,
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="Such as champion.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the alias away.")] = False,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Let an alias point at a version; it leaves the one that had it."""
    found = _version(reader_of(home, url), name, version)
    _tell(found.remove_alias(alias) if remove else found.add_alias(alias), json=json)


@app.command()
def stage(
    name: Name,
    version: Number,
    stage: Annotated[
        Stage, typer.Argument(metavar="STAGE", help="none, development, staging, production, ...")
    ],
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Promote or archive a version."""
    _tell(_version(reader_of(home, url), name, version).set_stage(stage), json=json)


@app.command()
def predict(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="name@alias, name/3, models:/..., runs:/<id>/model, or a directory.",
            autocompletion=complete_model,
            show_default=False,
        ),
    ],
    input: Annotated[
        Path, typer.Option("--input", "-i", help="Inputs: .json, .csv, .npy or .npz.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File: .json, .csv or .npy; default: print JSON."),
    ] = None,
    trust: Annotated[
        str | None, typer.Option("--trust", help="sha256:... of a model that may run code.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where PyTorch models go.")] = "cpu",
    home: Home = None,
    url: Url = None,
) -> None:
    """Run a model on inputs from a file."""
    data = read_input(input)
    directory = name if Path(name).is_dir() else find_model(_uri(name), reader_of(home, url))
    outputs = load_model(Path(directory), trust=trust, device=device).predict(data)
    write_output(outputs, output)
    if output is not None:
        note(f"wrote {output}")


def _uri(name: str) -> str:
    """A registered model where the name could as well be that of an artifact."""
    return name if ":" in name else f"models:/{name}"


def _version(reader: Reader, name: str, version: str) -> ModelVersion:
    plain = version.removeprefix("v")
    if plain.isdigit() or version == "latest":
        return reader.model(f"{name}/{plain if plain.isdigit() else version}")
    return reader.model(f"{name}@{version}")


def _tell(version: ModelVersion, *, json: bool) -> None:
    if json:
        print_json(version.row)
        return
    words = [version.uri, version.row.artifact]
    words += [f"@{alias}" for alias in version.aliases]
    words += [version.stage] if version.stage != "none" else []
    print_line("  ".join(words))


@app.command()
def trust(
    digest: Annotated[
        str,
        typer.Argument(
            metavar="DIGEST",
            help="sha256:..., as the refusal to load it tells.",
            show_default=False,
        ),
    ],
    note: Annotated[str, typer.Option("--note", help="Why, for people.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Trust it no more.")] = False,
    json: Json = False,
) -> None:
    """Let exactly this model run code that came with it, whenever you load it."""
    name = f"sha256:{trusted.read_digest(digest)}"
    if withdraw:
        if not trusted.withdraw_trust(digest):
            raise NotFound(f"{name} is not trusted; `epochal model trusted` lists what is")
    else:
        trusted.trust_model(digest, note)
    if json:
        print_json({"digest": name, "trusted": not withdraw})
    else:
        print_line(f"{name} is {'trusted no more' if withdraw else 'trusted'}")


@app.command("trusted")
def list_trusted(json: Json = False) -> None:
    """List the models that you trust to run code."""
    found = trusted.trusted_models()
    if json:
        print_json({"trusted": found})
    elif found:
        columns = [Col("digest"), Col("since", right=True), Col("note", rank=1)]
        rows = [(f"sha256:{one.digest}", ago(one.since_us), one.note) for one in found]
        print_table(columns, rows)
    else:
        note("no model is trusted to run code")


def _print_models(found: list[RegisteredModel], *, json: bool) -> None:
    if json:
        print_json({"models": [one.row for one in found]})
        return
    if not found:
        note("no registered models yet; `epochal model register NAME ARTIFACT` makes one")
        return
    columns = [Col("model"), Col("versions", right=True), Col("latest", right=True)]
    columns += [Col("aliases", most=48), Col("stages", most=48, rank=1)]
    columns += [Col("last activity", right=True, rank=1)]
    rows = [
        (
            one.name,
            str(len(one)),
            str(one.row.latest or ""),
            ", ".join(f"{alias}={number}" for alias, number in one.aliases.items()),
            ", ".join(f"{stage}={number}" for stage, number in one.row.stages.items()),
            ago(one.row.updated_us),
        )
        for one in found
    ]
    print_table(columns, rows)


def _print_versions(found: list[ModelVersion]) -> None:
    columns = [Col("version"), Col("aliases"), Col("stage"), Col("state", rank=1)]
    columns += [Col("artifact", rank=1), Col("size", right=True, rank=2)]
    columns += [Col("created", right=True, rank=2), Col("from run", rank=3)]
    rows = [
        (
            f"{one.name}/{one.version}",
            ", ".join(one.aliases),
            one.stage,
            one.state,
            _stands_on(one),
            size(one.row.size),
            ago(one.row.created_us),
            one.row.run.id if one.row.run else "",
        )
        for one in found
    ]
    print_table(columns, rows)


def _stands_on(one: ModelVersion) -> str:
    number = one.row.artifact_version
    return one.row.artifact if number is None else f"{one.row.artifact}:v{number}"


def _print_history(events: list[ModelEvent]) -> None:
    columns = [Col("when"), Col("version", right=True), Col("what"), Col("name")]
    columns += [Col("from", most=40), Col("to", most=40), Col("who", rank=1)]
    rows = [
        (
            ago(event.t_us),
            str(event.version or ""),
            event.what,
            event.name,
            event.before,
            event.after,
            event.who,
        )
        for event in events
    ]
    print_table(columns, rows)
