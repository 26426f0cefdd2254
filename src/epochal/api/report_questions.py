"""What can be asked about reports."""

from __future__ import annotations

from epochal.api.question import Question
from epochal.domain.report import (
    NewReport,
    ReportChanges,
    ReportDetail,
    ReportList,
    ReportVersion,
    ReportVersions,
)


class ListReports(Question[ReportList], frozen=True):
    """The reports of a project."""

    entity: str
    project: str


class GetReport(Question[ReportDetail], frozen=True):
    """One report with its text."""

    entity: str
    project: str
    name: str


class CreateReport(Question[ReportDetail], frozen=True):
    """Make a report."""

    new: NewReport


class ChangeReport(Question[ReportDetail], frozen=True):
    """Keep another title or text."""

    entity: str
    project: str
    name: str
    changes: ReportChanges


class DrawReport(Question[str], frozen=True):
    """A report as one HTML file."""

    entity: str
    project: str
    name: str


class ListVersions(Question[ReportVersions], frozen=True):
    """What a report said before, revision by revision."""

    entity: str
    project: str
    name: str


class GetVersion(Question[ReportVersion], frozen=True):
    """What a report said at a revision."""

    entity: str
    project: str
    name: str
    revision: int
