"""``epochal rm``: deletes runs, and only after asking. There is no way back."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from epochal.api import RunView
from epochal.cli.figures import ago
from epochal.cli.options import Home, Json, Url, complete_run, reader_of
from epochal.cli.terminal import Col, note, print_json, print_line, print_table, state_style
from epochal.errors import InvalidInput


def rm(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Runs to delete.",
            autocompletion=complete_run,
            show_default=False,
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be deleted.")
    ] = False,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Delete runs with their points, console and journals, after asking."""
    reader = reader_of(home, url)
    with reader.source.session():
        found = {run.uid: run for run in map(reader.run, runs)}
    doomed = list(found.values())
    if not json:
        _print_doomed(doomed)
    if dry_run:
        _tell(doomed, json=json, word="would_delete")
        return
    if not yes:
        _ask(len(doomed))
    for run in doomed:
        run.delete()
    _tell(doomed, json=json, word="deleted")


def _print_doomed(runs: list[RunView]) -> None:
    print_table(
        [
            Col("run"),
            Col("name", rank=1, most=32),
            Col("state", style=state_style),
            Col("created", right=True, rank=1),
        ],
        [(f"{r.project}/{r.id}", r.name, r.state, ago(r.row.created_us)) for r in runs],
    )


def _ask(count: int) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput("nobody can be asked here; add --yes to delete without asking")
    what = "this run" if count == 1 else f"these {count} runs"
    typer.confirm(f"Delete {what} for good?", abort=True)


def _tell(runs: list[RunView], *, json: bool, word: str) -> None:
    if json:
        print_json({word: [run.uid for run in runs]})
    elif word == "deleted":
        print_line(f"deleted {len(runs)}")
    else:
        note("nothing was deleted (--dry-run)")
