"""What `SummaryWriter` writes while a run is live, in that run: ``init(sync_tensorboard=True)``.

A thread follows the event files that this process opens and records what is new in them. Every
point comes once, also when a later run of the process goes on with the same writer. The first
directory's tags are keys as they are; those of others stand below their directory's name.
``add_scalars`` and ``add_hparams`` belong to the writer that called them. At the run's end the
writers are flushed and read to their ends, and traces and files of the projector that were written
below their directories in the meantime are kept.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.client import guard
from epochal.client.session import Session
from epochal.domain.encode import type_of
from epochal.domain.names import clean_key
from epochal.domain.record import Config, Event, File, Media
from epochal.imports.tensorboard.blocks import Block, Item
from epochal.imports.tensorboard.convert import FOLDER
from epochal.imports.tensorboard.event import Metadata
from epochal.imports.tensorboard.folding import decide
from epochal.imports.tensorboard.logdir import kept_below
from epochal.imports.tensorboard.naming import file_path
from epochal.imports.tensorboard.output import Row
from epochal.imports.tensorboard.state import FileState
from epochal.imports.tensorboard.stretch import Stretch, convert, read_stretch
from epochal.integrations import eventwriters
from epochal.journal.blobs import Blobs

INTERVAL: Final = 0.5
"""Seconds between looks."""
END_SECONDS: Final = 10.0
"""So long the end of a run may wait for writers."""
CALM_SECONDS: Final = 0.3
"""So long the queue of a writer must have been empty to count as such."""
CLOCK_SECONDS: Final = 2.0
"""The times of files may be so coarse; what is older than the run is not the run's."""
_PAUSE: Final = 0.05

_read: Final[dict[str, FileState]] = {}
"""How far this process has read each event file, whichever run that was for."""


_syncs: Final[weakref.WeakValueDictionary[str, Sync]] = weakref.WeakValueDictionary()


class Folder(msgspec.Struct):
    """A directory with event files.

    ``owner`` is the directory whose writer called; itself, or None as long as that is not known.
    """

    owner: str | None = None
    prefix: str = ""
    suffix: str = ""
    files: dict[str, bool] = {}
    tags: dict[str, Metadata] = {}


class Sync:
    """Follows the event files of this process for one run; a chore of its session.

    Args:
        session: of the run.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._folders: dict[str, Folder] = {}
        self._first: str | None = None
        self._began = time.time()
        self._writers: list[weakref.ref[Any]] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="epochal-events", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        eventwriters.listen(self._found)
        self._thread.start()

    def add(self, path: str) -> None:
        """Follow an event file of another process."""
        with self._lock:
            self._folders.setdefault(os.path.dirname(path), Folder()).files.setdefault(path, True)

    def tend(self) -> bool:
        """See `epochal.client.worker.Chore`: the thread does the work."""
        return True

    def close(self) -> None:
        """The run ends: flush the writers and read what there is."""
        eventwriters.forget(self._found)
        self._ending.set()
        self._thread.join(END_SECONDS)
        self._read_to_the_end()
        with guard.Shield("keeping traces and embeddings"):
            self._keep_files()

    def _read_to_the_end(self) -> None:
        """Flush the writers and read, until nothing comes any more or the time is over."""
        deadline = time.monotonic() + END_SECONDS
        calm = 0.0
        while calm < CALM_SECONDS and time.monotonic() < deadline:
            is_busy, has_queue = self._flush()
            found = self.turn()
            if not found and not has_queue:
                return
            calm = 0.0 if is_busy or found else calm + _PAUSE
            time.sleep(_PAUSE)

    def after_fork(self) -> None:
        """In a forked child: its writers are its own business."""
        eventwriters.forget(self._found)
        self._lock = threading.Lock()
        self._folders = {}

    def turn(self) -> bool:
        """Record what is new; whether anything was."""
        with self._lock:
            found = False
            for directory, folder in list(self._folders.items()):
                for path, usable in list(folder.files.items()):
                    if usable:
                        folder.files[path] = False  # unless it goes well
                        with guard.Shield(f"reading {path}"):
                            found = self._read(directory, folder, path) or found
                            folder.files[path] = True
            return found

    def _run(self) -> None:
        while not self._ending.wait(INTERVAL):
            with guard.Shield("sync_tensorboard"):
                while self.turn() and not self._ending.is_set():
                    pass

    def _found(self, writer: Any, path: str) -> None:
        """A writer was made."""
        self.add(path)
        with contextlib.suppress(TypeError):
            self._writers.append(weakref.ref(writer))

    def _flush(self) -> tuple[bool, bool]:
        """Ask the writers to put everything on disk.

        Returns:
            Whether one has events that wait, and whether one has a queue, out of which an event
            may be on its way without anybody knowing.
        """
        is_busy = has_queue = False
        for writer in filter(None, (reference() for reference in self._writers)):
            with guard.Shield("flushing a SummaryWriter"):
                writer.flush()
                queue = getattr(writer, "_event_queue", None)
                has_queue = has_queue or queue is not None
                is_busy = is_busy or (queue is not None and not queue.empty())
        return is_busy, has_queue

    def _read(self, directory: str, folder: Folder, path: str) -> bool:
        home = self._session.home
        try:
            stretch = read_stretch(path, _read.get(path, FileState()))
        except FileNotFoundError:
            return False
        if stretch is None or not stretch.records.end or home is None:
            return False
        if folder.owner is None and not self._decide(directory, folder, stretch):
            return False
        converted = convert(stretch, Blobs(home), folder.tags, folder.suffix)
        folder.tags = converted.tags
        _read[path] = msgspec.structs.replace(stretch.state, offset=stretch.state.to)
        for item in converted.items:
            self._record(item, folder.prefix)
        return True

    def _decide(self, directory: str, folder: Folder, stretch: Stretch) -> bool:
        """Find out whose directory it is; False when it says nothing yet."""
        if self._first is None:
            self._first = folder.owner = directory
            return True
        first = self._first
        base = os.path.commonpath([first, directory])

        def is_run(below: str) -> bool:
            place = os.path.normpath(os.path.join(base, below))
            known = self._folders.get(place)
            return known is not None and known.owner == place

        below = os.path.relpath(directory, base)
        home = decide(below, stretch.buffer, stretch.records, is_run)
        if home is None:
            return False
        folder.owner = os.path.normpath(os.path.join(base, home.run))
        folder.suffix = home.suffix
        if folder.owner == directory:
            folder.prefix = _prefix(first, directory)
        else:
            folder.prefix = self._folders[folder.owner].prefix
        return True

    def _keep_files(self) -> None:
        """Keep what was written beside the event files while the run was live."""
        if self._session.home is None:
            return
        blobs = Blobs(self._session.home)
        seen: set[str] = set()
        for directory in sorted(self._folders, reverse=True):  # those inside of others first
            folder = self._folders[directory]
            if folder.owner != directory:
                continue
            for below in kept_below(directory):
                path = os.path.join(directory, below)
                if path not in seen:
                    seen.add(path)
                    with guard.Shield(f"keeping {path}"):
                        self._keep(blobs, path, file_path(FOLDER, folder.prefix, below))

    def _keep(self, blobs: Blobs, path: str, name: str) -> None:
        changed = os.stat(path).st_mtime
        if changed < self._began - CLOCK_SECONDS:
            return
        blob = blobs.put_file(Path(path), type_of(os.path.splitext(path)[1]), sync=False)
        self._session.record(File(time.time_ns() // 1000, name, blob, "now", int(changed * 1e6)))

    def _record(self, item: Item, prefix: str) -> None:
        recorder = self._session.recorder
        if isinstance(item, Block):
            names = (_key(prefix, item.key),)
            columns = (item.step.tolist(), item.wall_us.tolist(), item.value.tolist())
            for step, wall_us, value in zip(*columns, strict=True):
                recorder.write_row(names, step, wall_us, [value])
        elif isinstance(item, Row):
            recorder.write_row((_key(prefix, item.key),), item.step, item.wall_us, [item.value])
        elif isinstance(item, Media):
            recorder.record(msgspec.structs.replace(item, key=_key(prefix, item.key)))
        elif isinstance(item, File):
            path = file_path(FOLDER, prefix, item.path.removeprefix(f"{FOLDER}/"))
            recorder.record(msgspec.structs.replace(item, path=path))
        elif isinstance(item, (Config, Event)):  # a cut would hide the run's other points
            recorder.record(item)


def follow(session: Session) -> None:
    """Follow the event files that this process opens, until the session ends."""
    _ = session.objects  # sends blobs to the server
    sync = Sync(session)
    session.chores.append(sync)
    _syncs[session.ref.uid] = sync
    sync.start()


def sync_of(uid: str) -> Sync | None:
    """What follows event files for a live run of this process, if anything does."""
    return _syncs.get(uid)


def _prefix(first: str, directory: str) -> str:
    """What the keys of another directory than the first one get."""
    for base in (first, os.path.dirname(first)):
        below = os.path.relpath(directory, base)
        if not below.startswith(".."):
            return below.replace(os.sep, "/")
    return os.path.basename(directory)


def _key(prefix: str, key: str) -> str:
    return clean_key(f"{prefix}/{key}")[0] if prefix else key
