"""Journals that arrive over the network, appended to the home's own copies.

What `receive` acknowledges is whole frames, checked and synced to the device. Bytes that are there
already are skipped, so sending twice is harmless; a gap is refused with the offset to go on from.
Any failure leaves the copy exactly as long as it was, and what a crash leaves of an unfinished
frame is cut off before anything else happens (`store.mend`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import sqlalchemy as sa

from epochal.domain.names import check_uid, run_uid
from epochal.domain.record import Header
from epochal.errors import (
    CorruptFile,
    InvalidInput,
    OffsetMismatch,
    StorageFull,
    Unavailable,
)
from epochal.journal.frame import (
    FILE_HEADER_SIZE,
    FRAME_HEADER_SIZE,
    scan_frames,
    unpack_file_header,
)
from epochal.journal.home import run_directory
from epochal.journal.reader import JournalReader, decode_payloads
from epochal.journal.stop import forget_stop
from epochal.store.mend import mend, note_acknowledged
from epochal.store.schema import journal, run
from epochal.store.store import DIRECTORY_MODE, Store
from epochal.store.tail import JournalKey

FILE_MODE = 0o600
RESERVE = 64 * 1024 * 1024
"""Bytes that must stay free on the disk, so that the index and segments can still be written."""
HEAD = 1 << 16

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_locks: dict[JournalKey, threading.Lock] = {}
_locks_guard = threading.Lock()


class Origin(msgspec.Struct, frozen=True):
    """Where a journal belongs, by its header record."""

    entity: str
    project: str
    run_id: str


def received(store: Store, uid: str, writer: str) -> int:
    """How many bytes of a journal are held durably; 0 when nothing is known of it.

    Of a journal that is written on this very home: how many are written. Its file is longer, as
    its writer makes room ahead.

    Raises:
        InvalidInput: a uid is malformed.
        CorruptFile: bytes that were acknowledged are damaged.
    """
    key = _key(uid, writer)
    mend(store, key)
    path = key.path(store.home)
    with contextlib.suppress(FileNotFoundError):
        is_copy = os.path.exists(key.remote_mark(store.home))
        return os.stat(path).st_size if is_copy else _written(store, key)
    return _given_up(store, key)


def _written(store: Store, key: JournalKey) -> int:
    """Where the last frame of a journal of this home ends; known up to where it was ingested."""
    tail = store.tails.get(key)
    reader = JournalReader(key.path(store.home), 0 if tail is None else tail.offset)
    while (entry := reader.read()).end > entry.start:
        pass
    return reader.offset


def read_origin(body: bytes) -> Origin:
    """Where the first stretch of a journal says that it belongs.

    For checking permission before `receive`.

    Raises:
        InvalidInput: this is not the beginning of a journal.
    """
    header = _first_record(body)
    return Origin(header.entity, header.project, header.run_id)


def origin_of(store: Store, uid: str, writer: str) -> Origin | None:
    """Where a journal that is held already belongs; None when it is not known.

    Raises:
        InvalidInput: a uid is malformed.
    """
    path = _key(uid, writer).path(store.home)
    try:
        with open(path, "rb") as file:
            return read_origin(_first_frames(file.read(HEAD)))
    except (FileNotFoundError, InvalidInput):
        return None


def receive(store: Store, uid: str, writer: str, offset: int, body: bytes) -> int:
    """Append a stretch of a journal to the home's copy.

    Args:
        store: the home.
        uid: the run.
        writer: the writer.
        offset: where in the journal the stretch begins.
        body: whole frames; at offset 0 the file header comes before them. Empty means only that
            the writer lives.

    Returns:
        The number of bytes held now, all of them durable.

    Raises:
        OffsetMismatch: bytes between what is held and ``offset`` are missing.
        InvalidInput: this is not a stretch of that journal; nothing was changed.
        StorageFull: no room; nothing was changed.
        Unavailable: the file system failed; nothing was changed, try again.
        CorruptFile: bytes that were acknowledged are damaged; nothing was changed.
    """
    key = _key(uid, writer)
    with _lock_of(key), _translated(key.path(store.home)):
        mend(store, key)
        path = key.path(store.home)
        held = _size(path)
        if held is None:
            held = _given_up(store, key)
            if held:
                return held
        if _is_own(store, key, offset, body):
            return offset + len(body)
        if offset > held or offset < 0:
            raise OffsetMismatch(held, offset)
        fresh = body[held - offset :]
        if fresh:
            _check(key, fresh, held)
            _check_reserve(store.home, len(fresh))
            _mark_contact(store, key)
            _append(store, key, held, fresh)
            if held == 0:
                _begin_anew(store, key, fresh)
        elif held:
            _mark_contact(store, key)
        return held + len(fresh)


def _key(uid: str, writer: str) -> JournalKey:
    return JournalKey(check_uid(uid), check_uid(writer, "writer uid"))


def _lock_of(key: JournalKey) -> threading.Lock:
    with _locks_guard:
        return _locks.setdefault(key, threading.Lock())


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def _is_own(store: Store, key: JournalKey, offset: int, body: bytes) -> bool:
    """Whether a writer on this very home sends what it wrote here: there is nothing to add.

    It maps the file, so the file must not be marked as a copy, which would be cut to its frames.
    """
    if offset < 0 or os.path.exists(key.remote_mark(store.home)):
        return False
    try:
        with open(key.path(store.home), "rb") as file:
            file.seek(offset)
            return file.read(len(body)) == body
    except FileNotFoundError:
        return False


def _given_up(store: Store, key: JournalKey) -> int:
    """The size that a journal had whose file is gone because all of it is in segments."""
    query = (
        sa.select(journal.c.facts_pos)
        .join(run, run.c.id == journal.c.run_id)
        .where(
            run.c.uid == key.run, journal.c.writer == key.writer, journal.c.removed == sa.true()
        )
    )
    with store.database.read() as connection:
        return int(connection.execute(query).scalar() or 0)


def _check(key: JournalKey, fresh: bytes, held: int) -> None:
    """Refuse what is not the continuation of this journal.

    Raises:
        InvalidInput: with what was expected.
    """
    start = 0
    if held == 0:
        start = FILE_HEADER_SIZE
        _check_beginning(key, fresh)
    scan = scan_frames(fresh, start)
    if scan.end != len(fresh) or scan.damaged:
        raise InvalidInput(
            f"the bytes from offset {held + scan.end} are no whole frame with a good checksum; "
            f"send stretches that end at a frame's end"
        )


def _check_beginning(key: JournalKey, body: bytes) -> None:
    header = _first_record(body)
    file_header = unpack_file_header(body, "the body")
    if (file_header.run, file_header.writer) != (key.run, key.writer):
        raise InvalidInput(
            f"this is the journal of run {file_header.run}, writer {file_header.writer}, "
            f"sent to run {key.run}, writer {key.writer}"
        )
    if run_uid(header.entity, header.project, header.run_id) != key.run:
        raise InvalidInput(
            f"the header names the run {header.run_id[:80]!r} of {header.project[:80]!r}, "
            f"which has another uid"
        )


def _begin_anew(store: Store, key: JournalKey, body: bytes) -> None:
    """A process goes on with the run: that an earlier one should stop is over."""
    header = _first_record(body)
    if header.resumed and header.continues is None:
        forget_stop(run_directory(store.home, key.run))


def _first_record(body: bytes) -> Header:
    try:
        unpack_file_header(body, "the body")
    except CorruptFile as error:
        raise InvalidInput(f"this is not the beginning of a journal: {error.problem}") from error
    scan = scan_frames(body, FILE_HEADER_SIZE, 1)
    facts = decode_payloads(scan.payloads[:1], {}, 0, 0).facts
    if not facts or not isinstance(facts[0], Header):
        raise InvalidInput("the first record of a journal must be its header")
    return facts[0]


def _first_frames(head: bytes) -> bytes:
    return head if len(head) > FILE_HEADER_SIZE + FRAME_HEADER_SIZE else b""


def _check_reserve(home: Path, size: int) -> None:
    found = os.statvfs(home)
    free = found.f_bavail * found.f_frsize
    if free < size + RESERVE:
        raise StorageFull(
            f"the disk under {home} has {free} bytes left, {size + RESERVE} are needed; "
            f"free some space, the sender tries again"
        )


def _mark_contact(store: Store, key: JournalKey) -> None:
    """Touch the mark that says: received, and heard of just now.

    It is there before the journal is.
    """
    mark = key.remote_mark(store.home)
    os.makedirs(os.path.dirname(mark), mode=DIRECTORY_MODE, exist_ok=True)
    with _translated(mark):
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
        os.utime(mark)


def _append(store: Store, key: JournalKey, held: int, fresh: bytes) -> None:
    """Write and sync; on failure the file is as long as before."""
    path = key.path(store.home)
    with _translated(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            _write(descriptor, held, fresh)
            os.fdatasync(descriptor)
            if held == 0:
                _sync_directory(os.path.dirname(path))
        except BaseException:
            try:
                os.ftruncate(descriptor, held)
            except OSError:
                store.mended.discard(key)  # it is cut at the next contact
            if held == 0:
                with contextlib.suppress(OSError):
                    os.unlink(path)
            raise
        finally:
            os.close(descriptor)
        note_acknowledged(store, key, held + len(fresh))


def _write(descriptor: int, position: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, position)
        position += written
        rest = rest[written:]


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                f"there is no room for {path}: {error.strerror}; "
                f"free some space, the sender tries again"
            ) from error
        raise Unavailable(f"{path} cannot be written: {error}; the sender tries again") from error
