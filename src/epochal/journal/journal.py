"""What every journal offers to its writer, whatever holds the bytes.

Promises: `append` never raises for a sick disk and never waits for a device or network; it may be
called from any thread, from signal handlers and from finalizers that interrupt another
`append` of the same thread. After `close`, `append` raises `JournalClosed`, so that the caller
can go on with the next journal instead of losing the record.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque

import msgspec

from epochal.domain.record import Event, Fact
from epochal.journal.files import FILE_MODE, read_stretch
from epochal.journal.frame import MAX_PAYLOAD, FileHeader, pack_file_header

SPILL_LIMIT = 64 * 1024 * 1024
SCHEMA_LIMIT = 4096

_encoder = msgspec.msgpack.Encoder()


class JournalClosed(Exception):
    """A record came after `close` or in a forked child and was not written."""


class Journal:
    """A journal being written; subclasses store the bytes in their own way.

    Attributes:
        run: 32 hex digits.
        writer: 32 hex digits.
        created_us: when the journal was created, microseconds since 1970 UTC.
        path: the file, or None when the journal lives in memory only.
        size: bytes of the file header and all frames that are safe from SIGKILL.
        schemas: from what `declare` was given to the id of the key set in this journal.
        problem: one sentence when the journal is degraded, else None.
        dropped: number of records that had to be given up.
        closed: whether `close` or `abandon` was called.
        leftover: payloads that `close` found no room for, in writing order; their owner may write
            them elsewhere.
        sync_failed: whether a sync failed, so that durability cannot be promised any more.
    """

    path: str | None
    size: int

    def __init__(self, file_header: FileHeader) -> None:
        self.run = file_header.run
        self.writer = file_header.writer
        self.created_us = file_header.created_us
        self.schemas: dict[tuple[object, ...], int] = {}
        self.problem: str | None = None
        self.dropped = 0
        self.closed = False
        self._file_header = file_header
        self._lock = threading.RLock()
        self._sync_lock = threading.Lock()
        self._busy = False
        self._deferred: deque[bytes] = deque()
        self._next_schema = 1
        self.sync_failed = False
        self.leftover: list[bytes] = []

    @property
    def waiting(self) -> int:
        """Bytes of accepted records that a sick disk keeps in memory."""
        return 0

    def append(self, payload: bytes) -> None:
        """Write one record. Never raises for the disk's sake; see `problem` and `dropped`.

        Raises:
            JournalClosed: the journal is closed; the record was not written.
        """
        with self._lock:
            if self._busy:
                # A signal handler or finalizer interrupted this very thread in the block below.
                self._deferred.append(payload)
                return
            if self.closed:
                raise JournalClosed
            self._busy = True
            try:
                self._put(payload)
            finally:
                self._busy = False
            while self._deferred:
                self.append(self._deferred.popleft())

    def append_fact(self, fact: Fact) -> None:
        """Write a struct of `epochal.domain.record`. One past 64 MiB is counted as dropped.

        Raises:
            JournalClosed: the journal is closed.
        """
        payload = _encoder.encode(fact)
        if len(payload) > MAX_PAYLOAD:
            self.dropped += 1
            return
        self.append(payload)

    def declare(self, raw_keys: tuple[object, ...], names: list[str]) -> int:
        """Write a key set and return its id; rows may refer to it from now on.

        Args:
            raw_keys: what the caller knows the key set by; remembered in `schemas`.
            names: the cleaned keys, in the same order.

        Raises:
            JournalClosed: the journal is closed.
        """
        with self._lock:
            known = self.schemas.get(raw_keys)
            if known is not None:
                return known
            schema_id = self._next_schema
            self._next_schema += 1
            self.append(_encoder.encode((0, schema_id, names)))
            if len(self.schemas) >= SCHEMA_LIMIT:
                self.schemas.clear()
            self.schemas[raw_keys] = schema_id
            return schema_id

    def maintain(self) -> None:
        """Worker: prepare room, or carry out writes that `append` put off. Never raises."""
        raise NotImplementedError

    def sync(self) -> bool:
        """Make all that was appended survive power loss. False when that cannot be promised."""
        raise NotImplementedError

    def read(self, start: int, limit: int) -> bytes:
        """Bytes of the journal from offset ``start``, at most ``limit``, never past `size`.

        The stretch may end inside a frame.
        """
        raise NotImplementedError

    def close(self, last: Fact | None = None) -> None:
        """Write what waits, an `Event` on losses, then ``last``; sync; let go of the file.

        What the disk does not take goes into `leftover`.
        """
        raise NotImplementedError

    def abandon(self) -> None:
        """In a forked child: let go of inherited descriptors without touching the file."""
        self.closed = True
        self._lock = threading.RLock()
        self._sync_lock = threading.Lock()
        self._busy = False
        self._deferred = deque()

    def save(self, path: str) -> None:
        """Write a copy of the journal as it is now to a new file.

        Raises:
            OSError: the file exists or cannot be written.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pack_file_header(self._file_header))
            file.write(self.read(64, self.size))

    def _put(self, payload: bytes) -> None:
        raise NotImplementedError

    def _seal(self, last: Fact | None) -> bool:
        """Append the last records, refuse later ones. The caller holds the lock.

        False: was closed.
        """
        if self.closed:
            return False
        while self._deferred:
            self.append(self._deferred.popleft())
        self._busy = True
        if self.dropped:
            title = f"{self.dropped} records were lost"
            now = time.time_ns() // 1000
            self._put_last(_encoder.encode(Event(now, "error", title, self.problem or "")))
        if last is not None:
            self._put_last(_encoder.encode(last))
        self.closed = True
        self._busy = False
        return True

    def _put_last(self, payload: bytes) -> None:
        self._put(payload)

    def _sync_descriptor(self, descriptor: int) -> bool:
        """Sync the data; after one failure never again True, as Linux may have dropped pages."""
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            self.sync_failed = True
            self.problem = f"the journal {self.path} could not be synced: {error}"
        return not self.sync_failed

    def _read_path(self, start: int, limit: int) -> bytes:
        with contextlib.suppress(FileNotFoundError):
            return read_stretch(self.path, start, min(limit, self.size - start))
        return b""


class NullJournal(Journal):
    """Takes everything and keeps nothing: for disabled runs and quiet ranks."""

    def __init__(self, file_header: FileHeader) -> None:
        super().__init__(file_header)
        self.path = None
        self.size = 64

    def append(self, payload: bytes) -> None:  # noqa: ARG002 - the contract
        """Forget the record. See `Journal.append`."""
        if self.closed:
            raise JournalClosed

    def maintain(self) -> None:
        """There is nothing to do."""

    def sync(self) -> bool:
        """Nothing can be lost."""
        return True

    def read(self, start: int, limit: int) -> bytes:  # noqa: ARG002 - the contract
        """There are no bytes."""
        return b""

    def close(self, last: Fact | None = None) -> None:  # noqa: ARG002 - the contract
        """See `Journal.close`."""
        self.closed = True
