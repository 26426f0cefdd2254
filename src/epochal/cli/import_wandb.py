"""``epochal import wandb``: runs that the wandb client wrote to disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epochal.cli.importing import HomeToWrite, ProjectOfAll, progress_bar, tell_outcome
from epochal.cli.options import Json
from epochal.imports.wandb import Importer
from epochal.journal.home import find_home


def wandb(
    directory: Annotated[
        Path, typer.Argument(help="The wandb directory, a run's directory, or a .wandb file.")
    ],
    project: ProjectOfAll = None,
    follow_links: Annotated[
        bool,
        typer.Option("--follow-links", help="Bring in saved files that are links to others, too."),
    ] = False,
    home: HomeToWrite = None,
    json: Json = False,
) -> None:
    """Bring in offline runs of wandb; again, only what is new."""
    where = find_home(home)
    with Importer(where, directory, project, follow_links=follow_links) as importer:
        with progress_bar() as progress:
            importer.carry(progress)
        tell_outcome(where, importer.source, importer.outcome, json=json)
