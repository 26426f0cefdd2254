"""Whether a directory holds exactly what a manifest says."""

from __future__ import annotations

import os
from pathlib import Path

from epochal.api.download import digest_of_file, is_part
from epochal.domain.artifact import Manifest
from epochal.errors import Conflict

SHOWN = 5


def check_files(name: str, manifest: Manifest, root: Path) -> None:
    """Compare a directory with a manifest, by digest.

    Args:
        name: for the message.
        manifest: what should be there; references may be there.
        root: the directory.

    Raises:
        Conflict: files are missing, changed or more than there should be.
    """
    wanted = {path: entry for path, entry in manifest.entries.items() if entry.ref is None}
    missing, changed = [], []
    for path, entry in sorted(wanted.items()):
        place = root / path
        if not place.is_file() or place.is_symlink():
            missing.append(path)
        elif place.stat().st_size != entry.size or digest_of_file(place) != entry.digest:
            changed.append(path)
    there = set(_files_below(root))
    referred = there & (set(manifest.entries) - set(wanted))
    changed += [
        path
        for path in sorted(referred)
        if manifest.entries[path].digest not in (None, digest_of_file(root / path))
    ]
    extra = sorted(there - set(manifest.entries))
    problems = [
        f"{len(paths)} {what} ({', '.join(paths[:SHOWN])}{', ...' if len(paths) > SHOWN else ''})"
        for what, paths in (("missing", missing), ("changed", changed), ("unknown", extra))
        if paths
    ]
    if problems:
        raise Conflict(
            f"{root} does not hold {name}: {'; '.join(problems)}; download() mends what is "
            f"missing and changed"
        )


def _files_below(root: Path) -> list[str]:
    found = []
    for folder, _, names in os.walk(root):
        inner = Path(folder).relative_to(root)
        found += [(inner / name).as_posix() for name in names if not is_part(name)]
    return found
