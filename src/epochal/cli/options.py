"""Options that several commands share, spelled once, and the reader that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epochal.api import Reader, RunView, connect
from epochal.errors import EpochalError

Home = Annotated[
    Path | None,
    typer.Option(help="Home to read; default: EPOCHAL_HOME, or the nearest .epochal directory."),
]
Url = Annotated[
    str | None, typer.Option(help="Server to ask instead of a home; default: EPOCHAL_URL.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def complete_run(incomplete: str) -> list[str]:
    """Run ids for the shell's completion: the newest of each project. Never fails."""
    try:
        reader = connect()
        found: list[str] = []
        for project in reader.projects()[:20]:
            runs = reader.runs(project.name, entity=project.entity, limit=100)
            found += [run.id for run in runs]
            found += [f"{project.name}/{run.id}" for run in runs if incomplete]
    except (EpochalError, OSError):
        return []
    return [run for run in found if run.startswith(incomplete)]


def complete_project(incomplete: str) -> list[str]:
    """Project names for the shell's completion. Never fails."""
    try:
        names = [project.name for project in connect().projects()]
    except (EpochalError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def complete_artifact(incomplete: str) -> list[str]:
    """Artifact names for the shell's completion. Never fails."""
    try:
        found = [f"{one.project}/{one.name}" for one in connect().artifacts()]
    except (EpochalError, OSError):
        return []
    return [name for name in found if name.startswith(incomplete)]


def complete_model(incomplete: str) -> list[str]:
    """Names of registered models for the shell's completion. Never fails."""
    try:
        found = [one.name for one in connect().models()]
    except (EpochalError, OSError):
        return []
    return [name for name in found if name.startswith(incomplete)]


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Id, project/id, uid or unique name.",
        autocompletion=complete_run,
        show_default=False,
    ),
]


def reader_of(home: Path | None, url: str | None) -> Reader:
    """The reader that the options of a command name."""
    return connect(url, home=home)


def run_of(home: Path | None, url: str | None, text: str) -> RunView:
    """The run that a command's argument names."""
    return reader_of(home, url).run(text)
