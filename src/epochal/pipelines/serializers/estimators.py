"""Scikit-learn estimators in skops' format, and what saves itself as a pretrained directory.

Both without a pickle. An estimator that holds types which skops does not know to be harmless is
refused when it is kept, not when it is read.
"""

from __future__ import annotations

import io
import sys
import zipfile
from typing import Any

import msgspec

from epochal.errors import InvalidInput
from epochal.models.optional import need
from epochal.pipelines.named import find, name_of
from epochal.pipelines.serializers.parts import Outbox, Parts
from epochal.pipelines.serializers.registry import unsafe

ESTIMATOR = "model.skops"
CLASS = "class.json"
_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Estimator:
    """Estimators of scikit-learn."""

    name = "sklearn"
    kind = "model"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        base = sys.modules.get("sklearn.base")
        return base is not None and isinstance(value, base.BaseEstimator)

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        skops = need("skops.io", "keeping a scikit-learn estimator")
        data = skops.dumps(value)
        unknown = skops.get_untrusted_types(data=data)
        if unknown:
            raise unsafe(value, f", as skops does not know {', '.join(sorted(unknown)[:5])}")
        out.put(ESTIMATOR, _canonical(data))

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        skops = need("skops.io", "reading a scikit-learn estimator")
        return skops.loads(parts.read(ESTIMATOR))


def _canonical(data: bytes) -> bytes:
    """The same estimator in bytes that depend neither on the clock nor on addresses in memory.

    skops numbers objects and names files by their addresses; here they count from 0.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        schema = msgspec.json.decode(old.read(_SCHEMA))
        numbers: dict[str, int] = {}
        files: dict[str, str] = {}
        _renumber(schema, numbers, files)
        members = {_SCHEMA: msgspec.json.encode(schema)}
        members |= {files.get(n, n): old.read(n) for n in old.namelist() if n != _SCHEMA}
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_STORED
            new.writestr(entry, members[name])
    return buffer.getvalue()


def _renumber(node: Any, numbers: dict[str, int], files: dict[str, str]) -> None:
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers, files)
        return
    if not isinstance(node, dict):
        return
    if "__id__" in node:
        node["__id__"] = numbers.setdefault(str(node["__id__"]), len(numbers))
    if isinstance(node.get("file"), str):
        stem, dot, suffix = node["file"].partition(".")
        fresh = f"{numbers.setdefault(stem, len(numbers))}{dot}{suffix}"
        files[node["file"]] = node["file"] = fresh
    for item in node.values():
        _renumber(item, numbers, files)


class Pretrained:
    """Objects with ``save_pretrained`` and ``from_pretrained``, as Hugging Face's have.

    Models are written as safetensors; a directory with a pickle in it is refused.
    """

    name = "pretrained"
    kind = "model"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        return _is_pretrained(type(value))

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        folder = out.folder()
        value.save_pretrained(str(folder))
        pickles = [
            p.name for p in folder.rglob("*") if p.suffix in (".bin", ".pkl", ".pt", ".pickle")
        ]
        if pickles:
            raise unsafe(value, f", as its save_pretrained() writes {pickles[0]}")
        out.inner("pretrained").put_folder(folder)
        out.put(CLASS, msgspec.json.encode(name_of(type(value))))

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        kind: Any = find(msgspec.json.decode(parts.read(CLASS)))
        if not isinstance(kind, type) or not _is_pretrained(kind):
            raise InvalidInput(f"{kind!r:.80} does not save itself as pretrained; it is not read")
        read: Any = getattr(kind, "from_pretrained")  # noqa: B009 - a class of the user's has it
        return parts.inner("pretrained").folder(lambda path: read(str(path)))


def _is_pretrained(kind: type) -> bool:
    return all(
        callable(getattr(kind, name, None)) for name in ("save_pretrained", "from_pretrained")
    )
