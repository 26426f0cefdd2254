"""What a run leaves behind besides numbers: media, files, artifacts."""

from __future__ import annotations

import difflib
import fnmatch
import os
from typing import TYPE_CHECKING, cast

from epochal.api.artifact import ArtifactVersion
from epochal.api.download import Progress
from epochal.api.facts import RunFacts
from epochal.api.files import RunFile, download_files
from epochal.api.media import MediaItem, read_media
from epochal.api.object_questions import ListFiles, ListMedia, ListRunArtifacts
from epochal.api.question import Source
from epochal.domain.objects import MediaKey, MediaQuery, VersionRow
from epochal.domain.view import RunRow
from epochal.errors import NotFound

if TYPE_CHECKING:
    from epochal.api.runview import RunView


class RunBelongings(RunFacts):
    """The media, files and artifacts of a run."""

    def media_keys(self) -> list[MediaKey]:
        """The keys of its media with their kind, count and steps, by name."""
        return self._source.ask(ListMedia(self.uid)).keys

    def media(
        self,
        key: str | None = None,
        *,
        lo: int | None = None,
        hi: int | None = None,
        at: int | None = None,
    ) -> list[MediaItem]:
        """Items of media, by key and step; their bytes are read when they are asked for.

        Args:
            key: a key, or a pattern with ``*`` and ``?``; all by default.
            lo: smallest step.
            hi: greatest step.
            at: only the newest entry of each key with a step up to this one.

        Raises:
            NotFound: the run has no such media.

        Example:
            >>> epochal.run("mnist/a1b2c3d4").media("examples")[-1].to_pil().show()
        """
        with self._source.session():
            keys = [] if key is None else self._media_keys(key)
            query = MediaQuery([self.uid], keys, lo=lo, hi=hi, at=at)
            return list(read_media(self._source, query))

    def files(self) -> list[RunFile]:
        """All files of the run, by path."""
        rows = self._source.ask(ListFiles(self.uid)).files
        return [RunFile(self._source, self.uid, row) for row in rows]

    def file(self, path: str) -> RunFile:
        """One file of the run.

        Raises:
            NotFound: it has none of this path; the message names what is near.
        """
        files = {file.path: file for file in self.files()}
        if path not in files:
            raise NotFound(f"run {self.id!r} has no file {path!r}{_near(path, list(files))}")
        return files[path]

    def download(
        self,
        root: str | os.PathLike[str] = ".",
        pattern: str = "*",
        progress: Progress | None = None,
    ) -> str:
        """Write files of the run below a directory, under their paths.

        Args:
            root: the directory.
            pattern: which paths, with ``*`` (also across ``/``) and ``?``.
            progress: called with `epochal.api.download.Downloaded`.

        Returns:
            The directory.

        Raises:
            NotFound: no path fits, or bytes are on their way.
            InvalidInput: the directory cannot be written.
        """
        files = self.files()
        chosen = [file for file in files if fnmatch.fnmatchcase(file.path, pattern)]
        if not chosen:
            near = _near(pattern, [file.path for file in files])
            raise NotFound(f"run {self.id!r} has no file that fits {pattern!r}{near}")
        return download_files(self._source, chosen, root, progress)

    def artifacts(self) -> list[ArtifactVersion]:
        """The artifact versions that the run made, newest first."""
        return [self._version(row) for row in self._source.ask(ListRunArtifacts(self.uid)).made]

    def used_artifacts(self) -> list[ArtifactVersion]:
        """The artifact versions that the run read, in order; without those that are not here."""
        used = self._source.ask(ListRunArtifacts(self.uid)).used
        return [self._version(use.version) for use in used if use.version is not None]

    def _version(self, row: VersionRow) -> ArtifactVersion:
        return ArtifactVersion(self._source, row, self._another)

    def _another(self, source: Source, row: RunRow) -> RunView:
        """Another run, shown as this one is."""
        return cast("RunView", type(self)(source, row))

    def _media_keys(self, key: str) -> list[str]:
        known = [one.key for one in self.media_keys()]
        found = [key] if key in known else [one for one in known if fnmatch.fnmatchcase(one, key)]
        if not found:
            raise NotFound(f"run {self.id!r} has no media {key!r}{_near(key, known)}")
        return found


def _near(word: str, known: list[str]) -> str:
    """What there is instead, the most similar first."""
    if not known:
        return "; it has none at all"
    close = difflib.get_close_matches(word, known, 3, cutoff=0.4) or sorted(known)[:10]
    return f"; there is {', '.join(map(repr, close))}"
