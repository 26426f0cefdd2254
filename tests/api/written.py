"""Files that a download wrote."""

from __future__ import annotations

from pathlib import Path

from epochal.api import ArtifactVersion, Reader

BIG = "inner/b.bin"


def contents_of(root: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def first(reader: Reader) -> ArtifactVersion:
    return reader.artifact("digits:v0", "shop")
