"""The writing end of a journal.

Promises: `append` never raises for a sick disk, never waits for a device or network, and when it
returns the bytes are in
the page cache, so that SIGKILL of this process loses nothing (P2). `sync` returns after the bytes
are on the
device (P3). One process, one journal; any thread may append, signal handlers and finalizers
included.

A worker thread of the owner calls `maintain` often (a few times a second): it allocates disk
space ahead of need, because
writing through a map into a file that cannot grow would kill the process with SIGBUS, and it
brings spilled frames home
once a full disk has room again. While the disk is full, frames wait in memory, bounded by
``SPILL_LIMIT``; what does not
fit is counted in `dropped`.
"""

from __future__ import annotations

import threading
from collections import deque

import msgspec

from epochal.domain.record import Fact
from epochal.journal.frame import FileHeader

SPILL_LIMIT = 64 * 1024 * 1024
SCHEMA_CACHE = 4096

_encoder = msgspec.msgpack.Encoder()


class Journal:
    """What every journal offers; its two kinds differ in where the bytes go.

    Attributes:
        run: 32 hex digits.
        writer: 32 hex digits.
        path: the file, or None when the journal lives in memory only.
        size: bytes of the file header and all frames that are safe from SIGKILL.
        schemas: from a tuple of keys as the user gave them to the id of the key set in this
            journal.
        problem: one sentence when the journal is degraded, else None.
        dropped: number of records that had to be given up.
    """

    path: str | None
    size: int

    def __init__(self, file_header: FileHeader) -> None:
        self.run = file_header.run
        self.writer = file_header.writer
        self.schemas: dict[tuple[object, ...], int] = {}
        self.problem: str | None = None
        self.dropped = 0
        self._lock = threading.RLock()
        self._busy = False
        self._deferred: deque[bytes] = deque()
        self._next_schema = 1
        self._spill: deque[bytes] = deque()
        self._spilled = 0
        self._closed = False

    def append(self, payload: bytes) -> None:
        """Write one record. Never raises for the disk's sake; see `problem` and `dropped`."""
        with self._lock:
            if self._busy:
                # A signal handler or a finalizer interrupted this very thread inside the block
                # below.
                self._deferred.append(payload)
                return
            self._busy = True
            try:
                self._put(payload)
            finally:
                self._busy = False
            while self._deferred:
                self._put(self._deferred.popleft())

    def append_fact(self, fact: Fact) -> None:
        """Write one of the structs of `epochal.domain.record`."""
        self.append(_encoder.encode(fact))

    def declare(self, raw_keys: tuple[object, ...], names: list[str]) -> int:
        """Write a key set and return its id; rows may refer to it from now on.

        Args:
            raw_keys: the keys exactly as the user's mapping has them; remembered in `schemas`.
            names: the cleaned keys, in the same order.
        """
        with self._lock:
            known = self.schemas.get(raw_keys)
            if known is not None:
                return known
            schema_id = self._next_schema
            self._next_schema += 1
            self.append(_encoder.encode((0, schema_id, names)))
            if len(self.schemas) >= SCHEMA_CACHE:
                self.schemas.clear()
            self.schemas[raw_keys] = schema_id
            return schema_id

    def maintain(self) -> None:
        """Worker: prepare room, or carry out writes that `append` put off. Never raises."""
        raise NotImplementedError

    def sync(self) -> bool:
        """Make what was appended survive power loss; False when that is not sure."""
        raise NotImplementedError

    def read(self, start: int, limit: int) -> bytes:
        """Bytes of the journal from offset ``start``, at most ``limit``, never past `size`.

        The stretch may end inside a frame.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Write what is possible, sync, let go of the file. Later appends count as dropped."""
        raise NotImplementedError

    def abandon(self) -> None:
        """In a forked child: let go of inherited descriptors without touching the file."""
        raise NotImplementedError

    def _put(self, payload: bytes) -> None:
        raise NotImplementedError

    def _spill_payload(self, payload: bytes, why: str) -> None:
        if self.problem is None:
            self.problem = why
        if self._closed or self._spilled + len(payload) > SPILL_LIMIT:
            self.dropped += 1
            return
        self._spill.append(payload)
        self._spilled += len(payload)
