"""What a source offers: runs that another program recorded, and what is in them.

Pure data. An importer makes `FoundRun` values and `carrier.Carrier` brings them into a home; what
has been told before is not told again. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from epochal.domain.record import Fact
from epochal.domain.values import INT64_MAX, INT64_MIN


class Row(NamedTuple):
    """Numbers that were logged together at a step."""

    step: int
    wall_us: int
    values: dict[str, float | int | bool]


class Line(NamedTuple):
    """A line of the console; ``stream`` is 0 for stdout and 1 for stderr."""

    wall_us: int
    stream: int
    text: str


Item: TypeAlias = Row | Fact


class Content(msgspec.Struct):
    """Everything of one run.

    Attributes:
        started_us: when it began.
        ended_us: when it ended, or was last heard of.
        state: in which it is.
        facts: of which the last word counts: they may be told again whole.
        once: facts that must not be told twice, such as commits of artifacts.
        stream: points, texts and media in their order. Called again it gives the same items, and
            more behind them when the run has grown.
        lines: the console, as far as its lines are complete.
        notes: what the importer wants to remember of the run.
        left: what cannot be carried: sentence to how many times.
        problems: what could not be read, in sentences.
    """

    started_us: int
    ended_us: int
    state: str
    facts: Sequence[Fact] = []
    once: Sequence[Fact] = []
    stream: Callable[[], Iterator[Item]] = lambda: iter(())
    lines: Sequence[Line] = []
    exit_code: int | None = None
    host: str = ""
    pid: int = 0
    user: str = ""
    notes: dict[str, str] = {}
    left: Counter[str] = msgspec.field(default_factory=Counter)
    problems: list[str] = []


class FoundRun(msgspec.Struct):
    """A run of a source.

    Attributes:
        key: names it within the source, for ever.
        project: where it goes.
        run_id: its id there.
        name: what people call it.
        fingerprint: as long as it is the same there is nothing new; empty when that is not known.
        read: its content.
        archived: whether the source has it as deleted.
    """

    key: str
    project: str
    run_id: str
    name: str
    fingerprint: str
    read: Callable[[], Content]
    archived: bool = False


def clamp_step(step: int) -> int:
    """A step that fits into 64 bits."""
    return min(max(step, INT64_MIN), INT64_MAX)
