"""``epochal doctor``: is this installation complete, is this home sound? If not, exit code 1."""

from __future__ import annotations

import typer

from epochal.cli.checks import Finding, check_everything
from epochal.cli.options import Home, Json
from epochal.cli.terminal import Col, print_json, print_line, print_table
from epochal.journal.home import find_home

STYLES = {"ok": "green", "note": "cyan", "warning": "yellow", "error": "bold red"}


def doctor(home: Home = None, json: Json = False) -> None:
    """Check this installation and a home; changes nothing."""
    findings = list(check_everything(find_home(home)))
    wrong = [finding for finding in findings if finding.level == "error"]
    if json:
        print_json({"ok": not wrong, "checks": findings})
    else:
        _print(findings)
    if wrong:
        raise typer.Exit(1)


def _print(findings: list[Finding]) -> None:
    columns = [Col("check"), Col("state", style=lambda text: STYLES.get(text, "")), Col("found")]
    print_table(columns, [(one.name, one.level, one.text) for one in findings])
    for one in findings:
        if one.advice and one.level in ("warning", "error"):
            print_line(f"{one.name}: {one.advice}", STYLES[one.level])
