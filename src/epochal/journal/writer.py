"""The writing end of a journal.

Promises: `append` never raises for a sick disk, never waits for a device or network, and when it returns the bytes are in
the page cache, so that SIGKILL of this process loses nothing (P2). `sync` returns after the bytes are on the
device (P3). One process, one journal; any thread may append, signal handlers and finalizers included.

A worker thread of the owner calls `maintain` often (a few times a second): it allocates disk space ahead of need, because
writing through a map into a file that cannot grow would kill the process with SIGBUS, and it brings spilled frames home
once a full disk has room again. While the disk is full, frames wait in memory, bounded by ``SPILL_LIMIT``; what does not
fit is counted in `dropped`.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import threading
import zlib
from collections import deque

import msgspec

from epochal.domain.record import Fact, Header
from epochal.errors import EpochalError
from epochal.journal.filesystem import is_network
from epochal.journal.frame import (
    FILE_HEADER_SIZE,
    FRAME_HEADER_SIZE,
    SUFFIX,
    FileHeader,
    pack_file_header,
    pack_frame,
)
from epochal.journal.liveness import hold

FIRST_ALLOCATION = 1024 * 1024
ALLOCATION = 4 * 1024 * 1024
HEADROOM = 2 * 1024 * 1024
SPILL_LIMIT = 64 * 1024 * 1024
DIRECTORY_MODE = 0o700
FILE_MODE = 0o600

_ZERO_PAGE = b"\0" * 65_536
_encoder = msgspec.msgpack.Encoder()
_write_header = struct.Struct("<Q").pack_into
_crc32 = zlib.crc32


class Journal:
    """What every journal offers; `MappedJournal` and `BufferedJournal` store the bytes in their own way.

    Attributes:
        run: 32 hex digits.
        writer: 32 hex digits.
        path: the file, or None when the journal lives in memory only.
        size: bytes of the file header and all frames that are safe from SIGKILL.
        schemas: from a tuple of keys as the user gave them to the id of the key set in this journal.
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
                # A signal handler or a finalizer interrupted this very thread inside the block below.
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
            if len(self.schemas) >= 4096:
                self.schemas.clear()
            self.schemas[raw_keys] = schema_id
            return schema_id

    def maintain(self) -> None:
        """Worker: prepare room, or carry out writes that `append` put off. Never raises."""
        raise NotImplementedError

    def sync(self) -> bool:
        """Make everything appended so far survive power loss. False when that cannot be promised."""
        raise NotImplementedError

    def read(self, start: int, limit: int) -> bytes:
        """Bytes of the journal from offset ``start``, at most ``limit``, never past `size`.

        The stretch may end inside a frame.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Write what is possible, sync, and let go of the file. Later appends are counted as dropped."""
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


class MappedJournal(Journal):
    """A journal on a local file system, written through a memory map.

    Args:
        directory: the run's directory; it exists.
        file_header: identity of run and writer.

    Raises:
        OSError: the file cannot be created or its first space cannot be allocated.
    """

    def __init__(self, directory: str, file_header: FileHeader) -> None:
        super().__init__(file_header)
        self._fd = _create(directory, file_header)
        self.path = _path(directory, file_header.writer)
        try:
            os.posix_fallocate(self._fd, 0, FIRST_ALLOCATION)
            self._map = mmap.mmap(self._fd, FIRST_ALLOCATION)
            _publish(directory, file_header.writer)
        except OSError:
            _discard(self._fd, directory, file_header.writer)
            raise
        self._capacity = FIRST_ALLOCATION
        self.size = FILE_HEADER_SIZE

    def _put(self, payload: bytes) -> None:
        length = len(payload)
        position = self.size
        end = position + FRAME_HEADER_SIZE + length + (-length & 7)
        if end > self._capacity or self._spill:
            self._put_slowly(payload, end)
            return
        self._map[position + 8 : position + 8 + length] = payload
        _write_header(self._map, position, length | _crc32(payload) << 32)
        self.size = end

    def _put_slowly(self, payload: bytes, end: int) -> None:
        if self._closed:
            self.dropped += 1
            return
        if not self._spill and self._grow(end):
            self._put(payload)
            return
        self._spill_payload(payload, f"the journal {self.path} cannot grow; is the disk full?")

    def _grow(self, need: int) -> bool:
        """Make the file at least ``need`` bytes long. Takes the lock itself."""
        capacity = -(-(need + HEADROOM) // ALLOCATION) * ALLOCATION
        try:
            os.posix_fallocate(self._fd, 0, capacity)
            with self._lock:
                if capacity > self._capacity:
                    self._map.resize(capacity)
                    self._capacity = capacity
        except (OSError, ValueError, SystemError) as error:
            self.problem = f"the journal {self.path} cannot grow: {error}"
            return False
        return True

    def maintain(self) -> None:
        if self._closed:
            return
        if self._capacity - self.size < HEADROOM // 2:
            self._grow(self.size)
        if self._spill:
            self._bring_home()

    def _bring_home(self) -> None:
        with self._lock:
            need = self.size + self._spilled + (FRAME_HEADER_SIZE + 8) * len(self._spill)
            if need > self._capacity and not self._grow(need):
                return
            waiting, self._spill, self._spilled = self._spill, deque(), 0
            for payload in waiting:
                self._put(payload)
            if not self._spill:
                self.problem = None

    def sync(self) -> bool:
        if self._closed:
            return self.problem is None
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            # After a failed sync Linux may have dropped the dirty pages: a second try that succeeds proves nothing.
            self.problem = f"the journal {self.path} could not be synced: {error}"
            return False
        return not self._spill

    def read(self, start: int, limit: int) -> bytes:
        with self._lock:
            if self._closed:
                return _read_file(self.path, start, min(limit, self.size - start))
            return self._map[start : min(start + limit, self.size)]

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self.maintain()
            self._closed = True
            self.dropped += len(self._spill)
            self._map.close()
            self._capacity = 0
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
                os.fdatasync(self._fd)
            os.close(self._fd)

    def abandon(self) -> None:
        self._closed = True
        self._capacity = 0
        self._map.close()
        os.close(self._fd)


class BufferedJournal(Journal):
    """A journal written by plain appends, for network file systems; or kept in memory when ``directory`` is None.

    On a file, `append` fills a buffer that `maintain` writes out: a SIGKILL loses what was logged since the last `maintain`.

    Args:
        directory: the run's directory, or None.
        file_header: identity of run and writer.

    Raises:
        OSError: the file cannot be created.
    """

    def __init__(self, directory: str | None, file_header: FileHeader) -> None:
        super().__init__(file_header)
        self.path = None
        self._fd = -1
        self._memory = bytearray()
        self._base = 0
        self.size = FILE_HEADER_SIZE
        if directory is None:
            self._memory += pack_file_header(file_header)
            return
        self._fd = _create(directory, file_header)
        self.path = _path(directory, file_header.writer)
        try:
            _publish(directory, file_header.writer)
        except OSError:
            _discard(self._fd, directory, file_header.writer)
            raise

    def _put(self, payload: bytes) -> None:
        if self._closed or (self._fd < 0 and len(self._memory) > SPILL_LIMIT):
            self.dropped += 1
            return
        if self._fd >= 0:
            self._spill_frame(payload)
            return
        self._memory += pack_frame(payload)
        self.size = self._base + len(self._memory)

    def _spill_frame(self, payload: bytes) -> None:
        if len(self._memory) > SPILL_LIMIT:
            self.dropped += 1
            return
        self._memory += pack_frame(payload)

    def maintain(self) -> None:
        """Write the buffer out. A write that stops half-way is undone, and tried again at the next call."""
        if self._fd < 0 or not self._memory:
            return
        with self._lock:
            if self._closed:
                return
            try:
                written = os.pwrite(self._fd, self._memory, self.size)
                if written < len(self._memory):
                    os.ftruncate(self._fd, self.size)
                    self.problem = f"the journal {self.path} cannot grow; is the disk full?"
                    return
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._fd, self.size)
                self.problem = f"the journal {self.path} cannot be written: {error}"
                return
            self.size += written
            self._memory.clear()
            self.problem = None

    def sync(self) -> bool:
        self.maintain()
        if self._fd < 0:
            return False
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            self.problem = f"the journal {self.path} could not be synced: {error}"
            return False
        return not self._memory

    def read(self, start: int, limit: int) -> bytes:
        if self.path is not None:
            return _read_file(self.path, start, min(limit, self.size - start))
        with self._lock:
            if start < self._base:
                raise EpochalError(f"journal bytes before {self._base} were released; {start} was asked for")
            return bytes(self._memory[start - self._base : start - self._base + limit])

    def release(self, offset: int) -> None:
        """Memory only: forget bytes before ``offset``, which a server holds durably."""
        with self._lock:
            if self._fd < 0 and offset > self._base:
                del self._memory[: offset - self._base]
                self._base = offset

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            if self._fd >= 0:
                self.sync()
                os.close(self._fd)
            self._closed = True

    def abandon(self) -> None:
        self._closed = True
        self._memory = bytearray()
        if self._fd >= 0:
            os.close(self._fd)


def open_journal(directory: str | None, run: str, writer: str, header: Header) -> Journal:
    """Create a journal whose first record is ``header``.

    Args:
        directory: the run's directory, made when missing (mode 0700); None keeps the journal in memory.
        run: the run's uid.
        writer: a fresh uid.
        header: the facts about run and writer.

    Raises:
        OSError: the directory or file cannot be created; nothing is left behind.
    """
    file_header = FileHeader(run=run, writer=writer, created_us=header.started_us)
    journal: Journal
    if directory is None:
        journal = BufferedJournal(None, file_header)
    else:
        os.makedirs(directory, mode=DIRECTORY_MODE, exist_ok=True)
        journal = _open_in(directory, file_header)
    journal.append_fact(header)
    journal.maintain()
    return journal


def _open_in(directory: str, file_header: FileHeader) -> Journal:
    if not hasattr(os, "posix_fallocate") or is_network(directory):
        return BufferedJournal(directory, file_header)
    return MappedJournal(directory, file_header)


def _path(directory: str, writer: str) -> str:
    return os.path.join(directory, writer + SUFFIX)


def _temporary(directory: str, writer: str) -> str:
    return os.path.join(directory, f".{writer}.new")


def _create(directory: str, file_header: FileHeader) -> int:
    """Create the file under a temporary name, held and with its header, so that no reader ever sees it unheld."""
    name = _temporary(directory, file_header.writer)
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        hold(descriptor)
        os.pwrite(descriptor, pack_file_header(file_header), 0)
    except OSError:
        _discard(descriptor, directory, file_header.writer)
        raise
    return descriptor


def _publish(directory: str, writer: str) -> None:
    os.rename(_temporary(directory, writer), _path(directory, writer))


def _discard(descriptor: int, directory: str, writer: str) -> None:
    os.close(descriptor)
    for name in (_temporary(directory, writer), _path(directory, writer)):
        with contextlib.suppress(OSError):
            os.unlink(name)


def _read_file(path: str | None, start: int, limit: int) -> bytes:
    if path is None or limit <= 0:
        return b""
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(limit)
