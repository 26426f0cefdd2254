"""Which kind of file system a path lies on: journals are mapped only where that is safe."""

from __future__ import annotations

import os
import re

NETWORK_TYPES = frozenset(
    (
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph",
        "lustre", "gpfs", "beegfs", "glusterfs", "virtiofs", "panfs", "pvfs2", "orangefs",
        "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.gcsfuse", "fuse.s3fs", "fuse.rclone",
    )
)  # fmt: skip

NAMING_TYPES = frozenset(("ext4", "xfs"))
"""One log holds all changes of names and sizes in their order, and a sync writes it up to the
file's last change: with the size of a new file its name and the directories made before it."""

_ESCAPE = re.compile(r"\\([0-7]{3})")


def filesystem_type(path: str, mounts: str = "/proc/self/mountinfo") -> str:
    """The type of the file system under ``path``, such as ``"ext4"``; empty when unknown.

    Args:
        path: an existing file or directory.
        mounts: the kernel's table of mounts (proc(5), "mountinfo").
    """
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as table:
            lines = table.readlines()
    except OSError:
        return ""
    real = os.path.realpath(path)
    best, kind = "", ""
    for line in lines:
        fields = line.split(" ")
        try:
            point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4])
            name = fields[fields.index("-") + 1]
        except (ValueError, IndexError):
            continue
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, name
    return kind


_types: dict[int, str] = {}
"""Types by device: the table of mounts can be long, and runs come by the thousand."""


def is_network(path: str) -> bool:
    """Whether the existing ``path`` lies on a network file system."""
    return _type_of(path) in NETWORK_TYPES


def keeps_names(path: str) -> bool:
    """Whether syncing a new file in the existing ``path`` makes its name durable, too."""
    return _type_of(path) in NAMING_TYPES


def _type_of(path: str) -> str:
    device = os.stat(path).st_dev
    if device not in _types:
        _types[device] = filesystem_type(path)
    return _types[device]
