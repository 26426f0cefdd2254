"""Coarse copies that were decoded lately, so that the same chart costs less the next time.

Segments never change and their names are never used again, so what is kept is never out of date;
it takes `KEPT_CELLS` cells at most. Safe to use from any thread. Nobody may change the arrays.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from epochal.store.mip import Mip

KEPT_CELLS: Final = 1 << 18
"""About 25 MB; a chart of a million points needs 16,000."""

Place: TypeAlias = tuple[Path, int, int]
"""A segment, and the number of a group and a column in it."""


class RecentMips:
    """The mips that were used last."""

    def __init__(self) -> None:
        self._mips: OrderedDict[Place, Mip] = OrderedDict()
        self._cells = 0
        self._lock = threading.Lock()

    def get(self, place: Place, decode: Callable[[], Mip]) -> Mip:
        """The mip of a column, decoded when it is not kept.

        Raises:
            Whatever ``decode`` raises.
        """
        with self._lock:
            known = self._mips.get(place)
            if known is not None:
                self._mips.move_to_end(place)
                return known
        mip = decode()
        with self._lock:
            if place not in self._mips:
                self._mips[place] = mip
                self._cells += len(mip.cells)
            while self._cells > KEPT_CELLS:
                _, gone = self._mips.popitem(last=False)
                self._cells -= len(gone.cells)
        return mip

    @property
    def cells(self) -> int:
        """How many cells are kept."""
        return self._cells
