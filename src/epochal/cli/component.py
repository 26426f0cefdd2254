"""``epochal experiment-tracker``, ``orchestrator`` and ``artifact-store``: the parts of stacks.

The three groups are alike: a part is a flavor with settings under a name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epochal.cli.asking import Yes, ask
from epochal.cli.options import Json
from epochal.cli.terminal import Col, note, print_json, print_table
from epochal.errors import InvalidInput
from epochal.journal.home import find_home
from epochal.pipelines import components
from epochal.pipelines.components import FLAVOR, ORCHESTRATOR, STORE, TRACKER, Kind
from epochal.pipelines.profile import DEFAULT, read_profile

Home = Annotated[
    Path | None,
    typer.Option(help="Home to use; default: EPOCHAL_HOME, or the nearest .epochal directory."),
]
Name = Annotated[str, typer.Argument(help="Its name.")]
Flavor = Annotated[str, typer.Option("--flavor", "-f", help="What it is.")]

_FREE = {"allow_extra_args": True, "ignore_unknown_options": True}


def group(kind: Kind) -> typer.Typer:
    """The commands for one kind of parts."""
    app = typer.Typer(rich_markup_mode=None)

    @app.command("register", context_settings=_FREE, help=_register_help(kind))
    def register(context: typer.Context, name: Name, flavor: Flavor, home: Home = None) -> None:
        components.register(find_home(home), kind, name, flavor, read_settings(context.args))
        note(f"{kind.word} {name!r} is registered{_use(kind, name)}")

    @app.command(
        "update",
        context_settings=_FREE,
        help="Change settings; --name= takes one away.",
    )
    def update(context: typer.Context, name: Name, home: Home = None) -> None:
        components.update(find_home(home), kind, name, read_settings(context.args))
        note(f"{kind.word} {name!r} is changed")

    @app.command("list", help=f"List the {kind.word}s, without secrets.")
    def list_all(home: Home = None, json: Json = False) -> None:
        _list(kind, find_home(home), json=json)

    @app.command("delete", help="Forget it, after asking. What a stack uses stays.")
    def delete(name: Name, yes: Yes = False, home: Home = None) -> None:
        place = find_home(home)
        components.need(read_profile(place), kind, name)
        if not yes:
            ask(f"Forget {kind.word} {name!r}?")
        components.delete(place, kind, name)
        note(f"{kind.word} {name!r} is deleted")

    return app


def _register_help(kind: Kind) -> str:
    return (
        f"Give {kind.article} {kind.word} a name; further options --name=value are its settings."
    )


def _use(kind: Kind, name: str) -> str:
    if kind is TRACKER:
        return f": @step(tracker={name!r})"
    return f"; a stack uses it: epochal stack register NAME {kind.option} {name}"


def _list(kind: Kind, place: Path, *, json: bool) -> None:
    profile = read_profile(place)
    found = dict(kind.rows(profile))
    if DEFAULT in kind.names(profile):
        found = {DEFAULT: {FLAVOR: "local"}, **found}
    if kind is STORE:
        found = {name: {**row, "path": str(place)} for name, row in found.items()}
    if json:
        print_json(found)
        return
    rows = [
        [name, each[FLAVOR], ", ".join(f"{k}={v}" for k, v in each.items() if k != FLAVOR)]
        for name, each in found.items()
    ]
    print_table([Col("name"), Col("flavor"), Col("settings", rank=1)], rows)


def read_settings(words: list[str]) -> dict[str, str]:
    """``--name=value`` and ``--name value`` as a mapping.

    Raises:
        InvalidInput: a word is neither.
    """
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, mark, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name or not (mark or rest):
            raise InvalidInput(f"a setting looks like --name=value, got {word!r:.80}")
        found[name.replace("-", "_")] = value if mark else rest.pop(0)
    return found


trackers = group(TRACKER)
orchestrators = group(ORCHESTRATOR)
stores = group(STORE)
