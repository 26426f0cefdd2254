"""``epochal import``: what other programs recorded becomes runs of a home."""

from __future__ import annotations

import typer

from epochal.cli.import_mlflow import mlflow
from epochal.cli.import_tables import csv, jsonl, trackio
from epochal.cli.import_tensorboard import tensorboard
from epochal.cli.import_wandb import wandb

app = typer.Typer()
app.command()(tensorboard)
app.command()(mlflow)
app.command()(wandb)
app.command()(trackio)
app.command()(csv)
app.command()(jsonl)


@app.callback()
def choose() -> None:
    """Bring in what other programs recorded."""
