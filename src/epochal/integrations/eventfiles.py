"""Finds event files that appear below a directory, whoever writes them.

Looks again and again, and takes about a twentieth of a processor at most. Hidden directories,
those of packages, and whatever lies past the limit are passed over.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from epochal.client import guard

INTERVAL: Final = 1.0
"""Seconds between looks; longer where a look takes long."""
MAX_DIRECTORIES: Final = 20_000
_SHARE: Final = 20
_PASSED_OVER: Final = frozenset(
    {"__pycache__", "node_modules", "site-packages", "wandb", "mlruns"}
)


class EventFiles:
    """Tells of event files that were not there at the beginning.

    Args:
        root: the directory to look in.
        found: called with the path of each.
    """

    def __init__(self, root: Path, found: Callable[[str], None]) -> None:
        self._root = root
        self._found = found
        self._known = set(find_event_files(root))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="epochal-look", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look a last time."""
        self._ending.set()
        self._thread.join()
        self.look()

    def look(self) -> None:
        """Tell of what is new."""
        for path in find_event_files(self._root):
            if path not in self._known:
                self._known.add(path)
                self._found(path)

    def _run(self) -> None:
        delay = INTERVAL
        while not self._ending.wait(delay):
            begun = time.thread_time()
            with guard.Shield("looking for event files"):
                self.look()
            delay = max(INTERVAL, (time.thread_time() - begun) * _SHARE)


def find_event_files(root: Path) -> Iterator[str]:
    """The absolute paths of event files below a directory."""
    count = 0
    for place, folders, files in os.walk(os.path.abspath(root)):
        count += 1
        if count > MAX_DIRECTORIES:
            return
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _PASSED_OVER
        )
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        for name in sorted(files):
            if "tfevents" in name:
                yield os.path.join(place, name)
