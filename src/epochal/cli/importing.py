"""What all importers of runs show: a progress bar, what came in, what did not."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from epochal.api import Reader, connect
from epochal.cli.terminal import note, print_json, print_line, stderr
from epochal.errors import NotFound
from epochal.imports.carrier import Carrier, Progress
from epochal.imports.outcome import Outcome

T = TypeVar("T")

FOUND_PROBLEMS: Final = 1
KNOWN_SECONDS: Final = 30.0
"""How long a server that runs on the home may take to see a new run."""

HomeToWrite = Annotated[
    Path | None,
    typer.Option("--home", help="Home to write; default: EPOCHAL_HOME, or the nearest .epochal."),
]
ProjectOfAll = Annotated[
    str | None, typer.Option("--project", help="Project of all runs; default: as in the source.")
]


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on standard error while the block runs, when that is a terminal."""
    console = stderr()
    parts = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Bar(*parts, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")

        def show(done: int, total: int, name: str) -> None:
            shown = "".join(c if c.isprintable() else "\ufffd" for c in name[:40])
            bar.update(task, completed=done, total=total, description=shown)

        yield show


def archive_deleted(home: Path, carrier: Carrier) -> None:
    """Archive the runs that the source has as deleted, and bring back those it has restored."""
    reader: list[Reader] = []

    def archive(uid: str, archived: bool) -> None:
        if not reader:
            reader.append(connect(home=home))
        await_known(lambda: reader[0].run(uid)).update(archived=archived)

    carrier.archive(archive)


def await_known(ask: Callable[[], T]) -> T:
    """Ask until what was just imported is known; a running server needs a moment.

    Raises:
        NotFound: it is still not known after a while.
    """
    deadline = time.monotonic() + KNOWN_SECONDS
    while True:
        try:
            return ask()
        except NotFound:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def tell_outcome(home: Path, source: str, outcome: Outcome, *, json: bool) -> None:
    """Print the report and end with 1 when something could not be read.

    Raises:
        typer.Exit: there were problems.
    """
    left = outcome.left_sentences()
    if json:
        print_json(
            {
                "home": str(home),
                "source": source,
                "runs": sorted(outcome.runs),
                "unchanged": outcome.same,
                "counts": {name: count for name, count in outcome.counts.items() if count},
                "not_carried": left,
                "problems": outcome.problems,
            }
        )
    else:
        for problem in outcome.problems:
            note(problem)
        if left:
            note("not carried: " + "; ".join(left))
        print_line(_sentence(home, outcome))
    if outcome.problems:
        raise typer.Exit(FOUND_PROBLEMS)


def _sentence(home: Path, outcome: Outcome) -> str:
    counts = [f"{count:,} {name}" for name, count in outcome.counts.most_common() if count]
    if not outcome.runs and not counts and not outcome.same:
        return f"nothing was brought into {home}"
    if not outcome.runs and not counts:
        return f"{home} has everything already that could be read; nothing is new"
    what = ", ".join(counts) or "nothing but names"
    runs = len(outcome.runs)
    where = f"into {runs} run{'' if runs == 1 else 's'} in {home}" if runs else f"into {home}"
    return f"brought {what} {where}; see them with: epochal ui"
