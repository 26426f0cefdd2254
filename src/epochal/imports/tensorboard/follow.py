"""A log directory followed live, in a thread of its own.

A large one is first read by a process of its own (`ahead`). Then the thread looks once a while and
writes what is new into the home; whoever has the home open sees it. Nothing that goes wrong in one
look ends the thread: it is told once, and the next look comes later.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from epochal.errors import EpochalError
from epochal.imports.tensorboard.ahead import read_ahead
from epochal.imports.tensorboard.importer import BUDGET, Importer

INTERVAL: Final = 0.5
"""Seconds between looks."""
SLOWEST: Final = 5.0
LARGE: Final = BUDGET
"""Bytes of event files from which on a process of its own reads them first."""
_SHARE: Final = 4.0
"""Looking may take about one part in so many of a processor."""


class Follower:
    """Follows a log directory until it is stopped.

    Args:
        home: the home.
        logdir: the log directory.
        project: where the runs go; by default named after the directory.
        tell: gets problems, each once, in a sentence.

    Raises:
        EpochalError: the directory cannot be followed; see `Importer`.
    """

    def __init__(
        self,
        home: Path,
        logdir: Path,
        project: str | None,
        tell: Callable[[str], None],
    ) -> None:
        self._importer = Importer(home, logdir, project, live=True)
        self.project = self._importer.project
        self._tell = tell
        self._told: set[str] = set()
        self._on_write: Callable[[], None] = _nobody
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="epochal-logdir", daemon=True)

    def listen(self, on_write: Callable[[], None]) -> None:
        """Have a function called now, and by the thread whenever it has written something."""
        self._on_write = on_write
        on_write()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and the runs; may take as long as one look."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()
        try:
            self._importer.close()
        except (EpochalError, OSError) as error:
            self._say(f"{self._importer.root}: {error}")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is stopped from elsewhere; whether it was."""
        return self._ending.wait(seconds)

    def _run(self) -> None:
        try:
            if sys.platform != "win32" and self._importer.total() > LARGE:
                self._read_ahead()
        except (EpochalError, OSError, ValueError) as error:  # what is left is read here
            self._say(f"{self._importer.root} is read by this process: {error}")
        while not self._ending.is_set():
            begun = time.thread_time()
            delay = INTERVAL
            try:
                if self._importer.turn():
                    delay = 0.0
                    self._on_write()
            except (EpochalError, OSError, ValueError) as error:
                self._say(f"{self._importer.root} cannot be followed now: {error}")
                delay = SLOWEST
            self._say_all(self._importer.report.problems)
            # A directory that takes long to look at is looked at less often.
            taken = time.thread_time() - begun
            self._ending.wait(max(delay, min(SLOWEST, taken * _SHARE)) if delay else 0.0)

    def _read_ahead(self) -> None:
        for problems in read_ahead(self._importer, self._ending.is_set):
            self._on_write()
            self._say_all(problems)

    def _say_all(self, problems: dict[str, str]) -> None:
        for problem in list(problems.values()):
            self._say(problem)

    def _say(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)


def _nobody() -> None:
    """Nobody listens."""
