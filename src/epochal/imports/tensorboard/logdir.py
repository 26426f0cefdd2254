"""What lies in a log directory: event files by directory, and other files worth keeping.

Nothing is opened here. Links to directories are followed once, so that a circle ends. A directory
that cannot be read is a problem of its own and does not hide the others.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Final

import msgspec

MARK: Final = "tfevents"
PROJECTOR: Final = "projector_config.pbtxt"
PROJECTED: Final = frozenset({"tensors.tsv", "metadata.tsv", "sprite.png", "tensors.bytes"})
"""What stands below the configuration of the projector."""
TRACES: Final = (".pt.trace.json", ".pt.trace.json.gz", ".xplane.pb")
MAX_DIRECTORIES: Final = 1000
"""`kept_below` looks into so many at most: a script may log right into its home directory."""


class Found(msgspec.Struct, frozen=True):
    """The files of one directory, names sorted. ``kept`` are paths below the log directory."""

    events: list[str] = []
    kept: list[str] = []


class LogDirectory(msgspec.Struct, frozen=True):
    """A log directory as it is now, by path below it, ``.`` for itself."""

    directories: dict[str, Found]
    problems: list[str]


def look(root: str) -> LogDirectory:
    """List a log directory and everything below it."""
    problems: list[str] = []
    directories: dict[str, Found] = {}
    seen: set[tuple[int, int]] = set()

    def told(error: OSError) -> None:
        problems.append(f"{error.filename} cannot be read: {error.strerror}")

    for place, names, files in os.walk(root, onerror=told, followlinks=True):
        names[:] = sorted(name for name in names if _is_new(os.path.join(place, name), seen))
        below = os.path.relpath(place, root)
        events = sorted(name for name in files if MARK in name)
        kept = sorted(_path(below, name) for name in files if name.endswith(TRACES))
        if PROJECTOR in files:
            kept += _projector(root, below)
        if events or kept:
            directories[below] = Found(events, kept)
    return LogDirectory(directories, problems)


def _is_new(path: str, seen: set[tuple[int, int]]) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    key = (found.st_dev, found.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _path(below: str, name: str) -> str:
    return name if below == "." else f"{below}/{name}"


def _projector(root: str, below: str) -> list[str]:
    """The configuration of the projector, and the tensors beside it."""
    found = [_path(below, PROJECTOR)]
    for place, _, files in os.walk(os.path.join(root, below)):
        inside = os.path.relpath(place, root)
        found += [f"{inside}/{name}" for name in sorted(files) if name in PROJECTED]
    return found


def kept_below(root: str) -> list[str]:
    """Traces and files of the projector as paths below ``root``, for who follows one run."""
    wanted = PROJECTED if os.path.exists(os.path.join(root, PROJECTOR)) else frozenset()
    found: list[str] = []
    for place, names, files in itertools.islice(os.walk(root), MAX_DIRECTORIES):
        names.sort()
        below = os.path.relpath(place, root)
        found += [
            _path(below, name)
            for name in sorted(files)
            if name.endswith(TRACES) or name == PROJECTOR or name in wanted
        ]
    return found


def run_of(below: str, is_run: Callable[[str], bool]) -> str:
    """The nearest directory, from this one upward, that has event files; else this one."""
    place = below
    while True:
        if is_run(place):
            return place
        if place in (".", ""):
            return below
        place = os.path.dirname(place) or "."


def ancestors(below: str) -> list[str]:
    """The directories above one, nearest first."""
    found = []
    while below not in (".", ""):
        below = os.path.dirname(below) or "."
        found.append(below)
    return found
