"""What was made of files lately, so that the same chart costs less the next time.

Segments never change and their names are never used again, so what is kept is never out of date;
it never weighs more than it may. Safe to use from any thread. Nobody may change what it gives.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """The things that were used last, each by what it was made of.

    Args:
        weigh: how much of the limit one takes.
        limit: how much all of them may take.
    """

    def __init__(self, weigh: Callable[[Kept], int], limit: int) -> None:
        self._weigh = weigh
        self._limit = limit
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    def get(self, place: Hashable, make: Callable[[], Kept]) -> Kept:
        """The thing of a place, made when it is not kept.

        Raises:
            Whatever ``make`` raises.
        """
        with self._lock:
            known = self._kept.get(place)
            if known is not None:
                self._kept.move_to_end(place)
                return known
        made = make()
        with self._lock:
            if place not in self._kept:
                self._kept[place] = made
                self._weight += self._weigh(made)
            while self._weight > self._limit:
                _, gone = self._kept.popitem(last=False)
                self._weight -= self._weigh(gone)
        return made

    @property
    def weight(self) -> int:
        """How much of the limit is taken."""
        return self._weight
