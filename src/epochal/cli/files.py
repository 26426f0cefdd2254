"""``epochal files``: the files of a run, listed or downloaded."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Annotated

import typer

from epochal.api import RunFile
from epochal.cli.figures import ago, size
from epochal.cli.options import Home, Json, RunArgument, Url, run_of
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.cli.transfer import shown


def files(
    run: RunArgument,
    pattern: Annotated[
        str, typer.Argument(metavar="[PATTERN]", help="Only paths that fit, as in: 'out/*.png'.")
    ] = "*",
    get: Annotated[bool, typer.Option("--get", help="Download them.")] = False,
    root: Annotated[Path, typer.Option("--root", "-r", help="Directory to download to.")] = Path(),
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """List the files of a run, or download them with --get."""
    found = run_of(home, url, run)
    if get:
        with shown(found.id) as progress:
            place = found.download(root, pattern, progress)
        if json:
            print_json({"run": found.uid, "root": str(Path(place).resolve())})
        else:
            print_line(place)
        return
    chosen = [file for file in found.files() if fnmatch.fnmatchcase(file.path, pattern)]
    if json:
        print_json({"run": found.uid, "files": [file.row for file in chosen]})
    elif chosen:
        print_files(chosen)
    else:
        note("the run has no such files")


def print_files(chosen: list[RunFile]) -> None:
    """A table of files."""
    columns = [Col("file"), Col("size", right=True), Col("type", rank=2)]
    columns += [Col("changed", right=True, rank=1), Col("state", rank=1)]
    rows = [
        (
            file.path,
            size(file.size),
            file.type,
            ago(file.row.modified_us),
            "" if file.present else "on its way",
        )
        for file in chosen
    ]
    print_table(columns, rows)
