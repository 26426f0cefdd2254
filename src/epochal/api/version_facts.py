"""What is known of an artifact version: names, state, words, sizes and times.

Read when first asked for and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from epochal.api.facts import datetime_of
from epochal.api.object_questions import ResolveVersion
from epochal.api.question import Source
from epochal.domain.objects import VersionDetail, VersionRow
from epochal.domain.view import RunRow

if TYPE_CHECKING:
    from epochal.api.runview import RunView

MakeRun: TypeAlias = "Callable[[Source, RunRow], RunView]"
"""How runs are shown; given, because a run shows artifacts as well."""


class VersionFacts:
    """What is known of a version of an artifact.

    Args:
        source: where to read.
        row: what a list already told.
        make_run: how to show the runs that made and used it.
    """

    def __init__(self, source: Source, row: VersionRow, make_run: MakeRun) -> None:
        self._source = source
        self._row = row
        self._make_run = make_run

    def __repr__(self) -> str:
        return f"<artifact {self._row.path} {self.type!r} {self._row.state}>"

    @property
    def row(self) -> VersionRow:
        """All that a list tells: state, sizes, times, who made it."""
        return self._row

    @property
    def detail(self) -> VersionDetail:
        """The row with makers, users and the models that stand on it."""
        if not isinstance(self._row, VersionDetail):
            self._row = self._source.ask(ResolveVersion(self.path))
        return self._row

    @property
    def path(self) -> str:
        """``entity/project/name:v3``: names this version everywhere."""
        return self._row.path

    @property
    def name(self) -> str:
        """``name:v3``."""
        return f"{self._row.name}:{self.version}"

    @property
    def artifact(self) -> str:
        """``entity/project/name``: the artifact that this is a version of."""
        return self.path.rpartition(":")[0]

    @property
    def project(self) -> str:
        """The project that it lives in."""
        return self._row.project

    @property
    def type(self) -> str:
        """What it is, such as ``dataset`` or ``model``."""
        return self._row.type

    @property
    def number(self) -> int:
        """Counts from 0; outputs of pipelines count from 1."""
        return self._row.version

    @property
    def version(self) -> str:
        """``v0``, ``v1``, ..."""
        return f"v{self._row.version}"

    @property
    def state(self) -> str:
        """``committed``, or ``pending`` while bytes are on their way."""
        return self._row.state

    @property
    def digest(self) -> str:
        """sha256 of the manifest: equal content has equal digests."""
        return self._row.digest

    @property
    def aliases(self) -> list[str]:
        """The movable names that point here. A copy; see `add_alias`."""
        return list(self._row.aliases)

    @property
    def tags(self) -> list[str]:
        """Words. A copy; see `set_tags`."""
        return list(self._row.tags)

    @property
    def metadata(self) -> dict[str, Any]:
        """What its writer added. A copy; see `set_metadata`."""
        return dict(self._row.metadata)

    @property
    def description(self) -> str:
        """Markdown."""
        return self._row.description

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        return self._row.size

    @property
    def created(self) -> datetime:
        """When its run committed it, in UTC."""
        return datetime_of(self._row.created_us)
