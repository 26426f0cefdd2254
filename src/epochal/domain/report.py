"""Reports: Markdown of a project with panels over its runs, live or frozen.

A panel is a fenced block of the text (`epochal.reports.panel` reads it), so that the text says all
there is to a report but the points of frozen panels.
"""

from __future__ import annotations

from typing import Final

import msgspec

from epochal.domain.importance import ImportanceReport
from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.objects import MediaEntry, RunRef
from epochal.domain.view import RunPage

MAX_TITLE: Final = 200
MAX_REPORT: Final = 200_000
"""Characters of a text."""
MAX_FROZEN: Final = 200
"""Frozen panels of one report."""


class ReportRow(msgspec.Struct, frozen=True):
    """A report in a list.

    ``name`` stands in its address and stays when the title changes; ``revision`` counts the times
    that it was saved; ``deleted_us`` is None while the report is there.
    """

    entity: str
    project: str
    name: str
    title: str
    revision: int
    created_us: int
    updated_us: int
    created_by: str
    updated_by: str
    deleted_us: int | None


class ReportDetail(ReportRow, frozen=True):
    """A report with its text; ``frozen`` names the frozen panels that it keeps."""

    text: str
    frozen: list[str]


class ReportList(msgspec.Struct, frozen=True):
    """The reports of a project, the one that was changed last first."""

    reports: list[ReportRow]


class VersionRow(msgspec.Struct, frozen=True):
    """A revision of a report in a list: its title, who saved it when, and how long its text is."""

    revision: int
    title: str
    saved_us: int
    saved_by: str
    characters: int


class ReportVersions(msgspec.Struct, frozen=True):
    """The revisions of a report that can be read, the present one first."""

    versions: list[VersionRow]


class ReportVersion(msgspec.Struct, frozen=True):
    """What a report said at a revision."""

    revision: int
    title: str
    saved_us: int
    saved_by: str
    text: str


class NewReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report to make."""

    project: str
    title: str
    entity: str = DEFAULT_ENTITY
    text: str = ""


class ReportChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; None leaves it as it is.

    ``revision`` is the one that the change was made on: nothing is changed when it is another one
    by now.
    """

    revision: int
    title: str | None = None
    text: str | None = None


class NewFrozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A panel to freeze, as the lines of its block."""

    panel: str


class ShownPanel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A panel to show, as the lines of its block."""

    project: str
    panel: str
    entity: str = DEFAULT_ENTITY


class PanelRun(msgspec.Struct, frozen=True):
    """A run as a panel shows it."""

    uid: str
    id: str
    name: str
    color: int


class PanelData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a panel showed at ``at_us``.

    ``columns`` are the buckets of curves (docs/internals/wire.md) in base64, of each key all runs;
    ``table`` are the columns of scatter, bars and parallel coordinates; ``media`` the histograms
    over steps, or of a panel of media the newest of each run. ``missing`` are runs that the panel
    names and that are not there, ``moved`` those that it names and shows as they are in the
    project that they were moved to.
    """

    panel: str
    at_us: int
    runs: list[PanelRun] = []
    keys: list[str] = []
    missing: list[str] = []
    moved: list[RunRef] = []
    matched: int = 0
    columns: str | None = None
    table: RunPage | None = None
    importance: ImportanceReport | None = None
    media: list[MediaEntry] | None = None


class FrozenPanel(msgspec.Struct, frozen=True):
    """The name under which a report keeps a frozen panel, and what it shows."""

    name: str
    data: PanelData
