"""One run: its facts, its points, its console, and the few things that can be changed.

Nothing is read before it is asked for. Points are exact unless samples are asked for.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence

from epochal.api.belongings import RunBelongings
from epochal.api.count import checked_count
from epochal.api.find import find_destination
from epochal.api.history import History, bucket_history, exact_history
from epochal.api.question import (
    DeleteRun,
    MoveRun,
    ReadBuckets,
    ReadLogs,
    ReadPoints,
    StopRun,
    UpdateRun,
)
from epochal.api.series import Points, View, read_points
from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.run import RunState
from epochal.domain.view import (
    BucketQuery,
    LogLine,
    LogPage,
    Metric,
    PointQuery,
    RunChanges,
    SeriesRef,
)
from epochal.errors import InvalidInput, NotFound

POINTS_PER_REQUEST = 4_000_000
KEYS_PER_REQUEST = 500
LINES_PER_REQUEST = 5_000
MAX_SAMPLES = 8_192


class RunView(RunBelongings):
    """A run. Made by `epochal.run` and `epochal.runs`."""

    def history(
        self,
        keys: str | Iterable[str] | None = None,
        samples: int | None = None,
        view: View = "last",
    ) -> History:
        """The points of several series as one table, joined on the step.

        Args:
            keys: series, as names or patterns with ``*`` and ``?``; all but ``system/...`` by
                default.
            samples: None for every point; else at most this many buckets (1 to 8,192) with first,
                last, min, max, mean and counts, which hide no spike and no NaN.
            view: ``last`` keeps the last point of each step, in step order; ``all`` keeps every
                point as it arrived.

        Returns:
            NumPy columns, readable as pandas, Arrow or Polars frames.

        Raises:
            NotFound: the run has no such series.
            InvalidInput: ``samples`` or ``view`` is none of the above.

        Example:
            >>> epochal.run("mnist/a1b2c3d4").history(["loss", "val/*"]).to_pandas()
        """
        if view not in ("last", "all"):
            raise InvalidInput(f"view must be 'last' or 'all', got {view!r}")
        chosen = self._choose(keys)
        if samples is None:
            return exact_history(self._points(chosen, view), view)
        checked_count(samples, "samples", 1, MAX_SAMPLES)
        if not chosen:
            return exact_history([], view)
        wanted = [SeriesRef(self.uid, metric.key) for metric in chosen]
        return bucket_history(self._source.ask(ReadBuckets(BucketQuery(wanted, buckets=samples))))

    def series(self, key: str, view: View = "all") -> Points:
        """Every point of one series: arrays ``step``, ``time`` and ``value``.

        Args:
            key: the series.
            view: ``all`` keeps every point in the order of arrival; ``last`` the last one of each
                step.

        Raises:
            NotFound: the run has no such series.
        """
        if key not in self.metrics and key not in self.refresh().metrics:
            raise self._no_series(key)
        answer = self._source.ask(ReadPoints(PointQuery(self.uid, [key], view)))
        return read_points(answer)[0]

    def formula(self, text: str) -> Points:
        """A formula over metrics, such as ``val/loss - train/loss``, at each step that has all.

        Args:
            text: metrics, numbers, ``+ - * / ^`` and functions, as a chart of the page takes it.

        Raises:
            QuerySyntaxError: it does not follow the grammar; the message shows the place.
        """
        answer = self._source.ask(ReadPoints(PointQuery(self.uid, [], "last", formulas=[text])))
        return read_points(answer)[0]

    def logs(self, tail: int | None = None, search: str | None = None) -> Iterator[str]:
        """The console, line by line, without line ends; colors are kept as escape sequences.

        Args:
            tail: only the last so many lines.
            search: only lines that contain this, whatever the case.
        """
        return (line.text for line in self.log_lines(tail, search))

    def log_lines(self, tail: int | None = None, search: str | None = None) -> Iterator[LogLine]:
        """As `logs`, with the number, time, stream and writer of each line."""
        if tail is not None:
            yield from self._last_lines(checked_count(tail, "tail", 0), search)
            return
        start = 0
        while True:
            page = self._log_page(start=start, search=search)
            yield from page.lines
            if not page.lines or len(page.lines) < LINES_PER_REQUEST:
                return
            start = page.lines[-1].n + 1

    def update(
        self,
        *,
        name: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
        group: str | None = None,
        job_type: str | None = None,
        archived: bool | None = None,
    ) -> RunView:
        """Change attributes; None leaves one as it is. Returns the run itself.

        Raises:
            InvalidInput: a value cannot be used; nothing was changed.
            NotFound: the run is gone.
        """
        changes = RunChanges(
            name=name,
            notes=notes,
            tags=None if tags is None else list(tags),
            group=group,
            job_type=job_type,
            archived=archived,
        )
        self._row = self._source.ask(UpdateRun(self.uid, changes))
        return self

    def move(self, project: str, *, entity: str | None = None, id: str | None = None) -> RunView:
        """Move the run to another project, and return what it is there.

        It gets another uid and the same content: points, console, media, files, config, summary,
        tags, notes. The run as it was is archived, and its address leads to the new one. Versions
        of artifacts that it made keep their names. Moving again what was moved does nothing.

        Args:
            project: its name, or ``entity/name``; it may be new.
            entity: whose project, when ``project`` does not say.
            id: another id, where its own is taken there.

        Raises:
            Conflict: it is running or archived, or has not been sent completely; or the id is
                taken. Nothing was changed.
            NotFound: the run is gone.

        Example:
            >>> epochal.run("scratch/a1b2c3d4").move("thesis")
        """
        to = find_destination(self._source, project, entity, id or "")
        moved = RunView(self._source, self._source.ask(MoveRun(self.uid, to)))
        self.refresh()
        return moved

    def delete(self) -> None:
        """Delete the run with its journals, points and console. There is no way back.

        Raises:
            NotFound: the run is gone already.
            Conflict: it is being written at this moment.
        """
        self._source.ask(DeleteRun(self.uid))

    def stop(self) -> None:
        """Ask the process of the run to end it.

        Within seconds its ``run.should_stop`` becomes true; what the program makes of that is its
        choice, see `epochal.Settings`.

        Raises:
            NotFound: the run is gone.
            Conflict: it has ended.
        """
        self._source.ask(StopRun(self.uid))

    def matching(self, keys: str | Iterable[str]) -> list[str]:
        """Names of the series that fit any of some names or patterns; none is no error."""
        wanted = [keys] if isinstance(keys, str) else list(keys)
        known = self.metrics
        return [
            key
            for key in known
            if key in wanted or any(fnmatch.fnmatchcase(key, pattern) for pattern in wanted)
        ]

    def _choose(self, keys: str | Iterable[str] | None) -> list[Metric]:
        if self.state is RunState.RUNNING:
            self.refresh()
        known = self.metrics
        if keys is None:
            return [m for m in known.values() if not m.key.startswith(SYSTEM_PREFIX)]
        chosen: dict[str, Metric] = {}
        for wanted in [keys] if isinstance(keys, str) else keys:
            if wanted not in known:
                matches = [key for key in known if fnmatch.fnmatchcase(key, wanted)]
                if not matches:
                    raise self._no_series(wanted)
                chosen |= {key: known[key] for key in matches}
            else:
                chosen[wanted] = known[wanted]
        return list(chosen.values())

    def _no_series(self, key: str) -> NotFound:
        known = ", ".join(sorted(self.metrics)[:20]) or "none yet"
        return NotFound(f"run {self.id!r} has no series {key!r}; its series are {known}")

    def _points(self, metrics: list[Metric], view: View) -> list[Points]:
        """Ask for many series in requests of bounded size.

        Integers are asked for apart: they arrive as int64 only when no float comes along.
        """
        found: dict[str, Points] = {}
        with self._source.session():
            for keys in _parts(metrics):
                found |= {one.key: one for one in self._read(keys, view)}
        return [found[metric.key] for metric in metrics]

    def _read(self, keys: list[str], view: View) -> list[Points]:
        return read_points(self._source.ask(ReadPoints(PointQuery(self.uid, keys, view))))

    def _last_lines(self, tail: int, search: str | None) -> Iterator[LogLine]:
        if tail <= LINES_PER_REQUEST:
            if tail:
                yield from self._log_page(tail=tail, search=search).lines
            return
        if search is None:
            start = max(0, self._log_page(tail=1).total - tail)
            while lines := self._log_page(start=start).lines:
                yield from lines
                start = lines[-1].n + 1
            return
        yield from list(self.log_lines(search=search))[-tail:]

    def _log_page(
        self, start: int | None = None, tail: int | None = None, search: str | None = None
    ) -> LogPage:
        question = ReadLogs(self.uid, start, LINES_PER_REQUEST, tail, search)
        return self._source.ask(question)


def _parts(metrics: list[Metric]) -> Iterator[list[str]]:
    """Keys to ask for together: only integers or only others, and not too many points."""
    for integers in (True, False):
        part: list[str] = []
        size = 0
        for metric in metrics:
            if isinstance(metric.last, int) is not integers:
                continue
            if part and (
                size + metric.count > POINTS_PER_REQUEST or len(part) == KEYS_PER_REQUEST
            ):
                yield part
                part, size = [], 0
            part.append(metric.key)
            size += metric.count
        if part:
            yield part
