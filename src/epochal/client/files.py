"""Files saved with a run: snapshots by content, taken in the background.

``now`` takes one snapshot, ``live`` one more whenever the file's time or size changes, ``end`` one
when the run ends. A file that changes while it is read is read again; one that never rests, is
gone, or leads out of its base gets one warning.
"""

from __future__ import annotations

import glob as globbing
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epochal.client import guard
from epochal.client.keeper import Keeper
from epochal.client.tree import inside
from epochal.domain.artifact import check_path
from epochal.domain.encode import type_of
from epochal.domain.record import File
from epochal.errors import Conflict, EpochalError, InvalidInput
from epochal.journal.blobs import Blobs
from epochal.journal.journal import Journal
from epochal.journal.spool import home_of

POLICIES = ("now", "live", "end")
MAX_FILES = 100_000

Look = tuple[int, int]


class SavedFiles:
    """The saved files of one run.

    Args:
        keeper: takes the snapshots.
        journal: gives the present journal, or None after the end of the run.
    """

    def __init__(self, keeper: Keeper, journal: Callable[[], Journal | None]) -> None:
        self._keeper = keeper
        self._journal = journal
        self._lock = threading.Lock()
        self._live: dict[str, str] = {}
        self._end: dict[str, str] = {}
        self._looks: dict[str, Look] = {}

    def save(self, files: dict[str, str], policy: str) -> None:
        """Save files.

        Args:
            files: absolute paths by their paths in the run, as `find` gives them.
            policy: one of `POLICIES`.
        """
        with self._lock:
            for path, source in files.items():
                self._live.pop(path, None)
                self._end.pop(path, None)
                if policy == "end":
                    self._end[path] = source
                    continue
                if policy == "live":
                    self._live[path] = source
                self._snapshot(path, source, policy)

    def look(self, *, at_end: bool = False) -> None:
        """Save the live files that changed; at the end those that wait for it, too."""
        with self._lock:
            for path, source in self._live.items():
                if _look(source) not in (None, self._looks.get(path)):
                    self._snapshot(path, source, "live")
            if at_end:
                for path, source in self._end.items():
                    self._snapshot(path, source, "end")
                self._end = {}

    def forget(self) -> None:
        """In a forked child: the files are the parent's."""
        self._lock = threading.Lock()
        self._live, self._end = {}, {}

    def _snapshot(self, path: str, source: str, policy: str) -> None:
        journal = self._journal()
        if journal is None or journal.path is None:
            return
        look = _look(source)
        if look is not None:
            self._looks[path] = look
        home = home_of(journal.path)
        self._keeper.do(journal, lambda: self._store(home, path, source, policy))

    def _store(self, home: Path, path: str, source: str, policy: str) -> File | None:
        try:
            modified = os.stat(source).st_mtime_ns // 1000
            kind = type_of(os.path.splitext(path)[1])
            blob = Blobs(home).put_file(Path(source), kind, sync=False)
        except (OSError, EpochalError) as error:
            if isinstance(error, Conflict) and policy == "live":
                self._looks.pop(path, None)
                return None
            guard.warn_once(("save", path, type(error)), f"save(): {path!r} was not kept: {error}")
            return None
        return File(time.time_ns() // 1000, path, blob, policy, modified)


def find(pattern: Any, base_path: Any = None) -> dict[str, str]:
    """The files that a pattern names: absolute paths by their paths in the run.

    Args:
        pattern: a path, or a pattern with ``*``, ``?`` and ``**``; of a directory, all its files.
        base_path: the directory from which the paths in the run count; by default the working
            directory, or for absolute patterns the directory before the first wildcard.

    Raises:
        InvalidInput: no path, or a file outside of the base.
    """
    if not isinstance(pattern, (str, os.PathLike)):
        raise InvalidInput(f"save() takes a path or pattern, got {type(pattern).__name__}")
    text = os.path.expanduser(os.fspath(pattern))
    base = os.path.abspath(base_path) if base_path is not None else _base_of(text)
    # Counted from the working directory, as wandb does, or from the base where nothing is there.
    near = os.path.abspath(text)
    matches = (_matches(near) if inside(near, base) else []) or _matches(os.path.join(base, text))
    found: dict[str, str] = {}
    for match in sorted(matches):
        for source in _files(match):
            path = os.path.relpath(source, base).replace(os.sep, "/")
            if path.startswith("../") or not inside(source, base):
                raise InvalidInput(
                    f"{source!r} lies outside of {base!r}; give base_path, a directory above it"
                )
            found[check_path(path)] = source
            if len(found) > MAX_FILES:
                raise InvalidInput(f"{text!r} names more than {MAX_FILES:,} files")
    return found


def _matches(full: str) -> list[str]:
    return globbing.glob(full, recursive=True) or [full] * os.path.exists(full)


def _base_of(text: str) -> str:
    if not os.path.isabs(text):
        return os.getcwd()
    fixed = text
    while globbing.has_magic(fixed):
        fixed = os.path.dirname(fixed)
    return fixed if fixed != text else os.path.dirname(text)


def _files(match: str) -> list[str]:
    if not os.path.isdir(match):
        return [match]
    return [
        os.path.join(folder, name)
        for folder, _, names in os.walk(match)
        for name in sorted(names)
        if stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode)
    ]


def _look(source: str) -> Look | None:
    try:
        found = os.stat(source)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
