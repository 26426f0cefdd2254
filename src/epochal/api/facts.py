"""The facts about a run as Python reads them: names, times as datetimes, config with dots.

They are read when first asked for and kept; `RunFacts.refresh` reads them anew. Points and console
are never kept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from epochal.api.nested import Nested, nested
from epochal.api.question import GetRun, Source
from epochal.domain.address import page_path
from epochal.domain.run import RunState
from epochal.domain.view import Metric, RunDetail, RunEvent, RunRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def datetime_of(time_us: int) -> datetime:
    """Microseconds since 1970 as a datetime in UTC, exactly."""
    return _EPOCH + timedelta(microseconds=time_us)


class RunFacts:
    """What is known about a run without its points and console.

    Args:
        source: where to read.
        row: what a list already told; a `RunDetail` saves the first reading.
        read: how a list reads the details of its runs; one question by default.
    """

    def __init__(
        self, source: Source, row: RunRow, read: Callable[[str], RunDetail] | None = None
    ) -> None:
        self._source = source
        self._row = row
        self._read_detail = read or (lambda uid: source.ask(GetRun(uid)))

    def __repr__(self) -> str:
        row = self._row
        return f"<run {row.project}/{row.id} {row.name!r} {row.state}>"

    @property
    def source(self) -> Source:
        """Where this run is read."""
        return self._source

    @property
    def id(self) -> str:
        """The id, unique in its project."""
        return self._row.id

    @property
    def uid(self) -> str:
        """32 hex digits, unique everywhere."""
        return self._row.uid

    @property
    def name(self) -> str:
        """The name that people chose or got."""
        return self._row.name

    @property
    def entity(self) -> str:
        """Whose project it is; ``local`` on one machine."""
        return self._row.entity

    @property
    def project(self) -> str:
        """The project's name."""
        return self._row.project

    @property
    def group(self) -> str:
        """The group, or empty."""
        return self._row.group

    @property
    def job_type(self) -> str:
        """What kind of job it is, or empty."""
        return self._row.job_type

    @property
    def host(self) -> str:
        """The machine that it ran on."""
        return self._row.host

    @property
    def exit_code(self) -> int | None:
        """The exit code of its program; None while it runs and after a crash."""
        return self._row.exit_code

    @property
    def last_step(self) -> int | None:
        """The largest step with a point; None when nothing was logged."""
        return self._row.last_step

    @property
    def archived(self) -> bool:
        """Whether it was put out of sight."""
        return self._row.archived

    @property
    def tags(self) -> list[str]:
        """The tags, in the order they were given."""
        return list(self._row.tags)

    @property
    def notes(self) -> str:
        """The notes, or empty."""
        return self._row.notes

    @property
    def state(self) -> RunState:
        """Where the run stood when it was last read; see `refresh`."""
        return self._row.state

    @property
    def created(self) -> datetime:
        """When the run began, in UTC."""
        return datetime_of(self._row.created_us)

    @property
    def ended(self) -> datetime | None:
        """When the run ended, in UTC; None while it runs."""
        return None if self._row.ended_us is None else datetime_of(self._row.ended_us)

    @property
    def duration(self) -> timedelta:
        """From its beginning to its end, or to its newest sign of life."""
        end = self._row.updated_us if self._row.ended_us is None else self._row.ended_us
        return timedelta(microseconds=max(0, end - self._row.created_us))

    @property
    def row(self) -> RunRow:
        """All that a list tells about a run: host, exit code, last step, first NaN, ..."""
        return self._row

    @property
    def detail(self) -> RunDetail:
        """All facts as one struct; what the other properties read from."""
        if not isinstance(self._row, RunDetail):
            self._row = self._read_detail(self._row.uid)
        return self._row

    @property
    def config(self) -> Nested:
        """The config, nested, readable with dots. A copy."""
        return nested(self.detail.config)

    @property
    def summary(self) -> dict[str, Any]:
        """Summary values by key. A copy."""
        return dict(self.detail.summary)

    @property
    def metrics(self) -> dict[str, Metric]:
        """Every series by key, with count, last, min, max, mean and the first NaN."""
        return {metric.key: metric for metric in self.detail.metrics}

    @property
    def environment(self) -> Nested:
        """Host, Python, packages, command line, git."""
        return nested(self.detail.environment)

    @property
    def events(self) -> list[RunEvent]:
        """Alerts and warnings, oldest first."""
        return list(self.detail.events)

    @property
    def url(self) -> str | None:
        """The run's address on the page; None when no server runs."""
        base = self._source.page_url()
        row = self._row
        return None if base is None else base + page_path(row.entity, row.project, row.id)

    def refresh(self) -> Self:
        """Read the facts anew, and return the run itself.

        Raises:
            NotFound: the run is gone.
        """
        self._row = self._source.ask(GetRun(self._row.uid))
        return self
