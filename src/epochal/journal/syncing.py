"""Making files and names survive power loss: one, several at once, or a whole file system.

A file system commits what waits at the same moment together: syncs side by side take little more
time than one alone, and far less than one after the other.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_BEGIN_WRITING = 2
"""SYNC_FILE_RANGE_WRITE of Linux's headers."""


def at_once(sync: Callable[[T], None], things: Sequence[T], threads: int) -> None:
    """Call ``sync`` for each of several things, side by side; returns when all are done.

    Args:
        sync: makes one thing durable.
        things: what to sync.
        threads: how many at the same time, the calling one included; at least 1.

    Raises:
        OSError: one could not be synced; those of the other threads were tried.
    """
    troubles: list[OSError] = []

    def work(part: Sequence[T]) -> None:
        try:
            for thing in part:
                sync(thing)
        except OSError as error:
            troubles.append(error)

    others = []
    for first in range(1, min(threads, len(things))):
        part = things[first::threads]
        thread = threading.Thread(target=work, args=(part,), name="epochal-sync", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter ends, or there is no memory for a thread
            work(part)
            continue
        others.append(thread)
    work(things[::threads])
    for thread in others:
        thread.join()
    if troubles:
        raise troubles[0]


def sync_together(paths: Iterable[str]) -> None:
    """Sync a few files or directories, each in a thread.

    Raises:
        OSError: one of them could not be synced.
    """
    things = list(paths)
    at_once(sync_path, things, max(1, len(things)))


def sync_path(path: str) -> None:
    """Sync one file or directory.

    Raises:
        OSError: it could not be synced.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive power loss."""
    sync_path(str(path))


def sync_file_system(path: Path) -> None:
    """Make everything written to the file system of ``path`` survive power loss."""
    sync = _syncfs()
    if sync is None:
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if sync(descriptor) != 0:
            os.sync()
    finally:
        os.close(descriptor)


def begin_writing(descriptor: int, offset: int, size: int) -> None:
    """Let the device begin to write a stretch of a file, without waiting for it.

    That makes nothing durable: it leaves less to do for the sync that does. Where the system has
    no such call, nothing happens.
    """
    begin = _sync_file_range()
    if begin is not None:
        begin(descriptor, offset, size)


@functools.cache
def _sync_file_range() -> Callable[[int, int, int], int] | None:
    """Linux's ``sync_file_range``, asked to begin only; the standard library lacks it."""
    try:
        found = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError, TypeError):
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    found.restype = ctypes.c_int

    def call(descriptor: int, offset: int, size: int) -> int:
        return int(found(descriptor, offset, size, _BEGIN_WRITING))

    return call


@functools.cache
def _syncfs() -> Callable[[int], int] | None:
    """Linux's ``syncfs``, which the standard library lacks."""
    try:
        found = ctypes.CDLL(None).syncfs
    except (OSError, AttributeError, TypeError):
        return None
    found.argtypes, found.restype = (ctypes.c_int,), ctypes.c_int

    def call(descriptor: int) -> int:
        return int(found(descriptor))

    return call
