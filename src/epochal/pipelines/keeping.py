"""Values among the blobs of a home, and back.

A value is a manifest of parts like any artifact version: its digest names it, equal content is
stored once, and every load gives a fresh object. What `keep` returned is durable.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from epochal.domain.artifact import Entry, Manifest, check_digest, read_manifest
from epochal.domain.pipeline import Stored
from epochal.domain.record import BlobRef
from epochal.errors import EpochalError, InvalidInput, PermissionDenied
from epochal.journal.blobs import Blobs
from epochal.pipelines import serializers

PICKLE: Final = "pickle"
TREE: Final = "tree"
SMALL: Final = 1024 * 1024
"""Parts up to this size are stored together with the manifest."""


def keep(blobs: Blobs, value: Any, *, pickle: bool = False) -> Stored:
    """Store a value durably.

    Args:
        blobs: where to.
        value: anything that a serializer keeps.
        pickle: whether a value that none keeps may become a pickle.

    Raises:
        InvalidInput: nothing keeps this value; the message says what can be done.
        StorageFull: there is no room.
    """
    serializer = serializers.choose(value)
    name = TREE if serializer is None else serializer.name
    try:
        return _keep(blobs, value, name)
    except EpochalError:
        if not pickle:
            raise
        return _keep(blobs, value, PICKLE)


def _keep(blobs: Blobs, value: Any, name: str) -> Stored:
    serializer = serializers.find(name)
    out = serializers.Outbox(pickle=name == PICKLE)
    try:
        serializer.save(value, out)
        manifest, ref = _store(blobs, out)
    finally:
        out.close()
    return Stored(
        digest=ref.digest,
        size=manifest.size,
        files=len(manifest.entries),
        manifest=ref.size,
        serializer=name,
        type=type(value).__qualname__,
        kind=serializer.kind,
        classes=sorted(out.classes),
    )


def _store(blobs: Blobs, out: serializers.Outbox) -> tuple[Manifest, BlobRef]:
    """Store the parts and their manifest; small ones are synced together with it."""
    entries: dict[str, Entry] = {}
    small: list[bytes] = []
    for path, data in out.parts.items():
        if isinstance(data, bytes) and len(data) <= SMALL:
            small.append(data)
            entries[path] = Entry(digest=hashlib.sha256(data).hexdigest(), size=len(data))
            continue
        ref = blobs.put_file(data) if isinstance(data, Path) else blobs.put(data)
        entries[path] = Entry(digest=ref.digest, size=ref.size)
    manifest = Manifest(entries)
    *_, ref = blobs.put_many([*small, manifest.encode()])
    return manifest, ref


def load(blobs: Blobs, stored: Stored, *, pickle: bool = False) -> Any:
    """A fresh copy of a value.

    Raises:
        PermissionDenied: it is a pickle, and ``pickle`` is False.
        NotFound: bytes of it are gone, or its class or serializer cannot be found.
        CorruptFile: bytes of it are damaged.
    """
    if stored.serializer == PICKLE and not pickle:
        raise PermissionDenied(
            f"the value {stored.digest[:12]} ({stored.type}) is a pickle, and reading one runs "
            f"the code in it; annotate the step's argument with Annotated[..., pickled], or call "
            f"load(pickle=True)"
        )
    manifest = read_manifest(blobs.read(check_digest(stored.digest)))
    return serializers.find(stored.serializer).load(serializers.Parts(blobs, manifest.entries))


_present: dict[str, list[str]] = {}
"""The blobs that known values consist of. Manifests never change."""
_lock = threading.Lock()


def still_there(blobs: Blobs, values: Iterable[Stored]) -> bool:
    """Whether all bytes of values are present; if so, garbage collection spares them for a day."""
    for stored in values:
        digests = _present.get(stored.digest)
        if digests is None:
            if not blobs.has(stored.digest):
                return False
            try:
                manifest = read_manifest(blobs.read(stored.digest))
            except (EpochalError, InvalidInput):
                return False
            digests = [stored.digest, *manifest.digests()]
            with _lock:
                _present[stored.digest] = digests
        if not all(blobs.keep(digest) for digest in digests):
            return False
    return True
