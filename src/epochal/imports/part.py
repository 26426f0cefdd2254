"""A journal that is written whole, and appears whole or not at all.

Until `publish` nobody reads it. `prepare` makes it durable under its temporary name, so that a
crash after that can be made good by giving it its name.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from epochal.domain.names import new_uid
from epochal.domain.record import Console, Fact, Header
from epochal.errors import StorageFull
from epochal.imports.found import Item, Line, Row
from epochal.journal import files
from epochal.journal.blobs import full_disk
from epochal.journal.frame import FILE_HEADER_SIZE, MAX_PAYLOAD, FileHeader, pack_frame
from epochal.journal.home import run_directory

LINES: Final = 1_000
_GATHER: Final = 1024 * 1024
_encode = msgspec.msgpack.Encoder().encode


class Part:
    """A journal on its way.

    Args:
        home: the home.
        uid: of the run.
        header: the first record.

    Raises:
        StorageFull: there is no room.
        OSError: it cannot be created.
    """

    def __init__(self, home: Path, uid: str, header: Header) -> None:
        self.writer = new_uid()
        self._written = FILE_HEADER_SIZE
        self._home = home
        self._sets: dict[tuple[str, ...], int] = {}
        self._waiting = bytearray()
        self._lines = 0
        self._directory = str(run_directory(home, uid))
        try:
            os.makedirs(self._directory, mode=files.DIRECTORY_MODE, exist_ok=True)
            file_header = FileHeader(uid, self.writer, header.started_us)
            self._descriptor = files.create(self._directory, file_header)
        except OSError as error:
            raise full_disk(error, home) from error
        self._put(_encode(header))

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._written + len(self._waiting)

    def add(self, item: Item) -> None:
        """Write a row or a fact; one past 64 MiB is left out, as everywhere."""
        if isinstance(item, Row):
            keys = tuple(item.values)
            number = self._sets.get(keys) or self._declare(keys)
            self._put(_encode((number, item.step, item.wall_us, list(item.values.values()))))
        else:
            payload = _encode(item)
            if len(payload) <= MAX_PAYLOAD:
                self._put(payload)

    def add_lines(self, lines: Iterable[Line]) -> None:
        """Write lines of the console."""
        batch: list[str] = []
        stream = wall_us = 0
        for line in lines:
            if batch and (line.stream != stream or len(batch) == LINES):
                self._put_lines(wall_us, stream, batch)
                batch = []
            stream, wall_us = line.stream, line.wall_us
            batch.append(line.text)
        if batch:
            self._put_lines(wall_us, stream, batch)

    def _put_lines(self, wall_us: int, stream: int, batch: list[str]) -> None:
        self._put(_encode(Console(wall_us, stream, self._lines, batch)))
        self._lines += len(batch)

    def _declare(self, keys: tuple[str, ...]) -> int:
        number = self._sets[keys] = len(self._sets) + 1
        self._put(_encode((0, number, list(keys))))
        return number

    def _put(self, payload: bytes) -> None:
        self._waiting += pack_frame(payload)
        if len(self._waiting) >= _GATHER:
            self._flush()

    def _flush(self) -> None:
        view = memoryview(bytes(self._waiting))
        self._waiting.clear()
        try:
            while view:
                count = os.pwrite(self._descriptor, view, self._written)
                if not count:
                    raise StorageFull(f"there is no room left for {self._home}; free some space")
                self._written += count
                view = view[count:]
        except OSError as error:
            raise full_disk(error, self._home) from error

    def prepare(self, last: Fact) -> None:
        """Write the last record and make the journal durable under its temporary name.

        Raises:
            StorageFull: there is no room.
            OSError: it cannot be written.
        """
        self._put(_encode(last))
        self._flush()
        try:
            os.fsync(self._descriptor)
            files.sync_directories(files.journal_path(self._directory, self.writer))
        except OSError as error:
            raise full_disk(error, self._home) from error
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def publish(self) -> None:
        """Give the journal its name."""
        files.publish(self._directory, self.writer)

    def discard(self) -> None:
        """Remove it; harmless at any time before `prepare` ended well."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        with contextlib.suppress(OSError):
            os.unlink(_temporary(self._directory, self.writer))


def publish_left(home: Path, uid: str, writer: str) -> None:
    """Give a journal its name that a crash left prepared; nothing when it has it."""
    directory = str(run_directory(home, uid))
    if os.path.exists(_temporary(directory, writer)):
        files.publish(directory, writer)


def _temporary(directory: str, writer: str) -> str:
    return os.path.join(directory, f".{writer}.new")
