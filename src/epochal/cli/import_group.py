"""``epochal import``: what other programs left on disk becomes runs of a home."""

from __future__ import annotations

import typer

from epochal.cli.import_tensorboard import tensorboard

app = typer.Typer()
app.command()(tensorboard)


@app.callback()
def choose() -> None:
    """Bring in what other programs left on disk."""
