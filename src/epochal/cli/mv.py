"""``epochal mv``: moves runs to another project. Nothing is deleted; see decision 19."""

from __future__ import annotations

from typing import Annotated

import typer

from epochal.api import Moved, RunView
from epochal.api.find import find_destination
from epochal.api.several import move_runs
from epochal.cli.options import Home, Json, Url, complete_run, reader_of
from epochal.cli.terminal import Col, note, print_json, print_line, print_table, state_style
from epochal.domain.moving import MoveTo
from epochal.errors import InvalidInput


def mv(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... PROJECT",
            help="Runs, and the project to move them to; it may be new.",
            autocompletion=complete_run,
            show_default=False,
        ),
    ],
    entity: Annotated[str | None, typer.Option(help="Whose project it is.")] = None,
    id: Annotated[
        str | None, typer.Option(help="Another id for a single run, where its own is taken.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be moved.")
    ] = False,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Move runs that have ended to another project, with all that belongs to them.

    They get another uid there. The runs as they were are archived, and their addresses lead to
    the new ones; `epochal rm` removes them for good.
    """
    names, project = runs[:-1], runs[-1]
    if not names:
        raise InvalidInput(f"name the runs, then the project: epochal mv RUN... {project}")
    if id is not None and len(names) > 1:
        raise InvalidInput(f"--id is for one run, {len(names)} were named")
    reader = reader_of(home, url)
    with reader.source.session():
        going = list({run.uid: run for run in map(reader.run, names)}.values())
        to = find_destination(reader.source, project, entity, id or "")
    if dry_run:
        _tell_wish(going, to, json=json)
        return
    report = move_runs(reader.source, going, to)
    _tell(report, json=json)
    failed = [one.error for one in report if one.error is not None]
    if failed:
        raise typer.Exit(failed[0].exit_code)


def _tell_wish(runs: list[RunView], to: MoveTo, *, json: bool) -> None:
    if json:
        print_json({"would_move": [run.uid for run in runs]})
        return
    print_table(
        [Col("run"), Col("name", rank=1, most=32), Col("state", style=state_style), Col("to")],
        [(f"{r.project}/{r.id}", r.name, r.state, f"{to.project}/{to.id or r.id}") for r in runs],
    )
    note("nothing was moved (--dry-run)")


def _tell(report: list[Moved], *, json: bool) -> None:
    if json:
        print_json(
            {
                "moved": [
                    {"uid": run.uid, "new": new.uid, "project": new.project, "id": new.id}
                    for run, new, _ in report
                    if new is not None
                ],
                "failed": [
                    {"uid": run.uid, "code": error.code, "message": error.message}
                    for run, _, error in report
                    if error is not None
                ],
            }
        )
        return
    for run, new, error in report:
        old = f"{run.project}/{run.id}"
        if new is not None:
            print_line(f"{old} is {new.project}/{new.id} now")
        elif error is not None:
            note(f"{old} stays: {error.message}")
    print_line(f"moved {sum(new is not None for _, new, _ in report)} of {len(report)}")
