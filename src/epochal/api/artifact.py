"""A version of an artifact: what it holds, where it came from, its files on disk.

A version's content never changes; its aliases, tags, metadata and description may. What was read
is kept, `ArtifactVersion.refresh` reads it anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from epochal.api.checking import check_files
from epochal.api.download import Item, Progress, download
from epochal.api.files import VersionFile
from epochal.api.naming import find_reference, full_name
from epochal.api.object_questions import (
    DeleteVersion,
    DiffVersions,
    ReadLineage,
    ReadManifest,
    ResolveVersion,
    UpdateVersion,
)
from epochal.api.question import GetRun
from epochal.api.references import Reference, fetch_references
from epochal.api.version_facts import VersionFacts
from epochal.client.contents import MEDIA
from epochal.client.unpacking import unpack
from epochal.domain.artifact import Manifest, digest_of, read_manifest
from epochal.domain.objects import (
    LineageGraph,
    RunRef,
    VersionChanges,
    VersionDiff,
)
from epochal.errors import CorruptFile, InvalidInput, NotFound

if TYPE_CHECKING:
    from epochal.api.runview import RunView

FOLDER = "artifacts"


class ArtifactVersion(VersionFacts):
    """A version of an artifact. Made by `epochal.artifact` and by runs."""

    _manifest: Manifest | None = None

    @property
    def manifest(self) -> Manifest:
        """Which bytes lie at which path; read once and checked.

        Raises:
            NotFound: it is on its way.
            CorruptFile: it is not the one that was committed.
            InvalidInput: a path in it is not safe.
        """
        if self._manifest is None:
            data = self._source.ask(ReadManifest(self.path))
            if digest_of(data) != self.digest:
                raise CorruptFile(f"the manifest of {self.path}", "it does not have its digest")
            self._manifest = read_manifest(data)
        return self._manifest

    def files(self) -> list[VersionFile]:
        """All files and references, by path."""
        entries = sorted(self.manifest.entries.items())
        return [VersionFile(self._source, self.path, path, entry) for path, entry in entries]

    def get_path(self, path: str) -> VersionFile:
        """One file or reference.

        Raises:
            NotFound: there is none at this path.
        """
        entry = self.manifest.entries.get(path)
        if entry is None:
            raise NotFound(f"{self.path} has no file {path!r}; .files() lists all")
        return VersionFile(self._source, self.path, path, entry)

    def get(self, path: str) -> Any:
        """What was added under a name: the value of `Artifact.add`, such as a table; else a file.

        Raises:
            NotFound: there is nothing of this name.
        """
        if path + MEDIA in self.manifest.entries:
            return unpack(cast("Any", _Opened(self)), path)
        return self.get_path(path)

    def download(
        self,
        root: str | os.PathLike[str] | None = None,
        path_prefix: str | None = None,
        progress: Progress | None = None,
        references: bool = True,
    ) -> str:
        """Write the files to a directory; what is right there already is left alone.

        Args:
            root: the directory; ``artifacts/<name>-v3`` in the working directory by default.
            path_prefix: only this path, or what lies below this directory.
            progress: called with `epochal.api.download.Downloaded`.
            references: fetch files that the artifact only refers to from where they lie; see
                `epochal.api.references`.

        Returns:
            The directory.

        Raises:
            NotFound: nothing lies below the prefix, or bytes are on their way.
            InvalidInput: the directory cannot be written, or a reference cannot be followed.
            CorruptFile: bytes are not what was stored, or what a reference named has changed.
            StorageFull: there is no room.
            Unavailable: the server, or what a reference names, cannot be reached.
        """
        place = self.default_root if root is None else Path(os.path.abspath(root))
        chosen = self._chosen(path_prefix)
        download(
            self._source,
            [Item(file.path, file.content) for file in chosen if file.ref is None],
            place,
            progress,
        )
        if references:
            fetch_references(
                [
                    Reference(file.path, file.ref, file.size, file.digest)
                    for file in chosen
                    if file.ref is not None
                ],
                place,
            )
        return str(place)

    @property
    def default_root(self) -> Path:
        """Where `download` writes when nothing else is said."""
        return Path(os.getcwd()) / FOLDER / f"{self._row.name}-{self.version}"

    def verify(self, root: str | os.PathLike[str] | None = None) -> None:
        """Check that a directory holds exactly the files of this version.

        Raises:
            Conflict: files are missing, changed or more than there should be; it lists them.
        """
        place = self.default_root if root is None else Path(os.path.abspath(root))
        check_files(self.name, self.manifest, place)

    @property
    def run(self) -> RunView | None:
        """The run that made it; None when it is not known or was deleted."""
        maker = self._row.run
        return None if maker is None else self._show(maker)

    def used_by(self) -> list[RunView]:
        """The runs that read it, without those that were deleted."""
        self.refresh()
        unique = {use.run.uid: use.run for use in self.detail.users}
        shown = map(self._show, unique.values())
        return [run for run in shown if run is not None]

    def lineage(self, depth: int = 3) -> LineageGraph:
        """What led to this version and what came of it.

        Args:
            depth: how many versions away on each side, 1 to 10.
        """
        return self._source.ask(ReadLineage(self.path, depth))

    def diff(self, other: ArtifactVersion | str) -> VersionDiff:
        """What changed from this version to another.

        Args:
            other: a version, or its name; ``v5`` or an alias alone means this artifact's.

        Raises:
            NotFound: there is no such version.
        """
        if isinstance(other, ArtifactVersion):
            return self._source.ask(DiffVersions(self.path, other.path))
        text = other if {":", "/"} & set(other) else f"{self.artifact}:{other}"
        after = find_reference(self._source, text, self._row.project, self._row.entity)
        return self._source.ask(DiffVersions(self.path, full_name(after)))

    def add_alias(self, *aliases: str) -> Self:
        """Let aliases point here; each leaves the version that had it."""
        return self._change(VersionChanges(add_aliases=list(aliases)))

    def remove_alias(self, *aliases: str) -> Self:
        """Take aliases away."""
        return self._change(VersionChanges(remove_aliases=list(aliases)))

    def set_aliases(self, aliases: Iterable[str]) -> Self:
        """Replace all aliases but ``latest``, which follows the newest version by itself."""
        return self._change(VersionChanges(aliases=[a for a in aliases if a != "latest"]))

    def update(
        self,
        *,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
        ttl: timedelta | float | None = None,
    ) -> Self:
        """Change what is said about the version; None leaves one as it is.

        Args:
            tags: replace all tags.
            metadata: replaces all metadata.
            description: Markdown.
            ttl: from now on how long it is kept, a timedelta or seconds; 0 for ever.

        Raises:
            InvalidInput: a value cannot be used; nothing was changed.
        """
        return self._change(
            VersionChanges(
                tags=None if tags is None else list(tags),
                metadata=None if metadata is None else dict(metadata),
                description=description,
                ttl_s=None if ttl is None else _seconds(ttl),
            )
        )

    def delete(self, force: bool = False) -> None:
        """Delete the version; `epochal gc` frees its bytes.

        Args:
            force: also when it has aliases.

        Raises:
            Conflict: it has an alias other than ``latest``, or a model stands on it.
        """
        self._source.ask(DeleteVersion(self.path, force))

    def refresh(self) -> Self:
        """Read what may have changed, and return the version itself."""
        self._row = self._source.ask(ResolveVersion(self.path))
        return self

    def _change(self, changes: VersionChanges) -> Self:
        self._row = self._source.ask(UpdateVersion(self.path, changes))
        return self

    def _chosen(self, prefix: str | None) -> list[VersionFile]:
        start = (prefix or "").strip("/")
        chosen = [
            file
            for file in self.files()
            if not start or file.path == start or file.path.startswith(f"{start}/")
        ]
        if start and not chosen:
            raise NotFound(f"{self.path} has nothing at {start!r}; .files() lists all paths")
        return chosen

    def _show(self, ref: RunRef) -> RunView | None:
        try:
            return self._make_run(self._source, self._source.ask(GetRun(ref.uid)))
        except NotFound:
            return None


class _Opened:
    """An artifact version as `epochal.client.unpacking` wants it: files in a directory."""

    def __init__(self, version: ArtifactVersion) -> None:
        self._version = version

    def get_path(self, name: str) -> _OpenedFile:
        return _OpenedFile(self._version.get_path(name), self._version.default_root)


class _OpenedFile:
    def __init__(self, file: VersionFile, root: Path) -> None:
        self._file = file
        self._root = root

    def download(self) -> str:
        return self._file.download(self._root)


def _seconds(ttl: timedelta | float) -> int:
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
    if not 0 <= seconds < 2**53:
        raise InvalidInput(f"ttl is a timedelta or a number of seconds, got {ttl!r:.80}")
    return int(seconds)
