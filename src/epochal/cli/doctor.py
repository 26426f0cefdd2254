"""``epochal doctor``: is this installation complete, is this home sound? If not, exit code 1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epochal.cli.checks import LOCK_SECONDS, Finding, check_everything
from epochal.cli.options import Home, Json
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.errors import NotFound
from epochal.journal.home import RUNS, find_home
from epochal.store import recover

STYLES = {"ok": "green", "note": "cyan", "warning": "yellow", "error": "bold red"}


def doctor(
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="First make the database anew from the runs' files."),
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every blob and compare its digest.")
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Check this installation and a home; without --rebuild it changes nothing."""
    place = find_home(home)
    if rebuild:
        _rebuild(place)
    findings = list(check_everything(place, deep=deep))
    wrong = [finding for finding in findings if finding.level == "error"]
    if json:
        print_json({"ok": not wrong, "checks": findings})
    else:
        _print(findings)
    if wrong:
        raise typer.Exit(1)


def _rebuild(home: Path) -> None:
    """Set the database aside and make a new one; names, notes, tags and keys made by hand go."""
    if not (home / RUNS).is_dir():
        raise NotFound(f"{home} is no Epochal home; name one with --home")
    report = recover.rebuild(home, wait=LOCK_SECONDS)
    for problem in report.problems + report.ingest.problems:
        note(f"{problem.path}: {problem.text}")
    note(f"the database was made anew with {report.runs} runs")
    if report.set_aside is not None:
        note(
            f"the old one is kept as {report.set_aside}; edits by hand and API keys are in it only"
        )


def _print(findings: list[Finding]) -> None:
    columns = [
        Col("check"),
        Col("state", style=lambda text: STYLES.get(text, "")),
        Col("found", wrap=True),
    ]
    print_table(columns, [(one.name, one.level, one.text) for one in findings])
    for one in findings:
        if one.advice and one.level in ("warning", "error"):
            print_line(f"{one.name}: {one.advice}", STYLES[one.level])
