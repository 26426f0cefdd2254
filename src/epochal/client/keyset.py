"""One set of keys that is logged together, and what the run remembers of its rows.

Rows are remembered by reference, so that remembering costs the caller of ``log`` next to nothing:
the last row, and every n-th row for the sparklines at the end, where n doubles as the run grows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

Number: TypeAlias = float | int | bool
Row: TypeAlias = tuple[int, int, int, Sequence[Number]]
"""``(key set id, step, wall clock in microseconds, values)``"""

MAX_SAMPLES = 128
MAX_SAMPLES_WIDE = 32
WIDE = 64


class Aggregate:
    """Minimum, maximum, mean, first and last finite value of one key.

    Kept only where a summary asks for it.
    """

    __slots__ = ("count", "first", "last", "max", "min", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.min = math.inf
        self.max = -math.inf
        self.first: Number | None = None
        self.last: Number | None = None

    def add(self, value: Number) -> None:
        """Take one more value; NaN and infinities count only as `last`."""
        self.last = value
        if self.first is None:
            self.first = value
        if math.isfinite(value):
            self.count += 1
            self.total += value
            self.min = min(self.min, value)
            self.max = max(self.max, value)

    def get(self, kind: str) -> Number | None:
        """The aggregate called ``kind``: min, max, mean, first or last."""
        if kind == "first":
            return self.first
        if kind == "last" or not self.count:
            return self.last
        return {"min": self.min, "max": self.max, "mean": self.total / self.count}.get(kind)


class KeySet:
    """A key set as one journal knows it.

    Attributes:
        id: the number of the key set in its journal.
        append: writes to that journal.
        names: the keys.
        last: the newest row.
        samples: every ``stride``-th row.
        left: rows until `observe` is due.
        watched: position and aggregate of the keys whose summary is defined.
    """

    __slots__ = ("append", "id", "last", "left", "names", "samples", "skip", "stride", "watched")

    def __init__(
        self, key_set_id: int, names: tuple[str, ...], append: Callable[[bytes], None]
    ) -> None:
        self.id = key_set_id
        self.names = names
        self.append = append
        self.last: Row = (key_set_id, 0, 0, ())
        self.samples: list[Row] = []
        self.stride = 1
        self.skip = 1
        self.left = 1
        self.watched: list[tuple[int, Aggregate]] = []

    def observe(self) -> None:
        """Remember the last row.

        Every ``stride``-th one, but look at each while keys are watched.
        """
        for position, aggregate in self.watched:
            aggregate.add(self.last[3][position])
        if self.watched:
            self.left = 1
            self.skip -= 1
            if self.skip <= 0:
                self.skip = self._sample()
        else:
            self.left = self._sample()

    def _sample(self) -> int:
        """Keep the last row, thin the samples out when they are many; rows until the next one."""
        self.samples.append(self.last)
        gap = self.stride
        if len(self.samples) >= (MAX_SAMPLES if len(self.names) <= WIDE else MAX_SAMPLES_WIDE):
            del self.samples[1::2]
            self.stride *= 2
        return gap

    def remembered(self) -> list[Row]:
        """The samples and the last row: all rows while there are few."""
        newest = self.samples[-1] if self.samples else None
        extra = [self.last] if self.last[3] and self.last is not newest else []
        return [*self.samples, *extra]

    def adopt(self, older: KeySet) -> None:
        """Go on with what an older journal's key set remembered."""
        self.last = older.last
        self.samples = older.samples
        self.stride, self.skip, self.left = older.stride, older.skip, older.left
        self.watched = older.watched
