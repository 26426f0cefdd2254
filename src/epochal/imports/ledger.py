"""What an import remembers between calls: which runs are in the home, and how far.

Promises: an entry is durable before the journal that it speaks of gets its name, and whoever opens
the ledger after a crash gives that journal its name first. So every entry is true, and no stretch
of a run comes in twice. One process at a time holds a source's ledger. It is a file of frames as
in a journal, ``imports/<digest>.ledger`` in the home; the last entry of a run counts.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from epochal.errors import Unavailable
from epochal.imports.part import publish_left
from epochal.journal.blobs import full_disk
from epochal.journal.files import sync_directories
from epochal.journal.frame import pack_frame, scan_frames
from epochal.journal.home import unusable
from epochal.journal.whole import write_whole

if sys.platform != "win32":
    import fcntl

DIRECTORY: Final = "imports"
_GARBAGE: Final = 1024 * 1024
_encode = msgspec.msgpack.Encoder().encode


class Mark(msgspec.Struct):
    """How far a run is in the home.

    Attributes:
        key: names it within its source.
        uid: of the run here; empty for what is no run.
        writer: of its newest journal.
        started_us: when that says that its writer started.
        items: of its stream that are here.
        digest: of these.
        facts: digest of the facts as told last, with the state.
        once: digests of the facts that are told once.
        lines: of its console that are here.
        fingerprint: of the source when all of it was here; empty while something is missing.
        archived: whether it was archived here because its source has it as deleted.
        notes: of the importer; of an experiment, its tags as they were told last.
    """

    key: str
    uid: str
    writer: str = ""
    started_us: int = 0
    items: int = 0
    digest: bytes = b""
    facts: bytes = b""
    once: list[bytes] = []
    lines: int = 0
    fingerprint: str = ""
    archived: bool = False
    notes: dict[str, str] = {}


class Ledger:
    """The ledger of one source, locked while this object lives.

    Args:
        home: the home.
        source: names the source, such as ``mlflow:/absolute/path``.

    Raises:
        Unavailable: another process imports the same source.
        StorageFull: there is no room.
        InvalidInput: the home cannot be written.
    """

    def __init__(self, home: Path, source: str) -> None:
        self._home = home
        digest = hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8)
        directory = home / DIRECTORY
        self._path = directory / f"{digest.hexdigest()}.ledger"
        try:
            home.mkdir(parents=True, mode=0o700, exist_ok=True)
            directory.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise unusable(home, error) from error
        if sys.platform != "win32":
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_named = os.path.samestat(os.fstat(self._file), os.stat(self._path))
            except OSError:
                is_named = False
            if not is_named:
                os.close(self._file)
                raise Unavailable(
                    f"another process brings {source} into {home} already; "
                    f"wait until it is done, or end it"
                )
        self.marks = self._load()
        sync_directories(str(self._path), 2)

    def _load(self) -> dict[str, Mark]:
        size = os.fstat(self._file).st_size
        scan = scan_frames(os.pread(self._file, size, 0))
        self._end = scan.end
        marks: dict[str, Mark] = {}
        for payload in scan.payloads:
            mark = msgspec.msgpack.decode(payload, type=Mark)
            marks[mark.key] = mark
        for mark in marks.values():
            if mark.writer:
                publish_left(self._home, mark.uid, mark.writer)
        return marks

    def write(self, mark: Mark) -> None:
        """Remember the newest state of a run, durably.

        Raises:
            StorageFull: there is no room; the old state stays.
            OSError: it cannot be written.
        """
        payload = _encode(mark)
        frame = pack_frame(payload)
        try:
            os.ftruncate(self._file, self._end)
            if os.pwrite(self._file, frame, self._end) != len(frame):
                os.ftruncate(self._file, self._end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)
        except OSError as error:
            raise full_disk(error, self._home) from error
        self._end += len(frame)
        self.marks[mark.key] = msgspec.msgpack.decode(payload, type=Mark)

    def close(self) -> None:
        """Let others go on; entries that later ones replaced are dropped when they are many."""
        frames = b"".join(pack_frame(_encode(mark)) for mark in self.marks.values())
        if self._end > 2 * len(frames) + _GARBAGE:
            write_whole(self._path, frames)
        os.close(self._file)
