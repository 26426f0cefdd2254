"""Asks before something is deleted; where nobody can be asked, ``--yes`` has to stand."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from epochal.errors import InvalidInput

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")]


def ask(question: str) -> None:
    """Go on only when the answer is yes.

    Raises:
        InvalidInput: there is no terminal to ask at.
    """
    if not sys.stdin.isatty():
        raise InvalidInput("nobody can be asked here; add --yes to go on without")
    typer.confirm(question, abort=True)
