"""Reports of a project: Markdown with panels over its runs."""

from __future__ import annotations

from datetime import datetime

from epochal.api.facts import datetime_of
from epochal.api.question import Source
from epochal.api.report_questions import (
    ChangeReport,
    DrawReport,
    GetReport,
    GetVersion,
    ListVersions,
)
from epochal.domain.report import ReportChanges, ReportRow, ReportVersion, VersionRow


class Report:
    """A report. Made by `Reader.reports`, `Reader.report` and `Reader.add_report`.

    Args:
        source: where to read.
        row: what is known of it.
    """

    def __init__(self, source: Source, row: ReportRow) -> None:
        self._source = source
        self._row = row

    def __repr__(self) -> str:
        return f"<report {self.project}/{self.name} {self.title!r}>"

    @property
    def row(self) -> ReportRow:
        """What a list says of it."""
        return self._row

    @property
    def project(self) -> str:
        """The project whose runs it shows."""
        return self._row.project

    @property
    def name(self) -> str:
        """What stands in its address; it stays when the title changes."""
        return self._row.name

    @property
    def title(self) -> str:
        """What stands above it."""
        return self._row.title

    @property
    def updated(self) -> datetime:
        """When it was saved last."""
        return datetime_of(self._row.updated_us)

    @property
    def text(self) -> str:
        """Its Markdown, read anew."""
        return self._source.ask(GetReport(*self._place)).text

    def html(self) -> str:
        """The report as one HTML file that opens from disk; live panels as they are now."""
        return self._source.ask(DrawReport(*self._place))

    def update(self, text: str | None = None, title: str | None = None) -> None:
        """Keep another text or title.

        Raises:
            Conflict: somebody saved it since it was read; nothing was changed.
        """
        changes = ReportChanges(self._row.revision, title, text)
        self._row = self._source.ask(ChangeReport(*self._place, changes))

    def versions(self) -> list[VersionRow]:
        """Its revisions that can be read, the present one first: when, by whom, how long."""
        return self._source.ask(ListVersions(*self._place)).versions

    def version(self, revision: int) -> ReportVersion:
        """What it said at a revision.

        Raises:
            NotFound: that revision is not kept.
        """
        return self._source.ask(GetVersion(*self._place, revision))

    @property
    def _place(self) -> tuple[str, str, str]:
        return self._row.entity, self._row.project, self._row.name
