"""Under which names and types records knew an artifact that people renamed or retyped since.

A record says the name that its artifact had then. While a lost database is made anew, the record
goes to the artifact that had the name at that time, told by the clocks of records alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from epochal.store.former import Place


class Era(msgspec.Struct, array_like=True, frozen=True):
    """A name and a type that an artifact had, from after ``since_us`` up to ``until_us``."""

    name: str
    type: str
    since_us: int
    until_us: int


class Meant(NamedTuple):
    """Which artifact a record means, and the types that it may say."""

    name: str
    types: frozenset[str]


class Eras:
    """The past of all artifacts of which people said something."""

    def __init__(self) -> None:
        self._past: dict[Place, list[tuple[Era, Meant]]] = {}
        self._now: dict[Place, Meant] = {}

    def add(self, place: Place, type: str, eras: Iterable[Era]) -> None:
        """Know an artifact: what it is called now, its type, and its past from the first on."""
        entity, project, name = place
        self._now[place] = Meant(name, frozenset({type}))
        for era in eras:
            before = self._past.setdefault((entity, project, era.name), [])
            before.append((era, Meant(name, frozenset({era.type, type}))))

    def meant(self, place: Place, wall_us: int, *, kept: bool) -> Meant | None:
        """Which artifact a record means; None for one of which nobody said anything.

        Args:
            place: entity, project and name, as the record says.
            wall_us: its time.
            kept: it was written when its run was deleted, with the name of that moment.
        """
        fitting = [
            (era.until_us, meant)
            for era, meant in self._past.get(place, [])
            if wall_us <= era.until_us and (kept or era.since_us < wall_us)
        ]
        if fitting:
            return min(fitting, key=lambda one: one[0])[1]
        return self._now.get(place)
