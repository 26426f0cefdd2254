"""``epochal export``: points of a run or a project as one file; runs as event files or as a page.

What is written appears whole or not at all; what is there already is kept unless ``--force`` is
given.
"""

from __future__ import annotations

import os
import re
from typing import IO, Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from epochal.api import Reader, RunView
from epochal.cli.options import Home, Json, Url, complete_run, reader_of
from epochal.cli.sheet import Layout, plan, sheets
from epochal.cli.sinks import SINKS
from epochal.cli.terminal import note, print_json, print_line, stderr
from epochal.cli.whole import STDOUT, open_whole
from epochal.cli.written import Wanted, write_logdir, write_page
from epochal.errors import InvalidInput, NotFound

Format = Literal["parquet", "csv", "jsonl", "tensorboard", "html"]


def export(
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|PROJECT",
            help="A project, or a run as id or project/id.",
            autocompletion=complete_run,
            show_default=False,
        ),
    ],
    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Default: by the output's suffix, else parquet."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File or directory to write; - for standard output."),
    ] = None,
    keys: Annotated[
        list[str] | None, typer.Option("--keys", "-k", help="Only these series, as in: 'val/*'.")
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="One row per point, every point.")] = False,
    system: Annotated[bool, typer.Option("--system", help="System metrics too.")] = False,
    where: Annotated[
        str, typer.Option("--where", "-w", help="Only runs of the project that meet this.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Write points exactly, to Parquet, CSV or JSON lines; or runs, as event files or a page."""
    chosen = format or _format_of(output)
    place = output or f"{_file_name(target)}.{chosen}"
    _check_place(place, chosen, json=json, long=long)
    reader = reader_of(home, url)
    with reader.source.session():
        runs = _runs_of(reader, target, where)
        if chosen in ("tensorboard", "html"):
            write = write_page if chosen == "html" else write_logdir
            write(Wanted(place, runs, keys, system, force, json))
            return
        layout = plan(runs, keys, system=system, long=long)
        if not layout.keys:
            raise NotFound(f"nothing to export: {target!r} has no such series")
        with open_whole(place, force=force) as file:
            rows = _write(file, chosen, runs, layout)
    _tell({"path": place, "format": chosen, "runs": len(runs), "rows": rows}, layout, json=json)


def _check_place(place: str, format: Format, *, json: bool, long: bool) -> None:
    if place == STDOUT and format == "parquet":
        raise InvalidInput("Parquet is no text; name a file with --output, or use --format csv")
    if place == STDOUT and format == "tensorboard":
        raise InvalidInput("event files need a directory; name one with --output")
    if long and format in ("tensorboard", "html"):
        raise InvalidInput(f"--long is for tables; --format {format} has no rows")
    if place == STDOUT and json:
        raise InvalidInput("--json and --output - would mix on standard output; leave one out")


def _tell(done: dict[str, str | int], layout: Layout, *, json: bool) -> None:
    if layout.inexact:
        note(f"integers past 53 bits lost digits in {', '.join(sorted(layout.inexact))}")
    if json:
        print_json(done)
    elif done["path"] != STDOUT:
        print_line(f"{done['path']}: {done['rows']:,} rows of {done['runs']} runs")


def _format_of(output: str | None) -> Format:
    suffix = os.path.splitext(output or "")[1].lower()
    if suffix == ".csv" or output == STDOUT:
        return "csv"
    if suffix in (".html", ".htm"):
        return "html"
    return "jsonl" if suffix in (".jsonl", ".ndjson") else "parquet"


def _file_name(target: str) -> str:
    """A file name made of what the user typed, with nothing in it that a path could mean."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", target).strip(".-") or "export"


def _runs_of(reader: Reader, target: str, where: str) -> list[RunView]:
    names = {name for row in reader.projects() for name in (row.name, f"{row.entity}/{row.name}")}
    if target in names:
        return list(reader.runs(target, where, order="created"))
    if where:
        raise NotFound(f"--where needs a project, and there is none called {target!r}")
    return [reader.run(target)]


def _write(file: IO[bytes], format: Format, runs: list[RunView], layout: Layout) -> int:
    sink = SINKS[format](file, layout)
    rows = 0
    with _progress() as progress:
        for run in progress.track(runs, description="exporting"):
            for sheet in sheets(run, layout):
                sink.add(sheet)
                rows += len(sheet["step"].values)
    sink.close()
    return rows


def _progress() -> Progress:
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = stderr()
    return Progress(*parts, console=console, transient=True, disable=not console.is_terminal)
