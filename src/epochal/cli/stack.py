"""``epochal stack``: named sets of tracker, artifact store and orchestrator, in one file."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from epochal.cli.asking import Yes, ask
from epochal.cli.component import Home, Name
from epochal.cli.options import Json
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.journal.home import find_home
from epochal.pipelines import stacks
from epochal.pipelines.components import FLAVOR, KINDS
from epochal.pipelines.profile import DEFAULT, Profile, Stack, read_profile

app = typer.Typer(rich_markup_mode=None)

Tracker = Annotated[
    str | None, typer.Option("--experiment-tracker", "-e", help="A registered tracker.")
]
Store = Annotated[
    str | None, typer.Option("--artifact-store", "-a", help="The home is 'default'.")
]
Orchestrator = Annotated[
    str | None,
    typer.Option("--orchestrator", "-o", help="Where steps run; this machine is 'default'."),
]


@app.command()
def register(
    name: Name,
    experiment_tracker: Tracker = None,
    artifact_store: Store = None,
    orchestrator: Orchestrator = None,
    activate: Annotated[bool, typer.Option("--set", help="Use it from now on.")] = False,
    home: Home = None,
) -> None:
    """Give a set of tracker, artifact store and orchestrator a name."""
    stack = Stack(experiment_tracker, orchestrator or DEFAULT, artifact_store or DEFAULT)
    stacks.register_stack(find_home(home), name, stack, activate=activate)
    note(f"stack {name!r} is registered" + (" and in use" if activate else ""))


@app.command()
def update(
    name: Name,
    experiment_tracker: Tracker = None,
    artifact_store: Store = None,
    orchestrator: Orchestrator = None,
    home: Home = None,
) -> None:
    """Give a stack other parts; those that are not named stay."""
    given = {
        "experiment_tracker": experiment_tracker,
        "artifact_store": artifact_store,
        "orchestrator": orchestrator,
    }
    parts = {part: each for part, each in given.items() if each is not None}
    stacks.update_stack(find_home(home), name, parts)
    note(f"stack {name!r} is changed")


@app.command()
def rename(
    name: Name,
    to: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    home: Home = None,
) -> None:
    """Give a stack another name."""
    stacks.rename_stack(find_home(home), name, to)
    note(f"stack {name!r} is called {to!r} now")


@app.command()
def delete(name: Name, yes: Yes = False, home: Home = None) -> None:
    """Forget a stack, after asking; its parts stay."""
    place = find_home(home)
    stacks.find_stack(read_profile(place), name)
    if not yes:
        ask(f"Forget stack {name!r}?")
    stacks.delete_stack(place, name)
    note(f"stack {name!r} is deleted")


@app.command("set")
def use(name: Name, home: Home = None) -> None:
    """Use a stack from now on."""
    stacks.activate_stack(find_home(home), name)
    note(f"stack {name!r} is in use")


@app.command()
def describe(
    name: Annotated[str | None, typer.Argument(help="Default: the one in use.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Show the parts of a stack with their settings, without secrets."""
    profile = read_profile(find_home(home))
    chosen = name or profile.active
    found = _described(profile, stacks.find_stack(profile, chosen))
    if json:
        print_json({"name": chosen, "active": chosen == profile.active, **found})
        return
    print_line(f"stack {chosen!r}{', in use' if chosen == profile.active else ''}")
    rows = []
    for part, each in found.items():
        more = ", ".join(f"{k}={v}" for k, v in each.items() if k not in (FLAVOR, "name"))
        rows.append([part.replace("_", " "), each["name"], each[FLAVOR], more])
    print_table([Col("part"), Col("name"), Col("flavor"), Col("settings", rank=1)], rows)


def _described(profile: Profile, stack: Stack) -> dict[str, dict[str, str]]:
    """The parts of a stack, each with its name, flavor and settings."""
    found = {}
    for kind in KINDS:
        name = getattr(stack, kind.part)
        if name is not None:
            found[kind.part] = {
                "name": name,
                **kind.rows(profile).get(name, {FLAVOR: "local"}),
            }
    return found


@app.command("list")
def list_all(home: Home = None, json: Json = False) -> None:
    """List the stacks."""
    profile = read_profile(find_home(home))
    found = {DEFAULT: Stack(), **profile.stacks}
    if json:
        told = {name: msgspec.structs.asdict(each) for name, each in found.items()}
        print_json({"active": profile.active, "stacks": told})
        return
    rows = [
        [
            "*" if name == profile.active else "",
            name,
            each.orchestrator,
            each.artifact_store,
            each.experiment_tracker or "",
        ]
        for name, each in found.items()
    ]
    columns = ["active", "name", "orchestrator", "artifact store", "experiment tracker"]
    print_table([Col(each) for each in columns], rows)
