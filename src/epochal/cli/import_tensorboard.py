"""``epochal import tensorboard``: event files become runs of a home.

Doing it again adds only what is new; one that was cut off goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from epochal.cli.options import Json
from epochal.cli.terminal import note, print_json, print_line, stderr
from epochal.imports.tensorboard import Importer, Report
from epochal.journal.home import find_home

FOUND_PROBLEMS = 1


def tensorboard(
    directory: Annotated[
        Path, typer.Argument(help="The log directory, as TensorBoard's --logdir names it.")
    ],
    project: Annotated[
        str | None,
        typer.Option(help="Project of the runs; default: the directory's name."),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Home to write; default: EPOCHAL_HOME, or the nearest .epochal."),
    ] = None,
    json: Json = False,
) -> None:
    """Bring in every point of TensorBoard's event files; again, only what is new."""
    where = find_home(home)
    with Importer(where, directory, project) as importer:
        importer.check_something()
        _run(importer)
    report = importer.report
    problems = list(report.problems.values())
    if json:
        print_json(_facts(where, importer.project, report))
    else:
        for problem in problems:
            note(problem)
        print_line(_sentence(where, importer.project, report))
    if problems:
        raise typer.Exit(FOUND_PROBLEMS)


def _run(importer: Importer) -> None:
    console = stderr()
    parts = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *parts, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("event files", total=importer.total())
        while importer.turn():
            progress.update(task, completed=importer.report.bytes)


def _facts(home: Path, project: str, report: Report) -> dict[str, object]:
    return {
        "home": str(home),
        "project": project,
        "runs": sorted(report.runs),
        "files": len(report.files),
        "bytes": report.bytes,
        "counts": {name: count for name, count in report.counts.items() if count},
        "problems": list(report.problems.values()),
    }


def _sentence(home: Path, project: str, report: Report) -> str:
    counts = [f"{count:,} {name}" for name, count in report.counts.most_common() if count]
    if not report.runs:
        return f"{home} has everything already that could be read; nothing is new"
    runs = f"{len(report.runs)} run{'s' if len(report.runs) > 1 else ''}"
    what = ", ".join(counts) or "nothing but their names"
    return f"brought {what} into {runs} of project {project} in {home}; see them with: epochal ui"
