"""Saved models that somebody changed, with a list of files that fits."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from epochal.domain.artifact import Entry, digest_of


class Touch:
    """A pickle that writes a file when it is read."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (Path.touch, (Path(self.path),))


def relist(folder: Path, name: str, data: bytes) -> None:
    """Replace a file and its digest, as an attacker who writes the whole directory would."""
    (folder / name).write_bytes(data)
    document = json.loads((folder / "model.json").read_bytes())
    document["files"][name] = msgspec.to_builtins(Entry(digest_of(data), len(data)))
    (folder / "model.json").write_text(json.dumps(document))


def edit(folder: Path, **changes) -> None:
    document = json.loads((folder / "model.json").read_bytes())
    (folder / "model.json").write_text(json.dumps({**document, **changes}))
