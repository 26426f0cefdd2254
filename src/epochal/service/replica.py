"""What a run holds of which all was written in this process: enough to show it without the index.

A client that made a run reads it back at once, often after every change. Taking each run into the
index for that costs more than all that was written; from here the answer costs nothing. Whatever
could make this differ from the index ends it: records of a kind that is not followed, steps
that go back, another writer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final

from epochal.domain.record import (
    ArtifactCommit,
    Attributes,
    Config,
    Fact,
    File,
    Labels,
    Told,
)
from epochal.domain.tracked import LastPoint

MAX_KEYS: Final = 2_000
_FOLLOWED: Final = (Labels, Told, Attributes, File, ArtifactCommit)
_WRITER_DIGITS: Final = 32


class Replica:
    """The last points of a run, and who writes it.

    Attributes:
        whole: whether it still knows everything.
        params: the run's flat config, kept up to date here.
        writers: ids of the journals that were opened for the run.
    """

    def __init__(self, params: dict[str, str]) -> None:
        self.whole = True
        self.params = params
        self.writers: set[str] = set()
        self._last: dict[str, LastPoint] = {}

    def add(
        self,
        facts: Iterable[Fact],
        points: Iterable[tuple[int, int, Sequence[str], Sequence[float]]],
    ) -> None:
        """Follow what is written."""
        for fact in facts:
            if isinstance(fact, Config):
                self._configure(fact)
            elif not isinstance(fact, _FOLLOWED):
                self.whole = False
        last = self._last
        for step, wall_us, keys, values in points:
            for key, value in zip(keys, values, strict=True):
                known = last.get(key)
                if known is not None and step < known.step:
                    self.whole = False
                last[key] = LastPoint(key, value, step, wall_us)
        if len(last) > MAX_KEYS:
            self.whole = False

    def _configure(self, fact: Config) -> None:
        if fact.removed or not all(isinstance(value, str) for value in fact.changes.values()):
            self.whole = False
        else:
            self.params.update(fact.changes)

    def metrics(self) -> list[LastPoint]:
        """The last point of each series, by key."""
        return [point for _, point in sorted(self._last.items())]

    def is_alone(self, directory: str) -> bool:
        """Whether nobody else has written the run: its directory holds no other journal."""
        try:
            names = os.listdir(directory)
        except FileNotFoundError:  # the run was deleted
            return False
        return {name[:_WRITER_DIGITS] for name in names if _is_writers(name)} <= self.writers


def _is_writers(name: str) -> bool:
    """Whether a file of a run belongs to a writer, by which its name begins."""
    head, dot, _ = name.partition(".")
    return bool(dot) and len(head) == _WRITER_DIGITS
