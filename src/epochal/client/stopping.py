"""Whether somebody wants this process's run to end: `Run.should_stop`.

The wish comes as a file in the run's directory, or with an answer of the server; each is heard
within seconds. What follows is the user's choice: by default only ``run.should_stop`` becomes
true, and nothing in the program changes. With the setting ``stop="interrupt"`` the main thread
gets Ctrl-C.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.client import guard
from epochal.domain.run import StopRequest
from epochal.journal.stop import read_stop

LOOK_S: Final = 0.5


class Stopping:
    """Listens for one run. A chore of its worker thread.

    Args:
        heard: called once, from a background thread, with the first wish.

    Attributes:
        heeded: whether the program saw that it shall stop.
    """

    def __init__(self, heard: Callable[[StopRequest], None]) -> None:
        self.heeded = False
        self._heard = heard
        self._asked: StopRequest | None = None
        self._lock = threading.Lock()
        self._directory: Path | None = None
        self._due = 0.0

    @property
    def wanted(self) -> bool:
        """Whether the run shall end; a program that sees it heeds it."""
        if self._asked is not None:
            self.heeded = True
        return self._asked is not None

    def watch(self, directory: Path) -> None:
        """Look for the wish in a run's directory, twice a second."""
        self._directory = directory

    def take(self, told: Any) -> None:
        """Hear the wish, as a server or the file tells it; None is no wish."""
        if told is None:
            return
        with guard.Shield("reading that the run shall stop"):
            request = msgspec.convert(told, StopRequest)
            with self._lock:
                first, self._asked = self._asked is None, self._asked or request
            if first:
                self._heard(request)

    def tend(self) -> bool:
        """Look for the file when it is time to."""
        now = time.monotonic()
        if self._directory is not None and self._asked is None and now >= self._due:
            self._due = now + LOOK_S
            self.take(read_stop(self._directory))
        return True

    def close(self) -> None:
        """Look no more."""
        self._directory = None

    def after_fork(self) -> None:
        """A child of the process is told by its parent."""
        self._lock = threading.Lock()
        self._directory = None


def interrupt_main_thread() -> None:
    """Press Ctrl-C in the main thread, also where it waits in a system call."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
