"""``epochal init``: a home of its own for a directory. Running it twice changes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from epochal.cli.options import Json
from epochal.cli.terminal import print_json, print_line
from epochal.errors import InvalidInput
from epochal.journal.home import LOCAL_NAME, RUNS

MODE = 0o700
IGNORE_ALL = "# Made by `epochal init`: runs do not belong into version control.\n*\n"


def init(
    directory: Annotated[
        Path, typer.Argument(help="Where to make .epochal.", show_default="here")
    ] = Path(),
    json: Json = False,
) -> None:
    """Make a home, .epochal, that runs below this directory are logged to."""
    home = Path(os.path.abspath(directory)) / LOCAL_NAME
    existed = home.is_dir()
    try:
        os.makedirs(home / RUNS, mode=MODE, exist_ok=True)
        os.chmod(home, MODE)
        ignore = home / ".gitignore"
        if not ignore.exists():
            ignore.write_text(IGNORE_ALL, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            f"{home} cannot be made: {error.strerror or error}; name a directory you may write to"
        ) from error
    if json:
        print_json({"home": str(home), "created": not existed})
    else:
        print_line(f"{home} is there already" if existed else f"made {home}")
