"""``epochal stack``, ``experiment-tracker`` and ``artifact-store``: names, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epochal.cli.options import Json
from epochal.cli.terminal import Col, note, print_json, print_table
from epochal.errors import InvalidInput
from epochal.journal.home import find_home
from epochal.pipelines.stacks import (
    Stack,
    activate_stack,
    read_profile,
    register_stack,
    register_store,
    register_tracker,
)

stacks = typer.Typer(rich_markup_mode=None)
trackers = typer.Typer(rich_markup_mode=None)
stores = typer.Typer(rich_markup_mode=None)

Home = Annotated[
    Path | None,
    typer.Option(help="Home to use; default: EPOCHAL_HOME, or the nearest .epochal directory."),
]
Name = Annotated[str, typer.Argument(help="Its name.")]


@stacks.command("register")
def register(
    name: Name,
    experiment_tracker: Annotated[
        str | None, typer.Option("--experiment-tracker", "-e", help="A registered tracker.")
    ] = None,
    artifact_store: Annotated[
        str, typer.Option("--artifact-store", "-a", help="The home is 'default'.")
    ] = "default",
    orchestrator: Annotated[
        str, typer.Option("--orchestrator", "-o", help="This machine is 'default'.")
    ] = "default",
    activate: Annotated[bool, typer.Option("--set", help="Use it from now on.")] = False,
    home: Home = None,
) -> None:
    """Give a set of tracker, artifact store and orchestrator a name."""
    stack = Stack(experiment_tracker, orchestrator, artifact_store)
    register_stack(find_home(home), name, stack, activate=activate)
    note(f"stack {name!r} is registered" + (" and in use" if activate else ""))


@stacks.command("set")
def use(name: Name, home: Home = None) -> None:
    """Use a stack from now on."""
    activate_stack(find_home(home), name)
    note(f"stack {name!r} is in use")


@stacks.command("list")
def list_stacks(home: Home = None, json: Json = False) -> None:
    """List the stacks."""
    profile = read_profile(find_home(home))
    found = {"default": Stack(), **profile.stacks}
    if json:
        print_json({"active": profile.active, "stacks": found})
        return
    rows = [
        ["*" if name == profile.active else "", name, stack.experiment_tracker or ""]
        for name, stack in found.items()
    ]
    print_table([Col("active"), Col("name"), Col("experiment tracker")], rows)


@trackers.command(
    "register", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def register_experiment_tracker(
    context: typer.Context,
    name: Name,
    flavor: Annotated[str, typer.Option(help="wandb, mlflow, tensorboard or epochal.")],
    home: Home = None,
) -> None:
    """Give a tracker a name; further options such as --project_name=x are its settings."""
    register_tracker(find_home(home), name, flavor, _settings(context.args))
    note(f"tracker {name!r} is registered: @step(tracker={name!r})")


@trackers.command("list")
def list_trackers(home: Home = None, json: Json = False) -> None:
    """List the registered trackers, without their secrets."""
    found = read_profile(find_home(home)).experiment_trackers
    if json:
        print_json(found)
        return
    rows = [
        [name, each["flavor"], ", ".join(f"{k}={v}" for k, v in each.items() if k != "flavor")]
        for name, each in found.items()
    ]
    print_table([Col("name"), Col("flavor"), Col("settings", rank=1)], rows)


@stores.command("register")
def register_artifact_store(
    name: Name,
    flavor: Annotated[str, typer.Option(help="local: the home is the artifact store.")] = "local",
    path: Annotated[
        Path | None, typer.Option(help="The home; another one is chosen with EPOCHAL_HOME.")
    ] = None,
    home: Home = None,
) -> None:
    """Give the artifact store of this home another name."""
    register_store(find_home(home), name, flavor, path)
    note(f"artifact store {name!r} is registered: it is this home")


@stores.command("list")
def list_artifact_stores(home: Home = None, json: Json = False) -> None:
    """List the names of the artifact store, and where it is."""
    place = find_home(home)
    names = ["default", *read_profile(place).artifact_stores]
    if json:
        print_json({name: {"flavor": "local", "path": str(place)} for name in names})
        return
    rows = [[name, "local", str(place)] for name in names]
    print_table([Col("name"), Col("flavor"), Col("path", rank=1)], rows)


def _settings(words: list[str]) -> dict[str, str]:
    """``--name=value`` and ``--name value`` as a mapping."""
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, mark, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name or not (mark or rest):
            raise InvalidInput(f"a setting looks like --name=value, got {word!r:.80}")
        found[name.replace("-", "_")] = value if mark else rest.pop(0)
    return found
