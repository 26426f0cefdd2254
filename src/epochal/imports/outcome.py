"""What an import did, what it could not read, and what the source has that has no place here."""

from __future__ import annotations

from collections import Counter

import msgspec


class Outcome(msgspec.Struct):
    """A report.

    Attributes:
        runs: names of the runs that got something, as ``project/name``.
        same: how many runs had nothing new.
        counts: how many of what came in.
        left: what was not carried: sentence to how many times.
        problems: what could not be read, in sentences.
    """

    runs: list[str] = []
    same: int = 0
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    left: Counter[str] = msgspec.field(default_factory=Counter)
    problems: list[str] = []

    def add(self, other: Outcome) -> None:
        """Take another report in."""
        self.runs += other.runs
        self.same += other.same
        self.counts += other.counts
        self.left += other.left
        self.problems += other.problems

    def left_sentences(self) -> list[str]:
        """What was not carried, most first, with its number where it came more than once."""
        return [
            sentence if count == 1 else f"{sentence} ({count:,} times)"
            for sentence, count in self.left.most_common()
        ]
