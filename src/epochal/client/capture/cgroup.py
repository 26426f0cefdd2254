"""The memory limit that a container or a scheduler sets with control groups (Linux).

Promise: versions 1 and 2 are understood, the tightest limit on the way up counts, and whatever
cannot be read counts as no limit. Nothing raises.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

_NO_LIMIT: Final = 1 << 60  # version 1 writes 2^63 rounded down to pages


class MemoryLimit(NamedTuple):
    """Bytes that the group may use, and bytes that it uses without reclaimable page cache."""

    limit: int
    used: int


def read_memory_limit(
    proc: str = "/proc/self", root: str = "/sys/fs/cgroup"
) -> MemoryLimit | None:
    """The limit that binds this process.

    Args:
        proc: this process's directory in procfs.
        root: where the control groups are mounted.

    Returns:
        The tightest limit with its use, or None where there is none.
    """
    best: MemoryLimit | None = None
    for directory, names in _directories(proc, root):
        limit = _number(os.path.join(directory, names[0]))
        if limit is None or limit >= _NO_LIMIT or (best is not None and limit >= best.limit):
            continue
        used = _number(os.path.join(directory, names[1]))
        if used is not None:
            cache = _field(os.path.join(directory, "memory.stat"), names[2])
            best = MemoryLimit(limit, max(0, used - cache))
    return best


_V2: Final = ("memory.max", "memory.current", "inactive_file")
_V1: Final = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _directories(proc: str, root: str) -> list[tuple[str, tuple[str, str, str]]]:
    """Each group from ours up to the root of the mount, with the names of its files."""
    found: list[tuple[str, tuple[str, str, str]]] = []
    for line in _read(os.path.join(proc, "cgroup")).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        names = _V1 if controllers else _V2
        base = os.path.join(root, "memory") if controllers else root
        parts = [part for part in path.split("/") if part not in {"", ".."}]
        depths = range(len(parts), -1, -1)
        found.extend((os.path.join(base, *parts[:depth]), names) for depth in depths)
    return found


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _number(path: str) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdecimal() else None


def _field(path: str, name: str) -> int:
    for line in _read(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return 0
