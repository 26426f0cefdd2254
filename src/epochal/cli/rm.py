"""``epochal rm``: deletes runs, and only after asking. There is no way back.

One that cannot go does not keep the others; the exit code is that of the first.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from epochal.api import RunView
from epochal.api.several import Deleted, delete_runs
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
        _tell_wish(doomed, json=json)
        return
    if not yes:
        _ask(len(doomed))
    report = delete_runs(reader.source, doomed)
    _tell(report, json=json)
    failed = [one.error for one in report if one.error is not None]
    if failed:
        raise typer.Exit(failed[0].exit_code)


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


def _tell_wish(runs: list[RunView], *, json: bool) -> None:
    if json:
        print_json({"would_delete": [run.uid for run in runs]})
    else:
        note("nothing was deleted (--dry-run)")


def _tell(report: list[Deleted], *, json: bool) -> None:
    gone = [run for run, error in report if error is None]
    stay = [(run, error) for run, error in report if error is not None]
    if json:
        failed = [
            {"uid": run.uid, "code": error.code, "message": error.message} for run, error in stay
        ]
        print_json({"deleted": [run.uid for run in gone], "failed": failed})
        return
    for run, error in stay:
        note(f"{run.project}/{run.id} stays: {error.message}")
    more = f" of {len(report)}" if stay else ""
    print_line(f"deleted {len(gone)}{more}")
