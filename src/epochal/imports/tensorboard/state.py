"""What an import remembers between calls: how far each file was read, and into which journal.

Kept in ``imports/<digest>.state`` of the home, replaced as a whole. Before anything is written to
a journal, the state says which stretches are on their way and where the journal ended; after a
crash the same stretches are read again and what the journal has already is left out. One process
at a time owns a log directory's state.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from epochal.errors import Unavailable
from epochal.imports.tensorboard.event import Metadata
from epochal.journal.blobs import full_disk
from epochal.journal.files import sync_directories
from epochal.journal.home import unusable
from epochal.journal.syncing import sync_file_system
from epochal.journal.whole import write_whole

if sys.platform != "win32":
    import fcntl

DIRECTORY: Final = "imports"
FORMAT: Final = 1
MANY: Final = 4


class FileState(msgspec.Struct):
    """One event file.

    Attributes:
        offset: read and written up to here.
        to: on its way up to here; ``offset`` when nothing is.
        inode: of the file when it was last read.
        head: digest of its first bytes, `mark`: of the bytes before ``offset``; they tell a copy
            of the same file from another one of the same name.
        damaged: records and gaps that were stepped over.
    """

    offset: int = 0
    to: int = 0
    inode: int = 0
    head: bytes = b""
    head_size: int = 0
    mark: bytes = b""
    damaged: int = 0


class DirectoryState(msgspec.Struct):
    """One directory with event files: into which run it goes, once that is known."""

    run: str | None = None
    suffix: str = ""
    files: dict[str, FileState] = {}
    tags: dict[str, Metadata] = {}


class RunState(msgspec.Struct):
    """One run: its journal at present, and what was written.

    Attributes:
        writer: of the open journal, or None.
        at: where the journal ended before the stretches that are on their way.
        done: records of those stretches that earlier journals hold.
        started_us: when the newest journal says that its writer started; 0 before the first.
        last_us: of the newest event.
        ending: the state in which the run ended, as its files say.
        ended: whether the run was told to be over.
        known: whether anything of it is in a journal.
        kept: other files: path below the log directory to time of change and size.
    """

    run_id: str
    uid: str
    writer: str | None = None
    at: int = 0
    done: int = 0
    started_us: int = 0
    last_us: int = 0
    ending: str | None = None
    ended: bool = False
    known: bool = False
    kept: dict[str, tuple[int, int]] = {}


class State(msgspec.Struct):
    """Everything that is remembered of a log directory in a project."""

    root: str
    project: str
    format: int = FORMAT
    directories: dict[str, DirectoryState] = {}
    runs: dict[str, RunState] = {}


class StateFile:
    """The file of a state, locked while this object lives.

    Args:
        home: the home.
        root: the log directory.
        project: where its runs go.
        lock: descriptor of the lock, when the process that started this one owns the state.

    Raises:
        Unavailable: another process follows or imports the same directory.
        InvalidInput: the home cannot be written.
        StorageFull: there is no room.
    """

    def __init__(self, home: Path, root: str, project: str, lock: int | None = None) -> None:
        digest = hashlib.blake2b(f"{root}\0{project}".encode("utf-8", "surrogatepass"))
        self.directory = home / DIRECTORY
        self._path = self.directory / f"{digest.hexdigest()[:16]}.state"
        self.links = self.directory / digest.hexdigest()[:16]
        self._new = State(root, project)
        self._named: set[str] = set()
        try:
            home.mkdir(parents=True, mode=0o700, exist_ok=True)
            self.links.mkdir(parents=True, mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            path = self._path.with_suffix(".lock")
            self.lock = os.open(path, flags, 0o600) if lock is None else lock
        except OSError as error:
            raise unusable(home, error) from error
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.lock)
            raise Unavailable(
                f"another process brings {root} into {home} already; "
                f"wait until it is done, or end it"
            ) from None

    def load(self) -> State:
        """What was remembered; a fresh state when there is nothing, or nothing readable."""
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
            state = msgspec.msgpack.decode(self._path.read_bytes(), type=State)
            if state.format == FORMAT:
                return state
        return self._new

    def save(self, state: State, written: Collection[str], *, more: bool) -> None:
        """Remember, durably, and only after all that was written before is durable, too.

        Args:
            state: what to remember.
            written: journals that were written since the last call.
            more: whether blobs were, too.

        Raises:
            StorageFull: there is no room; the old state stays.
            OSError: it cannot be written.
        """
        self._sync(written, more=more)
        try:
            write_whole(self._path, msgspec.msgpack.encode(state))
        except OSError as error:
            raise full_disk(error, self.directory) from error

    def _sync(self, written: Collection[str], *, more: bool) -> None:
        """A few files one by one; for many, or blobs, the whole file system is cheaper."""
        if more or len(written) > MANY:
            sync_file_system(self.directory)
            return
        for path in written:
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                if path not in self._named:
                    sync_directories(path)
                    self._named.add(path)

    def close(self) -> None:
        """Let others go on."""
        os.close(self.lock)
