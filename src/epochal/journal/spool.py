"""The spool of a writer: bytes that wait to become blobs.

``runs/<uid>/<writer>.spool/<n>-<encoding>`` holds raw bytes that a `Media` record of the journal
names; ``<n>-record`` holds a record that waits until its blobs survive power loss. Promises: what
lies here survives SIGKILL; `finish_spool` gives the journal of a dead writer everything that its
living writer would have given it; a spool file goes only after the journal names its blob.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from epochal.domain.encode import encode, type_of
from epochal.domain.record import BlobRef, Fact, File, Finish, Media, Stored
from epochal.errors import InvalidInput
from epochal.journal.blobs import Blobs
from epochal.journal.frame import pack_frame
from epochal.journal.reader import JournalReader

if sys.platform != "win32":
    import fcntl

SUFFIX = ".spool"
RECORD = "record"
RAW = "bin"

_encode = msgspec.msgpack.Encoder().encode


def spool_directory(journal: str | os.PathLike[str]) -> str:
    """Where the spool of a journal lies."""
    return os.path.splitext(os.fspath(journal))[0] + SUFFIX


def home_of(journal: str | os.PathLike[str]) -> Path:
    """The home in which a journal lies."""
    return Path(journal).parents[2]


def store_spooled(blobs: Blobs, path: str, *, quick: bool = False, sync: bool = True) -> BlobRef:
    """Make a blob out of a spool file, which stays.

    Args:
        blobs: where to.
        path: the spool file.
        quick: compress less.
        sync: see `Blobs.put`.

    Raises:
        OSError: the file cannot be read.
        StorageFull: there is no room.
    """
    encoding = os.path.basename(path).partition("-")[2]
    if encoding.startswith("copy."):
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
        known = blobs.keep(digest)
        kind = type_of(encoding.rpartition(".")[2])
        return (
            BlobRef(digest, size, kind) if known else blobs.put_file(Path(path), kind, sync=sync)
        )
    with open(path, "rb") as file:
        data = file.read()
    try:
        encoded = encode(encoding, data, quick=quick)
    except (InvalidInput, ValueError):  # torn or foreign: kept as it is
        return blobs.put(data, type_of(RAW), sync=sync)
    return blobs.put(encoded.data, encoded.type, sync=sync)


def finish_spool(journal: Path) -> int:
    """Store what a dead writer left in its spool, and say so in its journal.

    Takes the writer's lock meanwhile; a journal whose writer lives is left alone. Harmless to
    repeat and to interrupt.

    Args:
        journal: the ``.ej`` file.

    Returns:
        How many records were added to the journal, at its end. A `Finish` that was the last
        record is repeated, so that it is the last one again.

    Raises:
        OSError: the home cannot be written.
        StorageFull: there is no room; everything is as it was.
        CorruptFile: this is no journal.
    """
    directory = spool_directory(journal)
    if sys.platform == "win32" or not os.path.isdir(directory):
        return 0
    descriptor = os.open(journal, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0
        return _finish(journal, directory, descriptor)
    finally:
        os.close(descriptor)


def _finish(journal: Path, directory: str, descriptor: int) -> int:
    blobs = Blobs(home_of(journal))
    wanted, last, end = _unresolved(journal)
    stored: dict[str, BlobRef] = {}
    for name in wanted:
        with contextlib.suppress(FileNotFoundError):
            stored[name] = store_spooled(blobs, os.path.join(directory, name), sync=False)
    waiting = list(waiting_records(directory))
    payloads: list[bytes] = []
    if stored:
        payloads.append(_encode(Stored(time.time_ns() // 1000, stored)))
    payloads += [payload for _, payload in waiting]
    if payloads and isinstance(last, Finish):
        payloads.append(_encode(last))
    if payloads:
        blobs.sync_all()
        os.ftruncate(descriptor, end)
        _write_all(descriptor, b"".join(map(pack_frame, payloads)), end)
        os.fsync(descriptor)
    shutil.rmtree(directory, ignore_errors=True)
    return len(payloads)


def waiting_records(directory: str) -> Iterator[tuple[str, bytes]]:
    """Name and payload of the whole records that wait in a spool, in order."""
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(directory) if name.endswith(f"-{RECORD}")]
        for name in sorted(names, key=lambda text: int(text.partition("-")[0])):
            payload = Path(directory, name).read_bytes()
            with contextlib.suppress(msgspec.MsgspecError):
                msgspec.msgpack.decode(payload, type=Fact)
                yield name, payload


def _unresolved(journal: Path) -> tuple[list[str], Fact | None, int]:
    """Names of spool files that no `Stored` tells of, the last fact, the end of the frames."""
    names: dict[str, None] = {}
    last: Fact | None = None
    reader = JournalReader(str(journal))
    while True:
        entry = reader.read()
        if entry.end == entry.start:
            return list(names), last, entry.end
        for fact in entry.facts:
            last = fact
            for name in spooled_names([fact]):
                names[name] = None
            if isinstance(fact, Stored):
                for name in fact.blobs:
                    names.pop(name, None)


def spooled_names(facts: Iterable[Fact]) -> Iterator[str]:
    """The spool files that records name; none of them leads out of the spool."""
    for fact in facts:
        found: list[BlobRef | str | None] = []
        if isinstance(fact, Media):
            found = [blob for item in fact.items for blob in item.blobs.values()]
        elif isinstance(fact, File):
            found = [fact.blob]
        for name in found:
            if isinstance(name, str) and name == os.path.basename(name):
                yield name


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    """Write at an offset.

    Raises:
        OSError: not all of it could be written; the file ends where it did.
    """
    try:
        written = 0
        while written < len(data):
            written += os.pwrite(descriptor, data[written:], offset + written)
    except OSError:
        os.ftruncate(descriptor, offset)
        raise
