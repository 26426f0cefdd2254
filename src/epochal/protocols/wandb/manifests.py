"""Manifests between wandb's form and ours. Pure.

Wandb's: ``{"version", "storagePolicy", "storagePolicyConfig", "contents": {path: {"digest": base64
of the MD5, "size", "birthArtifactID", "ref"?, "extra"?}}}``. For a reference the digest is an etag
or the address itself, and is kept as etag.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from epochal.domain.artifact import Entry, Manifest, check_paths
from epochal.domain.record import BlobRef
from epochal.domain.values import to_json
from epochal.errors import InvalidInput
from epochal.protocols.wandb.arguments import read_json

POLICY: Final = "wandb-storage-policy-v1"
_HEAD: Final = b"wandb-artifact-manifest-v1\n"

Contents = dict[str, dict[str, Any]]


def read_contents(data: bytes) -> Contents:
    """The entries of wandb's manifest.

    Raises:
        InvalidInput: it is none.
    """
    found = read_json(data.decode("utf-8", "replace"), "the manifest")
    contents = found.get("contents") if isinstance(found, dict) else None
    if not isinstance(contents, dict) or not all(isinstance(e, dict) for e in contents.values()):
        raise InvalidInput("the manifest has no 'contents' by path")
    return contents


def md5s_of(contents: Contents) -> set[str]:
    """The MD5s, in hex, of the files that a manifest names."""
    return {hex_of(entry.get("digest")) for entry in contents.values() if not entry.get("ref")}


def to_ours(contents: Contents, blobs: Mapping[str, BlobRef]) -> Manifest:
    """Our manifest.

    Args:
        contents: of wandb's.
        blobs: the files that are here, by MD5 in hex.

    Raises:
        InvalidInput: a file was never uploaded, or a path cannot be one.
    """
    entries: dict[str, Entry] = {}
    for path, entry in contents.items():
        size, extra = entry.get("size"), _extra(entry)
        if entry.get("ref"):
            known = size if isinstance(size, int) and size >= 0 else None
            etag = str(entry.get("digest") or "") or None
            entries[path] = Entry(size=known, ref=str(entry["ref"]), etag=etag, extra=extra)
            continue
        blob = blobs.get(hex_of(entry.get("digest")))
        if blob is None:
            raise InvalidInput(
                f"the manifest names {path!r:.200}, which was never uploaded; log it again"
            )
        entries[path] = Entry(digest=blob.digest, size=blob.size, extra=extra)
    check_paths(entries)
    return Manifest(entries)


def _extra(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the client noted of an entry, None for nothing; numbers of JSON only."""
    found = entry.get("extra")
    if not isinstance(found, dict) or not found:
        return None
    return {name: to_json(value) for name, value in found.items()}


def to_theirs(manifest: Manifest, md5s: Mapping[str, str], id: str) -> dict[str, Any]:
    """Wandb's form of a manifest.

    Args:
        manifest: ours.
        md5s: in hex, by our digest.
        id: of the artifact that the entries are said to be born in.
    """
    contents: Contents = {}
    for path, entry in sorted(manifest.entries.items()):
        shown: dict[str, Any] = {
            "digest": digest_of(entry, md5s), "size": entry.size, "birthArtifactID": id,
        }  # fmt: skip
        if entry.ref is not None:
            shown["ref"] = entry.ref
        shown["extra"] = entry.extra
        contents[path] = {name: value for name, value in shown.items() if value is not None}
    return {
        "version": 1, "storagePolicy": POLICY, "storagePolicyConfig": {"storageLayout": "V2"},
        "contents": contents,
    }  # fmt: skip


def digest_of(entry: Entry, md5s: Mapping[str, str]) -> str:
    """The digest of an entry as wandb writes it."""
    if entry.ref is not None:
        return entry.etag or entry.ref
    return base64_of(md5s.get(entry.digest or "", ""))


def digest_of_all(manifest: Manifest, md5s: Mapping[str, str]) -> str:
    """The digest of an artifact as wandb computes it: the MD5 of all paths and digests."""
    hashed = hashlib.md5(_HEAD, usedforsecurity=False)
    for path, entry in sorted(manifest.entries.items()):
        hashed.update(f"{path}:{digest_of(entry, md5s)}\n".encode())
    return hashed.hexdigest()


def hex_of(digest: object) -> str:
    """An MD5 in base64, in hex.

    Raises:
        InvalidInput: it is none.
    """
    try:
        data = base64.b64decode(str(digest), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != 16:
        raise InvalidInput(f"a digest is an MD5 in base64, got {digest!r:.80}")
    return data.hex()


def base64_of(md5: str) -> str:
    """An MD5 in hex, in base64."""
    return base64.b64encode(bytes.fromhex(md5)).decode()
