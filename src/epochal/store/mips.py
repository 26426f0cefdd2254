"""Coarse copies that were decoded lately, so that the same chart costs less the next time.

Segments never change and their names are never used again, so what is kept is never out of date;
it takes `KEPT_CELLS` cells at most. Safe to use from any thread. Nobody may change the arrays.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from epochal.store.mip import Mip

KEPT_CELLS: Final = 1 << 18
"""About 25 MB; a chart of a million points needs 16,000."""

AnyMip = TypeVar("AnyMip", bound=Mip)


class RecentMips(Generic[AnyMip]):
    """The mips that were used last, each by what it was made of."""

    def __init__(self) -> None:
        self._mips: OrderedDict[Hashable, AnyMip] = OrderedDict()
        self._cells = 0
        self._lock = threading.Lock()

    def get(self, place: Hashable, decode: Callable[[], AnyMip]) -> AnyMip:
        """The mip of a place, decoded when it is not kept.

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
