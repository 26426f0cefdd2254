"""Blobs that arrive over the network, piece by piece.

Promises: a blob gets its name only after all its bytes are here, have its digest and are synced;
what was held before a server died is still held, because the part file is the only truth; bytes
that nothing of the run refers to are refused. A piece is appended wholly or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from epochal.domain.artifact import check_digest
from epochal.domain.names import MAX_TEXT
from epochal.domain.objects import HeldBlob, WantedBlob, WantedBlobs
from epochal.domain.parcel import open_parcel
from epochal.domain.view import RunChange
from epochal.errors import (
    CorruptFile,
    InvalidInput,
    NotFound,
    OffsetMismatch,
    StorageFull,
    Unavailable,
)
from epochal.store.apply import Raced, RunNews, What, describe_change
from epochal.store.blobs import find_blobs, portions
from epochal.store.contents import run_reference
from epochal.store.enroll import next_revision
from epochal.store.ingest import QUARANTINED, apply_journal
from epochal.store.parcels import run_references
from epochal.store.receive import RESERVE
from epochal.store.rows import find_run_id
from epochal.store.scalars import storable
from epochal.store.schema import event, run
from epochal.store.schema_objects import (
    artifact_version,
    blob,
    run_blob,
    version_blob,
    version_run,
)
from epochal.store.store import Store
from epochal.store.tail import find_journals
from epochal.store.versions import Arrival, arrive

PART = ".part"
FILE_MODE = 0o600
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MOST_HASHES = 256

_locks: dict[str, threading.Lock] = {}
_hashes: dict[Path, tuple[int, Any]] = {}
_guard = threading.Lock()


def receive_piece(
    store: Store, uid: str, digest: str, *, offset: int, size: int, body: bytes | bytearray
) -> HeldBlob:
    """Append a piece of a blob; the last one completes it.

    Args:
        store: the home.
        uid: a run that refers to the blob.
        digest: the blob.
        offset: where in the blob the piece begins, in bytes.
        size: bytes of the whole blob.
        body: the piece; what is held already is skipped.

    Raises:
        NotFound: no such run, or nothing of it refers to the blob.
        OffsetMismatch: bytes between what is held and ``offset`` are missing.
        InvalidInput: more bytes than ``size``, or bytes that do not have the digest; then nothing
            of the blob is held any more.
        StorageFull: no room; nothing was changed.
        Unavailable: the file system failed; nothing was changed, try again.
    """
    with store.database.read() as connection:
        if run_reference(connection, find_run_id(connection, uid), digest) is None:
            raise NotFound(f"nothing of the run refers to blob {digest}; send its journal first")
    with _lock_of(digest), _translated(store.home):
        present = store.blobs.size(digest)
        if present is not None:
            note_arrivals(store, uid, [digest])
            return HeldBlob(present, complete=True)
        part = store.blobs.temporary(f"{digest}{PART}")
        held = _held(part)
        if held > size:
            _drop(part)
            held = 0
        if not 0 <= offset <= held:
            raise OffsetMismatch(held, offset)
        fresh = memoryview(body)[held - offset :]
        if held + len(fresh) > size:
            raise InvalidInput(
                f"the piece ends at byte {held + len(fresh)} of a blob of {size}; "
                f"send the size of the whole blob"
            )
        _check_room(store.home, len(fresh))
        _append(part, held, fresh)
        held += len(fresh)
        if held < size:
            return HeldBlob(held, complete=False)
        _complete(store, part, digest, size)
        note_arrivals(store, uid, [digest])
        return HeldBlob(size, complete=True)


def receive_small(store: Store, uid: str, body: bytes | bytearray) -> int:
    """Store many small blobs at once; all of them or none become part of anything.

    Args:
        store: the home.
        uid: a run that refers to all of them.
        body: a parcel, see `epochal.domain.parcel`.

    Returns:
        How many there were.

    Raises:
        NotFound: no such run, or nothing of it refers to one of them.
        InvalidInput: the body is torn, or bytes do not have their digest.
        StorageFull: no room.
        Unavailable: the file system failed; try again.
    """
    items = open_parcel(body)
    digests = [digest for digest, _ in items]
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        known = run_references(connection, run_id, digests)
    for digest in digests:
        if digest not in known:
            raise NotFound(f"nothing of the run refers to blob {digest}; send its journal first")
    with _translated(store.home):
        _check_room(store.home, len(body))
        store.blobs.put_many([data for _, data in items])
    note_arrivals(store, uid, digests)
    return len(items)


def wanted_blobs(store: Store, uid: str, limit: int) -> WantedBlobs:
    """What a run refers to and is not here, manifests first.

    Every record that was acknowledged before counts: the run's journals are taken in first.

    Raises:
        NotFound: no such run.
    """
    _take_in(store, uid)
    found, total = _absent(store, uid, limit)
    came = [digest for digest, _, _ in found if store.blobs.has(digest)]
    if came:
        note_arrivals(store, uid, came)
        found, total = _absent(store, uid, limit)
    rows = []
    for digest, size, is_manifest in found:
        held = _held(store.blobs.temporary(f"{digest}{PART}"))
        rows.append(WantedBlob(digest, size, held, bool(is_manifest)))
    return WantedBlobs(rows, total)


def _take_in(store: Store, uid: str) -> None:
    for key in find_journals(store.home, uid):
        # A journal that cannot be read is told by whoever follows the home.
        with contextlib.suppress(Raced, *QUARANTINED):
            for change in apply_journal(store, key.path(store.home)):
                store.announce(change)


def _absent(store: Store, uid: str, limit: int) -> tuple[list[Any], int]:
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        manifest = (
            sa.select(artifact_version.c.id).where(artifact_version.c.digest == blob.c.digest)
        ).exists()
        by_run = sa.select(run_blob.c.blob_id).where(run_blob.c.run_id == run_id)
        by_version = (
            sa.select(version_blob.c.blob_id)
            .join(version_run, version_run.c.version_id == version_blob.c.version_id)
            .where(version_run.c.run_id == run_id)
        )
        absent = (
            sa.select(blob.c.digest, blob.c.size, manifest.label("manifest"), blob.c.id)
            .where(
                blob.c.present == sa.false(),
                sa.or_(blob.c.id.in_(by_run), blob.c.id.in_(by_version)),
            )
            .subquery()
        )
        total = connection.execute(sa.select(sa.func.count()).select_from(absent)).scalar_one()
        query = sa.select(absent.c.digest, absent.c.size, absent.c.manifest)
        ordered = query.order_by(absent.c.manifest.desc(), absent.c.id).limit(limit)
        return list(connection.execute(ordered).all()), total


def note_arrivals(store: Store, uid: str, digests: Sequence[str]) -> None:
    """Tell the index that blobs are here, commit what waited for them, and announce it.

    Args:
        store: the home.
        uid: the run that sent them; hears of manifests that cannot be used.
        digests: they lie among the blobs.
    """
    changes: list[RunChange] = []
    with store.moving, store.database.write() as connection:
        known = find_blobs(connection, digests)
        sizes = {
            row.id: size
            for digest, row in known.items()
            if not row.present and (size := store.blobs.size(digest)) is not None
        }
        if not sizes:
            return
        arrival = Arrival()
        arrive(connection, store.blobs, sizes, arrival)
        news: dict[int, set[What]] = {run_id: {"artifacts"} for run_id in arrival.runs}
        for part in portions(sizes):
            mine = sa.select(run_blob.c.run_id).where(run_blob.c.blob_id.in_(part)).distinct()
            for run_id in connection.execute(mine).scalars():
                news.setdefault(run_id, set()).update({"media", "files"})
        _tell_problems(connection, uid, arrival.problems)
        if news:
            revision = next_revision(connection)
            connection.execute(sa.update(run).where(run.c.id.in_(list(news))).values(rev=revision))
            changes = [
                describe_change(connection, run_id, RunNews(uid="", what=what))
                for run_id, what in news.items()
            ]
    for change in changes:
        store.announce(change)


def _tell_problems(connection: sa.Connection, uid: str, problems: Sequence[str]) -> None:
    if problems:
        run_id, now = connection.execute(
            sa.select(run.c.id, run.c.updated_us).where(run.c.uid == uid)
        ).one()
        connection.execute(
            sa.insert(event),
            [
                {"run_id": run_id, "t_us": now, "level": "warning",
                 "title": "a record could not be used", "text": storable(text)[:MAX_TEXT]}
                for text in problems
            ],
        )  # fmt: skip


def _lock_of(digest: str) -> threading.Lock:
    check_digest(digest)
    with _guard:
        if len(_locks) > 4 * _MOST_HASHES:
            for name in [name for name, lock in _locks.items() if not lock.locked()]:
                del _locks[name]
        return _locks.setdefault(digest, threading.Lock())


def _held(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _drop(part: Path) -> None:
    with _guard:
        _hashes.pop(part, None)
    part.unlink(missing_ok=True)


def _append(part: Path, held: int, fresh: memoryview) -> None:
    """Write a piece; on failure the file is as long as before."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        position, rest = held, fresh
        while rest:
            written = os.pwrite(descriptor, rest, position)
            position += written
            rest = rest[written:]
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, held)
        raise
    finally:
        os.close(descriptor)
    with _guard:
        reached, hashing = _hashes.pop(part, (0, None))
    if held == 0:
        reached, hashing = 0, hashlib.sha256()
    if hashing is not None and reached == held:
        hashing.update(fresh)
        with _guard:
            if len(_hashes) < _MOST_HASHES:
                _hashes[part] = (held + len(fresh), hashing)


def _complete(store: Store, part: Path, digest: str, size: int) -> None:
    """Check the digest and give the blob its name."""
    with _guard:
        reached, hashing = _hashes.pop(part, (0, None))
    found = hashing.hexdigest() if hashing is not None and reached == size else None
    try:
        store.blobs.adopt(part, digest, found=found)
    except CorruptFile:
        raise InvalidInput(
            f"the bytes sent do not have the digest {digest}; nothing of them is kept, "
            f"send the blob again from offset 0"
        ) from None


def _check_room(home: Path, size: int) -> None:
    found = os.statvfs(home)
    free = found.f_bavail * found.f_frsize
    if free < size + RESERVE:
        raise StorageFull(
            f"the disk under {home} has {free} bytes left, {size + RESERVE} are needed; "
            f"free some space, the sender tries again"
        )


@contextlib.contextmanager
def _translated(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                f"there is no room under {home}: {error.strerror}; "
                f"free some space, the sender tries again"
            ) from error
        raise Unavailable(f"{home} cannot be written: {error}; try again") from error
