"""What is new in a run since the last look: console lines, and points of some series.

Each look asks the source anew; nothing is held in between. A line that may still be rewritten, as
a progress bar is, is held back until another one follows it, or until it stayed the same for one
look.
"""

from __future__ import annotations

from collections.abc import Iterable

from epochal.api import Points, RunView
from epochal.api.question import ReadLogs, ReadPoints
from epochal.api.series import read_points
from epochal.domain.view import LogLine, Metric, PointQuery

LINES_PER_LOOK = 5_000


class ConsoleFollower:
    """New console lines.

    Args:
        run: the run.
        last: how many old lines the first look gives.
        search: only lines that contain this.
    """

    def __init__(self, run: RunView, last: int, search: str | None) -> None:
        self._run = run
        self._search = search
        self._last = last
        self._next: int | None = None
        self._waiting = ""

    def look(self, *, ended: bool) -> list[LogLine]:
        """Lines that were not given before; ``ended`` says that none will change any more."""
        if self._next is None:
            found = list(self._run.log_lines(tail=self._last, search=self._search))
            self._next = found[-1].n + 1 if found else self._total()
        else:
            found = self._read(self._next)
        if not found or ended:
            self._next = found[-1].n + 1 if found else self._next
            return found
        newest = found[-1]
        if newest.text != self._waiting and not self._search:
            self._waiting = newest.text
            self._next = newest.n
            return found[:-1]
        self._waiting = ""
        self._next = newest.n + 1
        return found

    def _read(self, start: int) -> list[LogLine]:
        """Lines from ``start`` on, however many pages they take."""
        lines: list[LogLine] = []
        while True:
            page = self._run.source.ask(
                ReadLogs(self._run.uid, start, LINES_PER_LOOK, None, self._search)
            )
            lines += page.lines
            if len(page.lines) < LINES_PER_LOOK:
                return lines
            start = page.lines[-1].n + 1

    def _total(self) -> int:
        return self._run.source.ask(ReadLogs(self._run.uid, tail=1)).total


class PointFollower:
    """New points of the series that fit some patterns.

    Points are told apart by their time: one that another writer logged earlier but that arrives
    later than the newest point of its series is not given.

    Args:
        run: the run; each look reads `RunView.metrics`, so refresh it before.
        patterns: names of series, with ``*`` and ``?``.
    """

    def __init__(self, run: RunView, patterns: Iterable[str]) -> None:
        self._run = run
        self._patterns = list(patterns)
        self._count: dict[str, int] = {}
        self._time: dict[str, int] = {}
        self._step: dict[str, int] = {}

    def look(self) -> list[Points]:
        """Points that were not given before, of the series that have any."""
        grown = [metric for metric in self._chosen() if self._has_grown(metric)]
        behind = [m.key for m in grown if m.key in self._step]
        found = self._read([m.key for m in grown if m.key not in self._step], None)
        if behind:
            lowest = min(self._step[key] for key in behind) + 1
            ahead = self._read(behind, lowest)
            found += ahead
            missed = [
                metric.key
                for metric in grown
                if metric.key in self._step and self._count[metric.key] < metric.count
            ]
            # A step that went back lies before the range that was read.
            found += self._read(missed, None)
        return [points for points in found if len(points)]

    def _chosen(self) -> list[Metric]:
        known = self._run.metrics
        return [known[key] for key in self._run.matching(self._patterns)]

    def _has_grown(self, metric: Metric) -> bool:
        if metric.count < self._count.get(metric.key, 0):  # a cut took points away
            self._count[metric.key] = metric.count
        return metric.count > self._count.get(metric.key, 0)

    def _read(self, keys: list[str], lowest: int | None) -> list[Points]:
        if not keys:
            return []
        query = PointQuery(self._run.uid, keys, "all", lo=lowest)
        return [self._new(one) for one in read_points(self._run.source.ask(ReadPoints(query)))]

    def _new(self, points: Points) -> Points:
        after = points.time > self._time.get(points.key, -(2**63))
        found = Points(points.key, points.step[after], points.time[after], points.value[after])
        if len(found):
            self._time[points.key] = int(found.time.max())
            self._step[points.key] = int(found.step.max())
            self._count[points.key] = self._count.get(points.key, 0) + len(found)
        return found
