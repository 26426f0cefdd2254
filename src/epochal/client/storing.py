"""From local files to blobs, many at once: hashed and copied in one pass, several threads.

A file that this process has stored already and that has not changed since is not read again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from epochal.domain.artifact import Entry
from epochal.errors import InvalidInput
from epochal.journal.blobs import Blobs

THREADS = min(8, (os.cpu_count() or 1) + 2)
LARGE_FROM = 512 * 1024
KNOWN = 200_000
RACY_NS = 2_000_000_000

Look = tuple[int, int, int, int]

_known: dict[Look, str] = {}
_lock = threading.Lock()


def store_files(blobs: Blobs, files: Mapping[str, str]) -> dict[str, Entry]:
    """Store files; call `Blobs.sync_all` before a record names them durably.

    Args:
        blobs: where to.
        files: local paths by the paths of the entries.

    Returns:
        The entries.

    Raises:
        InvalidInput: a file is gone, or no regular file.
        Conflict: a file changes while it is read.
        StorageFull: there is no room.
    """
    large, small = _parted(files)
    entries: dict[str, Entry] = {}
    # Reading and hashing large files run side by side; with small ones threads would only take
    # the interpreter from each other.
    if len(large) <= 1:
        entries.update(_store_group(blobs, large + small))
        return {path: entries[path] for path in files}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="epochal-store") as pool:
        waiting = [pool.submit(_store_group, blobs, [one]) for one in large]
        waiting.append(pool.submit(_store_group, blobs, small))
        try:
            for group in waiting:
                entries.update(group.result())
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return {path: entries[path] for path in files}


def _parted(files: Mapping[str, str]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Large files, the largest first, and small ones."""
    sized: list[tuple[int, str, str]] = []
    for path, local in files.items():
        try:
            sized.append((os.stat(local).st_size, path, local))
        except OSError as error:
            raise InvalidInput(
                f"{local!r} was added as {path!r} and cannot be read any more: {error.strerror}"
            ) from None
    sized.sort(key=lambda one: (-one[0], one[1]))
    large = [(path, local) for size, path, local in sized if size > LARGE_FROM]
    return large, [(path, local) for size, path, local in sized if size <= LARGE_FROM]


def _store_group(blobs: Blobs, group: Iterable[tuple[str, str]]) -> dict[str, Entry]:
    return {path: _store(blobs, local) for path, local in group}


def _store(blobs: Blobs, local: str) -> Entry:
    look = _look(local)
    digest = None if look is None else _known.get(look)
    if look is not None and digest is not None and blobs.keep(digest):
        return Entry(digest=digest, size=look[2])
    blob = blobs.put_file(Path(local), sync=False)
    if look is not None and look == _look(local) and time.time_ns() - look[3] > RACY_NS:
        with _lock:
            if len(_known) >= KNOWN:
                _known.clear()
            _known[look] = blob.digest
    return Entry(digest=blob.digest, size=blob.size)


def _look(local: str) -> Look | None:
    """What changes when a file changes; a change within the clock's grain is not trusted."""
    try:
        found = os.stat(local)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, max(found.st_mtime_ns, found.st_ctime_ns)
