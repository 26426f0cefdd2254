"""Brings runs of a source into a home as journals, everything exactly once.

A run whose fingerprint is the one of last time is not even read. Else its stream is compared with
what is here already: when it begins with that, what follows is appended; when it does not, because
the source changed behind itself, everything of the old stream is hidden by a cut and told again.
Journals of at most 64 MiB appear one after the other, each whole, so that an import that was
killed goes on behind the last one.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from epochal._version import __version__
from epochal.domain.names import DEFAULT_ENTITY, check_name, check_run_id, run_uid
from epochal.domain.record import (
    ArtifactCommit,
    Cut,
    Fact,
    File,
    Finish,
    Header,
    Media,
    Text,
)
from epochal.domain.values import INT64_MIN
from epochal.errors import EpochalError, Unavailable
from epochal.imports.found import Content, FoundRun, Item, Line, Row
from epochal.imports.ledger import Ledger, Mark
from epochal.imports.outcome import Outcome
from epochal.imports.part import Part
from epochal.journal.blobs import Blobs

LONGEST: Final = 64 * 1024 * 1024
"""Bytes after which a journal is followed by another one."""

Archive = Callable[[str, bool], None]
"""Called with a run's uid and whether it is to be archived."""
Progress = Callable[[int, int, str], None]
"""Called with the runs that are done, how many there are, and the name of the next one."""

_encode = msgspec.msgpack.Encoder().encode


class Carrier:
    """An import under way.

    Args:
        home: the home; made when missing.
        source: names the source, see `Ledger`.

    Raises:
        Unavailable: another process imports the same source.
        StorageFull: there is no room.
        OSError: the home cannot be written.
    """

    def __init__(self, home: Path, source: str) -> None:
        self.outcome = Outcome()
        self.blobs = Blobs(home)
        self._home = home
        self._ledger = Ledger(home, source)
        self._to_archive: list[tuple[str, bool]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ledger.close()

    def carry_all(
        self, runs: Iterable[FoundRun], total: int, progress: Progress | None = None
    ) -> None:
        """Bring in what is new of many runs; what is wrong with one does not stop the others.

        Raises:
            Unavailable: there is no room, or the source is out of reach; again goes on.
            OSError: the home cannot be written.
        """
        for done, found in enumerate(runs):
            if progress is not None:
                progress(done, total, found.name)
            try:
                self.carry(found)
            except Unavailable:
                raise
            except EpochalError as error:
                self.outcome.problems.append(f"run {found.name!r}: {error}")
        if progress is not None:
            progress(total, total, "")

    def carry(self, found: FoundRun) -> None:
        """Bring in what is new of a run.

        Raises:
            EpochalError: it cannot be read; nothing of the part that was under way is here.
            OSError: the home cannot be written.
        """
        project = check_name(found.project, "project name")
        run_id = check_run_id(found.run_id)
        uid = run_uid(DEFAULT_ENTITY, project, run_id)
        mark = self._ledger.marks.get(found.key) or Mark(found.key, uid)
        if mark.archived != found.archived:
            self._to_archive.append((found.key, found.archived))
        if found.fingerprint and mark.fingerprint == found.fingerprint:
            self.outcome.same += 1
            return
        content = found.read()
        self.outcome.left += content.left
        self.outcome.problems += [f"run {found.name!r}: {one}" for one in content.problems]
        telling = _Telling(self._home, self.blobs, self._ledger, mark, content, found)
        if telling.tell(project, run_id):
            self.outcome.runs.append(f"{project}/{found.name}")
            self.outcome.counts += telling.counts
        else:
            self.outcome.same += 1

    def archive(self, archive: Archive) -> None:
        """Archive, or bring back, the runs that the source has as deleted, or no longer.

        Args:
            archive: does it; may raise `EpochalError` for a run that is gone.
        """
        for key, archived in self._to_archive:
            mark = self._ledger.marks.get(key)
            if mark is None:
                continue
            try:
                archive(mark.uid, archived)
            except Unavailable:
                raise
            except EpochalError as error:
                self.outcome.problems.append(f"run {mark.uid} was not archived: {error}")
                continue
            mark.archived = archived
            self._ledger.write(mark)
        self._to_archive.clear()

    def notes(self) -> dict[str, str]:
        """The notes of all runs that are here."""
        return {
            name: text
            for mark in self._ledger.marks.values()
            if mark.uid
            for name, text in mark.notes.items()
        }

    def mark(self, key: str) -> Mark | None:
        """What is remembered of something that is no run."""
        return self._ledger.marks.get(key)

    def remember(self, mark: Mark) -> None:
        """Remember that something that is no run is here, durably."""
        self._ledger.write(mark)

    def uid_of(self, key: str) -> str | None:
        """The uid of a run that is here, by its key."""
        mark = self._ledger.marks.get(key)
        return mark.uid if mark else None


class _Telling:
    """One run being brought in."""

    def __init__(
        self,
        home: Path,
        blobs: Blobs,
        ledger: Ledger,
        mark: Mark,
        content: Content,
        found: FoundRun,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._home = home
        self._blobs = blobs
        self._ledger = ledger
        self._mark = msgspec.structs.replace(
            mark, once=list(mark.once), notes=dict(mark.notes), fingerprint=""
        )
        self._content = content
        self._found = found
        self._place = ("", "")
        self._part: Part | None = None
        self._has_blobs = False

    def tell(self, project: str, run_id: str) -> bool:
        """Write what is new; whether anything was."""
        self._place = (project, run_id)
        try:
            return self._tell()
        except BaseException:  # Ctrl-C, too: half a run must not stay in its place
            if self._part is not None:
                self._part.discard()
            raise

    def _tell(self) -> bool:
        mark, content = self._mark, self._content
        facts = _digest_of([*content.facts, content.state, content.ended_us, content.exit_code])
        once = [
            (digest, fact)
            for fact in content.once
            if (digest := _digest_of([fact])) not in mark.once
        ]
        begins_anew = not self._goes_on()
        lines = content.lines[mark.lines :]
        fresh = self._fresh_items(begins_anew)
        first = next(fresh, None)
        is_new = bool(first or begins_anew or once or lines or facts != mark.facts)
        if is_new or not mark.writer:
            if begins_anew:
                mark.items, mark.digest = 0, b""
                self._add(Cut(INT64_MIN, content.ended_us))
            for fact in content.facts:
                self._add(fact)
            self._write_stream(first, fresh)
            for digest, fact in once:
                self._add(fact)
                mark.once.append(digest)
            self._write_lines(lines)
        mark.notes.update(content.notes)
        mark.facts, mark.fingerprint = facts, self._found.fingerprint
        if self._part is not None:
            self._end(Finish(content.ended_us, content.state, content.exit_code))
            return True
        self._ledger.write(mark)
        return False

    def _goes_on(self) -> bool:
        """Whether the stream begins with what is here already."""
        if not self._mark.items:
            return True
        hashing = hashlib.blake2b(digest_size=16)
        for count, item in enumerate(self._content.stream(), 1):
            hashing.update(_encode(item))
            if count == self._mark.items:
                return hashing.digest() == self._mark.digest
        return False

    def _fresh_items(self, begins_anew: bool) -> Iterator[tuple[Item, int, bytes]]:
        """The items to write, each with the count and digest of the stream up to it."""
        known = 0 if begins_anew else self._mark.items
        hashing = hashlib.blake2b(digest_size=16)
        for count, item in enumerate(self._content.stream(), 1):
            hashing.update(_encode(item))
            if count > known:
                yield item, count, hashing.digest()

    def _write_stream(
        self,
        first: tuple[Item, int, bytes] | None,
        rest: Iterator[tuple[Item, int, bytes]],
    ) -> None:
        entry = first
        while entry is not None:
            item, self._mark.items, self._mark.digest = entry
            self._add(item)
            if self._part is not None and self._part.size > LONGEST:
                self._end(Finish(self._content.ended_us, None))
            entry = next(rest, None)

    def _write_lines(self, lines: Sequence[Line]) -> None:
        if lines:
            self._open().add_lines(lines)
            self._mark.lines += len(lines)
            self.counts["console lines"] += len(lines)

    def _add(self, item: Item) -> None:
        self._open().add(item)
        self._has_blobs = self._has_blobs or isinstance(item, (Media, File, ArtifactCommit))
        self.counts.update(_counted(item))

    def _open(self) -> Part:
        if self._part is None:
            project, run_id = self._place
            content, mark = self._content, self._mark
            started = max(content.started_us, mark.started_us + 1)
            header = Header(
                entity=DEFAULT_ENTITY, project=project, run_id=run_id, started_us=started,
                host=content.host, pid=content.pid, user=content.user, version=__version__,
                resumed=bool(mark.writer), continues=mark.writer or None,
            )  # fmt: skip
            self._part = Part(self._home, mark.uid, header)
            mark.writer, mark.started_us = self._part.writer, started
        return self._part

    def _end(self, last: Finish) -> None:
        part = self._open()
        part.prepare(last)
        if self._has_blobs:
            self._blobs.sync_all()
        self._ledger.write(self._mark)
        self._part, self._has_blobs = None, False
        part.publish()


def _counted(item: Item) -> dict[str, int]:
    if isinstance(item, Row):
        return {"points": len(item.values)}
    for kind, name in _NAMES.items():
        if isinstance(item, kind):
            return {name: 1}
    return {}


_NAMES: Final[dict[type[Fact], str]] = {
    Media: "media",
    Text: "texts",
    File: "files",
    ArtifactCommit: "artifact versions",
}


def _digest_of(values: Sequence[object]) -> bytes:
    return hashlib.blake2b(_encode(values), digest_size=8).digest()


def real_path(path: str | os.PathLike[str]) -> str:
    """An absolute path without links, with ``~`` resolved."""
    return os.path.realpath(os.path.expanduser(path))
