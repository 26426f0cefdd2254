"""Journals that are written many records at a time.

A `RunJournal` is an ordinary journal of its run, held by this process while it is open. Beside the
home's runs it has a second name, so that what was written can be counted after a crash even when
the store has given the journal up by then.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from epochal.domain.names import new_uid
from epochal.domain.record import Fact, Header
from epochal.errors import StorageFull
from epochal.imports.tensorboard.blocks import Item, encode_items
from epochal.journal import files
from epochal.journal.blobs import full_disk
from epochal.journal.frame import (
    FILE_HEADER_SIZE,
    FileHeader,
    pack_frame,
    scan_frames,
)
from epochal.journal.home import run_directory

LONGEST: Final = 256 * 1024 * 1024
"""Longer journals are followed by another one."""
_GATHER: Final = 4 * 1024 * 1024
_encode = msgspec.msgpack.Encoder().encode


class OpenJournal(msgspec.Struct, frozen=True):
    """What another process has to know of an open journal, beside its descriptor.

    Attributes:
        below: the run's directory below the log directory.
        uid: of the run.
        writer: of the journal.
        size: where it ends.
        keys: their numbers.
    """

    below: str
    uid: str
    writer: str
    size: int
    keys: dict[str, int]


class RunJournal:
    """An open journal; `begin` makes one.

    Args:
        home: the home.
        links: directory for the second name, on the same file system.
        known: what there is of it.
        descriptor: of its file, which it closes.
    """

    def __init__(self, home: Path, links: Path, known: OpenJournal, descriptor: int) -> None:
        self.writer = known.writer
        self.size = known.size
        self._home = home
        self._uid = known.uid
        self._keys = known.keys
        self._directory = str(run_directory(home, known.uid))
        self.path = files.journal_path(self._directory, self.writer)
        self._link = link_path(links, self.writer)
        self.descriptor = descriptor

    @classmethod
    def begin(cls, home: Path, links: Path, below: str, uid: str, header: Header) -> Self:
        """A new journal, which nobody sees before it is published.

        Args:
            home: the home.
            links: directory for the second name, on the same file system.
            below: the run's directory below the log directory.
            uid: of the run.
            header: the first record.

        Raises:
            StorageFull: there is no room.
            OSError: it cannot be created.
        """
        known = OpenJournal(below, uid, new_uid(), FILE_HEADER_SIZE, {})
        directory = str(run_directory(home, uid))
        try:
            os.makedirs(directory, mode=files.DIRECTORY_MODE, exist_ok=True)
            descriptor = files.create(directory, FileHeader(uid, known.writer, header.started_us))
        except OSError as error:
            raise full_disk(error, home) from error
        journal = cls(home, links, known, descriptor)
        journal._append(pack_frame(_encode(header)))
        return journal

    def known(self, below: str) -> OpenJournal:
        """What another process has to know to go on with it."""
        return OpenJournal(below, self._uid, self.writer, self.size, self._keys)

    def publish(self) -> None:
        """Give the journal its names; until then nobody reads it.

        Raises:
            OSError: that cannot be done.
        """
        with contextlib.suppress(OSError):  # a file system without links: an hour must do
            os.link(_unpublished(self._directory, self.writer), self._link)
        files.publish(self._directory, self.writer)

    def write(self, items: Sequence[Item]) -> None:
        """Append records.

        Raises:
            StorageFull: there is no room; what was written so far counts.
            OSError: the file cannot be written.
        """
        self._waiting = bytearray()
        for frames in encode_items(items, self._declare):
            self._waiting += frames
            if len(self._waiting) >= _GATHER:
                self._flush()
        self._flush()

    def _declare(self, key: str) -> int:
        number = self._keys.get(key)
        if number is None:
            number = self._keys[key] = len(self._keys) + 1
            self._waiting += pack_frame(_encode((0, number, [key])))
        return number

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, bytearray()
        self._append(waiting)

    def _append(self, frames: bytes | bytearray) -> None:
        view = memoryview(frames)
        try:
            while view:
                count = os.pwrite(self.descriptor, view, self.size)
                if not count:
                    raise StorageFull(f"there is no room left for {self._home}; free some space")
                self.size += count
                view = view[count:]
        except OSError as error:
            raise full_disk(error, self._home) from error

    def close(self, last: Fact) -> None:
        """Append the last record and let go of the file; not synced."""
        self._append(pack_frame(_encode(last)))
        os.close(self.descriptor)

    def abandon(self) -> None:
        """Let go of the file as a crash would."""
        os.close(self.descriptor)


def link_path(links: Path, writer: str) -> str:
    """The second name of a journal."""
    return str(links / f"{writer}.journal")


def count_written(home: Path, links: Path, uid: str, writer: str, at: int) -> int:
    """How many records, declarations of keys aside, a journal has from an offset on.

    Args:
        home: the home.
        links: where the second names are.
        uid: of the run.
        writer: of the journal; one that was never published has none.
        at: where to begin.
    """
    paths = (link_path(links, writer), files.journal_path(str(run_directory(home, uid)), writer))
    for path in paths:
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            file.seek(at)
            payloads = scan_frames(file.read()).payloads
            # A declaration begins with an array of three, whose first item is 0.
            return sum(1 for payload in payloads if payload[:2] != b"\x93\x00")
    return 0


def discard(home: Path, uid: str, writer: str) -> None:
    """Remove a journal that was begun and never published."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_unpublished(str(run_directory(home, uid)), writer))


def _unpublished(directory: str, writer: str) -> str:
    return os.path.join(directory, f".{writer}.new")


def remove_link(links: Path, writer: str) -> None:
    """Forget the second name of a journal."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(link_path(links, writer))
