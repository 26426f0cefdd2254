"""An artifact with its versions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Self

from epochal.api.artifact import ArtifactVersion
from epochal.api.facts import datetime_of
from epochal.api.object_questions import (
    DeleteArtifact,
    ListVersions,
    ResolveVersion,
    UpdateArtifact,
)
from epochal.api.question import Source
from epochal.api.version_facts import MakeRun
from epochal.domain.objects import ArtifactChanges, ArtifactRow

PAGE = 1000


class ArtifactCollection:
    """An artifact: a name under which versions are kept. Made by `epochal.artifacts`.

    Args:
        source: where to read.
        row: what is known of it.
        make_run: how to show runs.
    """

    def __init__(self, source: Source, row: ArtifactRow, make_run: MakeRun) -> None:
        self._source = source
        self._row = row
        self._make_run = make_run

    def __repr__(self) -> str:
        return f"<artifact {self.path} {self.type!r}, {self._row.versions} versions>"

    def __len__(self) -> int:
        return self._row.versions

    def __iter__(self) -> Iterator[ArtifactVersion]:
        return iter(self.versions())

    @property
    def row(self) -> ArtifactRow:
        """All that a list tells."""
        return self._row

    @property
    def path(self) -> str:
        """``entity/project/name``."""
        return self._row.path

    @property
    def name(self) -> str:
        """The bare name."""
        return self._row.name

    @property
    def project(self) -> str:
        """The project that it lives in."""
        return self._row.project

    @property
    def type(self) -> str:
        """What it is, such as ``dataset``."""
        return self._row.type

    @property
    def description(self) -> str:
        """Markdown."""
        return self._row.description

    @property
    def aliases(self) -> list[str]:
        """All aliases of its versions."""
        return list(self._row.aliases)

    @property
    def size(self) -> int:
        """Bytes of all versions together; what they share counts several times."""
        return self._row.size

    @property
    def updated(self) -> datetime:
        """When its newest version came, in UTC."""
        return datetime_of(self._row.updated_us)

    @property
    def latest(self) -> ArtifactVersion | None:
        """The newest version that is committed; None when there is none."""
        if self._row.latest is None:
            return None
        detail = self._source.ask(ResolveVersion(f"{self.path}:v{self._row.latest}"))
        return ArtifactVersion(self._source, detail, self._make_run)

    def versions(self) -> list[ArtifactVersion]:
        """All versions, newest first."""
        found: list[ArtifactVersion] = []
        with self._source.session():
            while True:
                page = self._source.ask(ListVersions(self.path, PAGE, len(found)))
                found += [
                    ArtifactVersion(self._source, row, self._make_run) for row in page.versions
                ]
                if len(found) >= page.total or not page.versions:
                    return found

    @property
    def tags(self) -> list[str]:
        """Tags of the artifact; its versions have their own."""
        return list(self._row.tags)

    def update(
        self,
        *,
        description: str | None = None,
        name: str | None = None,
        type: str | None = None,
        tags: list[str] | None = None,
    ) -> Self:
        """Change what is said of it; returns the artifact itself. None leaves something as it is.

        Args:
            description: Markdown.
            name: its new name; the former one leads on until another artifact takes it.
            type: its new type. Whoever logs the next version must give that.
            tags: all its tags from now on.

        Raises:
            Conflict: another artifact of the project has the name.
        """
        changes = ArtifactChanges(description, name, type, tags)
        self._row = self._source.ask(UpdateArtifact(self.path, changes))
        return self

    def delete(self) -> None:
        """Delete it with all versions; `epochal gc` frees their bytes.

        Raises:
            Conflict: a registered model stands on one of them.
        """
        self._source.ask(DeleteArtifact(self.path))
