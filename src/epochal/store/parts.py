"""A stretch of one series: what every one tells, and one that is in memory.

Columns are not copied and not locked; nobody writes into them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from epochal.store.codec import Integers, Values
from epochal.store.mip import Mip

Place: TypeAlias = tuple[Path, int, int]
"""A segment, and the numbers of a group and a column in it."""


class Stretch(Protocol):
    """A stretch of one series in arrival order, in memory (`Part`) or read on demand.

    The numbers are known without reading; the arrays and the mip may come from disk and raise
    `CorruptFile` or OSError.
    """

    @property
    def count(self) -> int:
        """Points; never 0."""

    @property
    def step_min(self) -> int:
        """Smallest step."""

    @property
    def step_max(self) -> int:
        """Greatest step."""

    @property
    def wall_min(self) -> int:
        """Earliest time."""

    @property
    def wall_max(self) -> int:
        """Latest time."""

    @property
    def order_first(self) -> int:
        """Arrival number of the first point."""

    @property
    def order_last(self) -> int:
        """Arrival number of the last point."""

    @property
    def rising(self) -> bool:
        """Whether steps strictly increase."""

    @property
    def cell_exponent(self) -> int | None:
        """Base-2 logarithm of the mip's cell width in steps; None when there is no mip."""

    @property
    def order(self) -> Integers:
        """Arrival number of each point within its journal, strictly increasing."""

    @property
    def step(self) -> Integers:
        """Step of each point."""

    @property
    def wall_us(self) -> Integers:
        """Time of each point, microseconds since 1970 UTC."""

    @property
    def value(self) -> Values:
        """Value of each point, float64 or int64."""

    @property
    def place(self) -> Hashable | None:
        """What names the column for good, where it never changes; None in memory."""

    def mip(self) -> Mip | None:
        """The coarse copy, where there is one."""


@dataclass(frozen=True, eq=False)
class Part:
    """A stretch of one series in memory.

    Attributes:
        order: int64, arrival number within the journal (its row's ordinal), strictly increasing.
        step: int64.
        wall_us: int64, microseconds since 1970 UTC.
        value: float64 or int64.
    """

    order: Integers
    step: Integers
    wall_us: Integers
    value: Values

    @property
    def count(self) -> int:
        """Points."""
        return len(self.order)

    @cached_property
    def step_min(self) -> int:
        """Smallest step."""
        return int(self.step.min())

    @cached_property
    def step_max(self) -> int:
        """Greatest step."""
        return int(self.step.max())

    @cached_property
    def wall_min(self) -> int:
        """Earliest time."""
        return int(self.wall_us.min())

    @cached_property
    def wall_max(self) -> int:
        """Latest time."""
        return int(self.wall_us.max())

    @property
    def order_first(self) -> int:
        """Arrival number of the first point."""
        return int(self.order[0])

    @property
    def order_last(self) -> int:
        """Arrival number of the last point."""
        return int(self.order[-1])

    @cached_property
    def rising(self) -> bool:
        """Whether steps strictly increase."""
        return bool(np.all(self.step[1:] > self.step[:-1]))

    @property
    def cell_exponent(self) -> int | None:
        """None: there is no mip."""
        return None

    @property
    def place(self) -> None:
        """None: points in memory move to segments."""
        return None

    def mip(self) -> Mip | None:
        """None: points in memory are read as they are."""
        return None
