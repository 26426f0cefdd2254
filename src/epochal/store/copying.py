"""The files of a run once more, under another entity, project or id.

Segments are immutable, so that the copy shares them by hard links. Archives of facts are written
anew with another header. A journal that still lies there becomes an archive and a segment in the
copy, which holds no journals at all. Blobs are shared by digest. Left behind are the records that
make versions of artifacts and models: those stay with the run as it was.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
import zstandard

from epochal.domain.moving import PARENT
from epochal.domain.record import ArtifactCommit, Fact, Header, Labels, ModelLink
from epochal.errors import Conflict, CorruptFile
from epochal.store.archive import (
    ARCHIVE_SUFFIX,
    ARCHIVE_VERSION,
    Archive,
    archive_path,
    facts_of,
    read_archive,
    read_contacts,
)
from epochal.store.columns import merge_groups
from epochal.store.compact import new_name
from epochal.store.durable import DurableFiles
from epochal.store.ingest import open_tail
from epochal.store.schema import journal, segment
from epochal.store.segment import SegmentInfo, write_segment_to
from epochal.store.store import DIRECTORY_MODE, Store
from epochal.store.tail import JournalKey, JournalRow, Tail
from epochal.store.verify import verify

_LEFT = (ArtifactCommit, ModelLink)
_encode = msgspec.msgpack.encode

_WRITERS = (
    sa.select(journal)
    .where(journal.c.run_id == sa.bindparam("run"))
    .order_by(journal.c.started_us, journal.c.writer)
)
_SEGMENTS = sa.select(segment.c.file).where(segment.c.run_id == sa.bindparam("run"))


class Place(msgspec.Struct, frozen=True):
    """Who a run is: its uid and what that follows from."""

    uid: str
    entity: str
    project: str
    id: str


class Rewriting(msgspec.Struct, frozen=True):
    """How the facts of a run change: its place, and the uids of runs above it."""

    source: Place
    target: Place
    parents: dict[str, str]

    def facts(self, archive: Archive) -> Archive:
        """The facts of a journal of the source, as those of one of the target."""
        kept = [
            (self._fact(fact), ordinal)
            for fact, ordinal in zip(archive.facts, archive.ordinals, strict=True)
            if not isinstance(fact, _LEFT)
        ]
        return msgspec.structs.replace(
            archive, run=self.target.uid, remote=False, facts=[fact for fact, _ in kept],
            ordinals=[ordinal for _, ordinal in kept],
        )  # fmt: skip

    def _fact(self, fact: Fact) -> Fact:
        if isinstance(fact, Header):
            to = self.target
            return msgspec.structs.replace(
                fact, entity=to.entity, project=to.project, run_id=to.id
            )
        if isinstance(fact, Labels):
            changes = {name: self._label(name, text) for name, text in fact.changes.items()}
            return msgspec.structs.replace(fact, changes=changes)
        return fact

    def _label(self, name: str, text: str) -> str:
        """Clients keep the uid of a run in labels, such as those of the models that it logged."""
        if name == PARENT:
            return self.parents.get(text, text)
        return text.replace(self.source.uid, self.target.uid)


class Copy(msgspec.Struct, frozen=True):
    """The files of a run at its new place.

    Attributes:
        run_id: the row of the source.
        target: the new place.
        archives: the facts of each writer.
        written: segments that hold what was in journals, by writer; the others are the source's.
    """

    run_id: int
    target: Place
    archives: list[Archive]
    written: dict[str, tuple[str, SegmentInfo]]


def copy_files(
    store: Store,
    files: DurableFiles,
    run_id: int,
    rewriting: Rewriting,
    more: Archive,
    directory: Path,
) -> Copy:
    """Write the files of the target into a new directory; they are durable with ``files``.

    Args:
        store: the home; the caller holds ``store.moving``, and every journal is applied.
        files: the group of files that they are written with.
        run_id: the row of the source.
        rewriting: what changes.
        more: a further archive of the target.
        directory: where; not there yet.

    Raises:
        Conflict: a newer Epochal wrote records that this one cannot read.
        CorruptFile: a file of the source is damaged.
        StorageFull: no room.
        OSError: the file system failed.
    """
    directory.mkdir(mode=DIRECTORY_MODE)
    source = rewriting.source.uid
    with store.database.read() as connection:
        writers = list(connection.execute(_WRITERS, {"run": run_id}).mappings())
        contacts = read_contacts(connection, [row["id"] for row in writers])
        named = connection.execute(_SEGMENTS, {"run": run_id}).scalars().all()
    copy = Copy(run_id, rewriting.target, [], {})
    for row in writers:
        _refuse_unread(row)
        key = JournalKey(source, row["writer"])
        if row["removed"]:
            archive = read_archive(archive_path(store, source, row["writer"]))
        else:
            tail, known = _opened(store, key)
            archive = _of_journal(tail, known, contacts[row["id"]])
            _write_rows(files, tail, directory, copy)
        copy.archives.append(rewriting.facts(archive))
    copy.archives.append(more)
    for archive in copy.archives:
        write_archive_to(files, directory, archive)
    for file in named:
        path = store.segments.path(source, file)
        problems = verify(path)
        if problems:
            raise CorruptFile(path, problems[0])
        _share(path, directory / file)
    return copy


def write_archive_to(files: DurableFiles, directory: Path, archive: Archive) -> None:
    """Write an archive into the directory of its run."""
    with files.write(directory / (archive.writer + ARCHIVE_SUFFIX)) as write:
        write(zstandard.compress(_encode(archive), 6))


def _refuse_unread(row: Any) -> None:
    if row["unknown"]:
        raise Conflict(
            f"a newer Epochal wrote {row['unknown']} records of this run that this one cannot "
            f"read, so that a copy would lack them; upgrade epochal"
        )


def _of_journal(tail: Tail, known: JournalRow, contact_us: int) -> Archive:
    """The archive of a journal that lies there."""
    facts, ordinals, rows = facts_of(tail)
    return Archive(
        version=ARCHIVE_VERSION, run=tail.key.run, writer=tail.key.writer,
        created_us=tail.created_us, size=tail.offset, rows=rows, remote=False,
        lost=_is_lost(known), contact_us=contact_us, ordinals=ordinals, facts=facts,
    )  # fmt: skip


def _write_rows(files: DurableFiles, tail: Tail, directory: Path, copy: Copy) -> None:
    """The rows of a journal that lies there, as a segment of the copy."""
    groups = merge_groups(tail.content.groups)
    if groups:
        file = new_name(tail.key, tail.content.position.ordinal, tail.here().ordinal)
        copy.written[tail.key.writer] = file, write_segment_to(files, directory / file, groups)


def _opened(store: Store, key: JournalKey) -> tuple[Tail, JournalRow]:
    tail = open_tail(store, key)
    if tail is None or tail.row is None:
        raise Conflict(f"a journal of the run {key.run} is just being given up; try again")
    return tail, tail.row


def _is_lost(row: JournalRow) -> bool:
    """Nobody will ever go on with the copy of a journal."""
    return row.lost or not row.closed


def _share(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
