"""``epochal stop``: asks the processes of runs to end them."""

from __future__ import annotations

from typing import Annotated

import typer

from epochal.cli.options import Home, Json, Url, complete_run, reader_of
from epochal.cli.terminal import print_json, print_line


def stop(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Runs to stop.",
            autocompletion=complete_run,
            show_default=False,
        ),
    ],
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Ask running runs to end; their processes hear of it within seconds."""
    reader = reader_of(home, url)
    with reader.source.session():
        found = list({run.uid: run for run in map(reader.run, runs)}.values())
        for run in found:
            run.stop()
    if json:
        print_json({"asked": [run.uid for run in found]})
        return
    for run in found:
        print_line(f"asked {run.project}/{run.id} to stop; `run.should_stop` is true there now")
