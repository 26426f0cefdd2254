"""Shows how far a download is, on standard error; nothing when nobody looks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from epochal.api import Downloaded
from epochal.api.download import Progress
from epochal.cli.terminal import stderr


@contextlib.contextmanager
def shown(title: str) -> Iterator[Progress]:
    """A function for ``progress=`` that moves a bar."""
    console = stderr()
    parts = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    bars = Bars(
        *parts, TransferSpeedColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    )  # fmt: skip
    with bars:
        task = bars.add_task(title, total=None)

        def advance(state: Downloaded) -> None:
            bars.update(task, completed=state.bytes, total=state.total_bytes)

        yield advance
