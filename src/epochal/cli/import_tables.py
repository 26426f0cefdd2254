"""``epochal import csv``, ``jsonl`` and ``trackio``: tables and small trackers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from epochal.cli.importing import HomeToWrite, ProjectOfAll, progress_bar, tell_outcome
from epochal.cli.options import Json
from epochal.imports import trackio as source
from epochal.imports.outcome import Outcome
from epochal.imports.tables import Axes, Importer
from epochal.journal.home import find_home

Paths = Annotated[
    list[Path], typer.Argument(metavar="PATH...", help="Files, or directories that hold some.")
]
Step = Annotated[str | None, typer.Option(help="Column of steps; default: step, epoch, ...")]
Time = Annotated[str | None, typer.Option(help="Column of times; default: time, timestamp, ...")]
Run = Annotated[str | None, typer.Option(help="Column of runs; default: run. Else one per file.")]


def _command(kind: str, what: str) -> Callable[..., None]:
    """The command that brings in tables of one kind."""

    def bring(
        paths: Paths,
        project: ProjectOfAll = None,
        step: Step = None,
        time: Time = None,
        run: Run = None,
        home: HomeToWrite = None,
        json: Json = False,
    ) -> None:
        where = find_home(home)
        axes = Axes(step, time, run)
        together = Outcome()
        for path in paths:
            with Importer(where, path, kind, project, axes) as one, progress_bar() as progress:
                one.carry(progress)
                together.add(one.outcome)
        tell_outcome(where, ", ".join(map(str, paths)), together, json=json)

    bring.__name__ = kind
    bring.__doc__ = f"Bring in {what}; again, only what is new."
    return bring


csv = _command("csv", "CSV files, also those of Lightning's CSVLogger")
jsonl = _command("jsonl", "files of one JSON object a line")


def trackio(
    place: Annotated[
        Path | None,
        typer.Argument(help="Trackio's directory or a database in it; default: its own."),
    ] = None,
    project: ProjectOfAll = None,
    home: HomeToWrite = None,
    json: Json = False,
) -> None:
    """Bring in runs of trackio; again, only what is new."""
    where = find_home(home)
    with source.Importer(where, place or source.default_place(), project) as importer:
        with progress_bar() as progress:
            importer.carry(progress)
        tell_outcome(where, importer.source, importer.outcome, json=json)
