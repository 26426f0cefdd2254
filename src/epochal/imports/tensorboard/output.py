"""What the records of one stretch of event files say, before it goes into a journal.

Rows keep the number of the record that they come from, so that those of a key can be put back into
their order and a cut hides just what came before it.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

from epochal.domain.record import Fact
from epochal.imports.tensorboard.dense import Scalars


class Row(NamedTuple):
    """One number under a key."""

    order: int
    key: str
    step: int
    wall_us: int
    value: float | int | bool


class Output(msgspec.Struct):
    """Rows and facts of a stretch.

    Attributes:
        dense: scalars that came as columns; their tags are series keys.
        rows: other scalars.
        facts: with the number of their record, in order; a `Cut` hides what came before.
        counts: how many of what there were.
        ending: the state in which the run ended, as far as the files say so.
        first_us, last_us: times of the first and the last event; 0 without any.
    """

    dense: Scalars
    rows: list[Row] = []
    facts: list[tuple[int, Fact]] = []
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    ending: str | None = None
    first_us: int = 0
    last_us: int = 0

    def saw(self, wall_us: int) -> None:
        """Remember that something happened at a time."""
        if wall_us > 0:
            self.first_us = min(self.first_us or wall_us, wall_us)
            self.last_us = max(self.last_us, wall_us)
