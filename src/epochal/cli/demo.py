"""``epochal demo``: train a small CNN on real images and watch it live.

Promises: the link is printed before training starts; every process that it started is gone when it
ends, also with its terminal; the data stays in the home. Without one, or with ``--exit``, it ends
by itself.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from epochal.api import runs as recorded_runs
from epochal.cli.child import run_child
from epochal.cli.serve import page_link
from epochal.demo.folder import find_folder
from epochal.demo.recipes import RECIPES, Recipe
from epochal.demo.server import ENDS, running_server
from epochal.errors import InvalidInput, MissingExtra
from epochal.journal.home import find_home

PROJECT = "demo"
INTERRUPTED = 130


def demo(
    data: Annotated[
        Path | None, typer.Option(help="Folder with Fashion-MNIST's four gzipped IDX files.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the images per run.")] = 5,
    runs: Annotated[int, typer.Option(min=1, help="How many runs to train.")] = 3,
    images: Annotated[int, typer.Option(min=64, help="Training images to use.")] = 10_000,
    home: Annotated[Path | None, typer.Option(help="Where the data goes.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the page; default: a free one.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the link.")] = False,
    keep: Annotated[
        bool | None,
        typer.Option("--keep/--exit", help="Serve on after training; default: on a terminal."),
    ] = None,
) -> None:
    """Train a small CNN on real images, several runs, and open the live page."""
    if find_spec("torch") is None:
        raise MissingExtra("epochal demo", "demo")
    if runs > len(RECIPES):
        raise InvalidInput(f"--runs {runs} is too many: the demo has {len(RECIPES)} recipes.")
    _hear_all_ends()
    folder = find_folder(data)
    chosen_home = find_home(home)
    console = Console(highlight=False)
    if folder is None:
        console.print(
            "Fashion-MNIST is not on this machine (Debian: apt install dataset-fashion-mnist). "
            "Training on scikit-learn's handwritten digits instead, also real images."
        )
    with running_server(chosen_home, port) as address:
        link = page_link(address, f"/p/{PROJECT}")
        console.print(f"Live page: [bold cyan]{link}[/]\n")
        if not no_browser and _has_display():
            webbrowser.open(link)
        try:
            for recipe in RECIPES[:runs]:
                console.print(f"[bold]{recipe.name}[/]: lr {recipe.lr}, width {recipe.width}")
                _train(recipe, chosen_home, folder, epochs, images)
        except KeyboardInterrupt:
            console.print("\nStopped. What was logged is kept.")
            raise typer.Exit(INTERRUPTED) from None
        console.print(_summary(chosen_home))
        console.print(f"The data lies in {chosen_home}")
        _serve_on(console, link, keep=sys.stdin.isatty() if keep is None else keep)
    console.print(f"Look again with: epochal ui --home {chosen_home}")


def _hear_all_ends() -> None:
    """A terminal that is closed, and a polite kill, end the demo as Ctrl-C does.

    The first of them does: a shell and its terminal both say that they go, and what is being ended
    then is ended once.
    """
    heard = [number for number in ENDS if signal.getsignal(number) is not signal.SIG_IGN]

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        for each in heard:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in heard:
        signal.signal(number, end)


def _train(recipe: Recipe, home: Path, folder: Path | None, epochs: int, images: int) -> None:
    """Run one recipe in a process of its own, as a user would."""
    command = [sys.executable, "-P", "-m", "epochal.demo.train", *recipe.arguments()]
    command += [f"--epochs={epochs}", f"--images={images}"]
    if folder is not None:
        command.append(f"--data={folder}")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EPOCHAL_")}
    environment["EPOCHAL_HOME"] = str(home)
    code = run_child(command, environment)
    if code == INTERRUPTED or -code in ENDS:
        raise KeyboardInterrupt
    if code != 0:
        raise typer.Exit(code if code > 0 else 1)


def _summary(home: Path) -> Table:
    """The demo's runs, best validation accuracy first; other runs may lie in its project."""
    table = Table("run", "state", "learning rate", "width", "best val/acc", "last train/loss")
    own = "config.model.width > 0 and config.lr > 0"
    for run in recorded_runs(PROJECT, home=home, where=own, order="-max(val/acc)"):
        table.add_row(
            run.name,
            str(run.state),
            f"{run.config['lr']:g}",
            str(run.config["model"]["width"]),
            _number(run.summary.get("val/acc")),
            _number(run.summary.get("train/loss")),
        )
    return table


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else "-"


def _serve_on(console: Console, link: str, *, keep: bool) -> None:
    if not keep:
        return
    console.print(f"Still serving {link} - press Ctrl-C to end.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print()


def _has_display() -> bool:
    """Whether a browser could show itself: not in CI, and on Linux only with a display."""
    if os.environ.get("CI"):
        return False
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
