"""Segments whose directories are in memory, the recently used ones."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path

from epochal.journal.home import RUNS
from epochal.store.mip import CrossedCells, Mip, TimedCells
from epochal.store.mips import RecentMips
from epochal.store.reading import RecentAxes
from epochal.store.segment import Segment

KEPT = 512


class OpenSegments:
    """Opens segments and remembers them, safe to use from any thread.

    Args:
        home: the home.

    Attributes:
        computed: coarse copies of formulas over segments.
        crossed: those of series over the values of another one.
        timed: those of series over time.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open: OrderedDict[tuple[str, str], Segment] = OrderedDict()
        self._mips: RecentMips[Mip] = RecentMips()
        self._axes = RecentAxes()
        self.computed: RecentMips[Mip] = RecentMips()
        self.crossed: RecentMips[CrossedCells] = RecentMips()
        self.timed: RecentMips[TimedCells] = RecentMips()
        self._lock = threading.Lock()

    def path(self, run: str, file: str) -> Path:
        """Where a segment lies."""
        return Path(os.path.join(self._home, RUNS, run, file))

    def get(self, run: str, file: str) -> Segment:
        """A segment of a run.

        Raises:
            OSError: it cannot be read.
            CorruptFile: it is damaged.
            NewerFormat: a newer Epochal wrote it.
        """
        name = (run, file)
        with self._lock:
            found = self._open.get(name)
            if found is not None:
                self._open.move_to_end(name)
                return found
        segment = Segment(self.path(run, file), self._mips, self._axes)
        with self._lock:
            self._open[name] = segment
            if len(self._open) > KEPT:
                self._open.popitem(last=False)
        return segment

    def forget_run(self, run: str) -> None:
        """Drop what is remembered of a run."""
        with self._lock:
            for name in [name for name in self._open if name[0] == run]:
                del self._open[name]

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._open.clear()
