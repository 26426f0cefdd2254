"""What a stored value says is data: it does not choose what is called, and leads nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from epochal.domain.artifact import Entry, Manifest
from epochal.domain.pipeline import Stored
from epochal.errors import EpochalError, InvalidInput
from epochal.journal.blobs import Blobs
from epochal.pipelines.keeping import keep, load


def forge(blobs: Blobs, serializer: str, **parts: Any) -> Stored:
    """A stored value with these JSON parts, as somebody else may have made it."""
    entries = {}
    for name, content in parts.items():
        ref = blobs.put(msgspec.json.encode(content))
        entries[name.replace("__", ".")] = Entry(digest=ref.digest, size=ref.size)
    data = Manifest(entries).encode()
    ref = blobs.put(data)
    return Stored(ref.digest, 0, len(entries), ref.size, serializer, "dict")


HOSTILE: list[tuple[str, Any]] = [
    ("a function of a package", {"$name": "os:system"}),
    ("a builtin", {"$name": "builtins:eval"}),
    ("a class of a package", {"$name": "subprocess:Popen"}),
    ("a struct that is none", {"$struct": ["subprocess:Popen", {"args": ["touch", "x"]}]}),
    ("a dataclass that is none", {"$dataclass": ["subprocess:Popen", {}]}),
    ("an enum that is none", {"$enum": ["os:environ", "HOME"]}),
    ("a named tuple that is none", {"$namedtuple": ["subprocess:Popen", []]}),
    ("a pydantic model that is none", {"$pydantic": ["subprocess:Popen", {}]}),
    ("an object of a package", {"$object": [0, "subprocess:Popen", {}]}),
    ("an object that is no class", {"$object": [0, "os:system", {}]}),
    ("a pickle inside", {"$value": [0, "pickle"]}),
    ("an unknown tag", {"$evil": 1}),
    ("a class that is not there", {"$dataclass": ["no_such_module:A", {}]}),
]


@pytest.mark.parametrize(("what", "node"), HOSTILE, ids=[row[0] for row in HOSTILE])
def test_a_forged_value_is_refused_and_runs_nothing(
    what: str, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blobs = Blobs(tmp_path / "home")
    forged = forge(blobs, "tree", value__json=[node])
    with pytest.raises(EpochalError):
        load(blobs, forged)
    assert not (tmp_path / "x").exists(), what


def test_a_forged_directory_does_not_leave_its_place(tmp_path: Path) -> None:
    """Neither by its name nor by an empty directory in it."""
    blobs = Blobs(tmp_path)
    named = {"name": "../../../evil", "directory": True, "empty": []}
    assert load(blobs, forge(blobs, "path", path__json=named)).name == "evil"
    inner = {"name": "data", "directory": True, "empty": ["../../evil"]}
    with pytest.raises(InvalidInput):
        load(blobs, forge(blobs, "path", path__json=inner))


def test_a_forged_pretrained_object_is_refused(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    with pytest.raises(InvalidInput, match="does not save itself"):
        load(blobs, forge(blobs, "pretrained", class__json="subprocess:Popen"))


def test_functions_of_packages_are_refused_when_they_are_kept(tmp_path: Path) -> None:
    """So that nobody finds out only when the value is needed."""
    import os

    with pytest.raises(InvalidInput, match="wrap it in a function of your own"):
        keep(Blobs(tmp_path), {"call": os.getcwd})
