"""Files of runs that foreign clients give, list, fetch and remove.

Bytes arrive piece by piece in a temporary file; a name shows them only when all are there and
durable, and the record of it is. Paths are checked once, here; nothing of them becomes a path on
this machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.artifact import check_path
from epochal.domain.encode import type_of
from epochal.domain.names import check_uid
from epochal.domain.objects import FileRow
from epochal.domain.record import BlobRef, File
from epochal.errors import InvalidInput, NotFound
from epochal.journal.straight import Piece, StraightFile
from epochal.service.occupied import Occupied
from epochal.service.permission import require
from epochal.service.recorded import Recording
from epochal.service.recording import Recorder
from epochal.store import contents, files
from epochal.store.contents import Content
from epochal.store.owner import Store

LOGGED: Final = re.compile(r"models/m-[0-9a-f]{32}/")
"""Where the files of a logged model lie among those of its run; they are not listed with them."""


class Entry(msgspec.Struct, frozen=True):
    """A file or folder directly in a folder; ``size`` is None for a folder."""

    name: str
    size: int | None


class Deposit:
    """A file on its way in. One thread at a time hashes, and one writes.

    Args:
        path: a new temporary file.
        uid: the run that it is for.
        name: its path in the run.
        is_read_soon: whether somebody reads it again right away.
        as_on_disk: whether it must lie beside the run's other files as in a folder on a disk.
    """

    def __init__(
        self,
        path: Path,
        uid: str,
        name: str,
        *,
        is_read_soon: bool = False,
        as_on_disk: bool = False,
    ) -> None:
        self.path = path
        self.uid = uid
        self.name = name
        self.as_on_disk = as_on_disk
        self._hashing = hashlib.sha256()
        self._file = StraightFile(path, is_read_soon=is_read_soon)

    @property
    def size(self) -> int:
        """Bytes that were taken."""
        return self._file.size

    def write(self, *pieces: Piece) -> None:
        """Take the next pieces.

        Raises:
            OSError: the disk does not take it.
        """
        self.hash(*pieces)
        self.keep(*pieces)

    def hash(self, *pieces: Piece) -> None:
        """Let the digest know the next pieces; another thread may `keep` them meanwhile."""
        for data in pieces:
            self._hashing.update(data)

    def keep(self, *pieces: Piece) -> None:
        """Write the next pieces.

        Raises:
            OSError: the disk does not take it.
        """
        for data in pieces:
            self._file.write(data)

    def complete(self) -> str:
        """Close the file and return the digest of its bytes.

        Raises:
            OSError: the disk does not take the last of them.
        """
        self._file.close()
        return self._hashing.hexdigest()

    def discard(self) -> None:
        """Remove what is there; harmless after it was taken over."""
        self._file.give_up()
        self.path.unlink(missing_ok=True)


def begin_deposit(
    store: Store,
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
    name: str,
    *,
    as_on_disk: bool = False,
) -> Deposit:
    """Begin to take a file in.

    Args:
        store: the home.
        principal: who asks.
        recorder: that of the server.
        uid: the run.
        name: path of the file in it.
        as_on_disk: refuse a file where the run has a folder of that name, and one in a folder
            where the run has a file of that name.

    Raises:
        NotFound: there is no such run.
        InvalidInput: the path cannot be that of a file, or the run is archived.
    """
    require(principal, Permission.WRITE)
    name = checked(name)
    with recorder.hold(_known(uid)) as recording:
        check_active(recording)
        if as_on_disk:
            _occupied(store, recorder, recording).check(name)
    path = store.blobs.temporary(f"deposit.{secrets.token_hex(8)}")
    return Deposit(path, uid, name, as_on_disk=as_on_disk)


def finish_deposit(
    store: Store, principal: Principal | None, recorder: Recorder, deposit: Deposit
) -> BlobRef:
    """Make a file that arrived whole part of its run; return its bytes' reference.

    Raises:
        StorageFull: there is no room.
        NotFound: the run is gone.
        InvalidInput: the run was archived meanwhile, or the place was taken.
    """
    require(principal, Permission.WRITE)
    with recorder.hold(deposit.uid) as recording:
        check_active(recording)
    digest = deposit.complete()
    store.blobs.adopt(deposit.path, digest, found=digest)
    now = time.time_ns() // 1000
    ref = BlobRef(digest, deposit.size, type_of(os.path.splitext(deposit.name)[1]))
    with recorder.hold(deposit.uid) as recording:
        if deposit.as_on_disk:
            _occupied(store, recorder, recording).check(deposit.name)
        recorder.write(recording, [File(now, deposit.name, ref, "now", now)])
        if recording.occupied is not None:
            recording.occupied.add(deposit.name)
    recorder.commit(recording)
    return ref


def list_folder(
    store: Store, principal: Principal | None, recorder: Recorder, uid: str, folder: str
) -> list[Entry]:
    """What lies directly in a folder of a run; nothing for a file, and for what does not exist.

    Raises:
        InvalidInput: the path cannot be one.
    """
    require(principal, Permission.READ)
    folder = checked(folder) if folder else ""
    return direct({row.path: row.size for row in files_of(store, recorder, uid)}, folder)


def list_holders(
    store: Store, principal: Principal | None, recorder: Recorder, place: tuple[str, str]
) -> list[str]:
    """The uids of the runs of a project, ``(entity, name)``, that hold files."""
    require(principal, Permission.READ)
    recorder.settle()
    return files.runs_with_files(store, *place)


def direct(sizes: Mapping[str, int], folder: str) -> list[Entry]:
    """What lies directly in a folder, of files by path; an empty folder is the root."""
    prefix = f"{folder}/" if folder else ""
    found: dict[str, int | None] = {}
    for path, size in sizes.items():
        if path.startswith(prefix) and not (LOGGED.match(path) and not LOGGED.match(prefix)):
            name, slash, _ = path[len(prefix) :].partition("/")
            found[name] = None if slash else size
    return [Entry(name, size) for name, size in sorted(found.items())]


def fetch(
    store: Store, principal: Principal | None, recorder: Recorder, uid: str, name: str
) -> Content:
    """Where the bytes of a file lie.

    Raises:
        NotFound: there is no such run or file.
        InvalidInput: the path cannot be one.
    """
    require(principal, Permission.READ)
    name = checked(name)
    recorder.settle([_known(uid)])
    return contents.run_file(store, uid, name)


def remove(
    store: Store, principal: Principal | None, recorder: Recorder, uid: str, name: str
) -> None:
    """Remove a file, or a folder with all that is in it; an empty name is all of the run's files.

    Raises:
        NotFound: there is no such run, file or folder.
        InvalidInput: the path cannot be one.
    """
    require(principal, Permission.WRITE)
    name = checked(name) if name else ""
    gone = [
        row.path
        for row in files_of(store, recorder, uid)
        if (not name and not LOGGED.match(row.path))
        or row.path == name
        or row.path.startswith(f"{name}/")
    ]
    if not gone:
        raise NotFound(f"No such artifact: {name!r:.200}")
    now = time.time_ns() // 1000
    with recorder.hold(uid) as recording:
        recorder.write(recording, [File(now, path, None, "now", now) for path in gone])
        if recording.occupied is not None:
            for path in gone:
                recording.occupied.remove(path)
    recorder.commit(recording)


def _occupied(store: Store, recorder: Recorder, recording: Recording) -> Occupied:
    """The places that the files of a run take. The caller holds the recording."""
    if recording.occupied is None:
        paths = [row.path for row in files_of(store, recorder, recording.uid)]
        recording.occupied = Occupied(paths)
    return recording.occupied


def check_active(recording: Recording) -> None:
    """Refuse to write to a run that was deleted.

    Raises:
        InvalidInput: it is archived.
    """
    if recording.archived:
        raise InvalidInput(f"The run {recording.uid} must be in the 'active' state")


def files_of(store: Store, recorder: Recorder, uid: str) -> list[FileRow]:
    """The files of a run; none of a run that does not exist. Needs no permission itself."""
    try:
        recorder.settle([_known(uid)])
        return files.list_files(store, uid).files
    except NotFound:
        return []


def checked(path: str) -> str:
    """A path as it is kept.

    Raises:
        InvalidInput: it cannot be one.
    """
    try:
        return check_path(path)
    except InvalidInput:
        raise InvalidInput("Invalid path") from None


def _known(uid: str) -> str:
    try:
        return check_uid(uid)
    except InvalidInput:
        raise NotFound(f"Run with id={uid[:80]} not found") from None
