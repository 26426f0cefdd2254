"""Two artifact versions compared by path."""

from __future__ import annotations

from epochal.domain.artifact import ArtifactRef, Entry
from epochal.domain.objects import PathChange, VersionDiff
from epochal.store.artifacts import get_version
from epochal.store.store import Store
from epochal.store.versions import load_manifest


def diff_versions(store: Store, before: ArtifactRef, after: ArtifactRef) -> VersionDiff:
    """What changed from one version to another; paths in order.

    Raises:
        NotFound: one does not exist, or its manifest is on its way.
        Conflict: a digest's beginning fits several.
    """
    first, second = get_version(store, before), get_version(store, after)
    old = load_manifest(store.blobs, first.digest).entries
    new = load_manifest(store.blobs, second.digest).entries
    changed = [
        PathChange(path, old[path].size, new[path].size)
        for path in sorted(old.keys() & new.keys())
        if _content(old[path]) != _content(new[path])
    ]
    return VersionDiff(
        before=first,
        after=second,
        added=[PathChange(path, None, new[path].size) for path in sorted(new.keys() - old.keys())],
        removed=[
            PathChange(path, old[path].size, None) for path in sorted(old.keys() - new.keys())
        ],
        changed=changed,
        same=len(old.keys() & new.keys()) - len(changed),
    )


def _content(entry: Entry) -> tuple[str | None, ...]:
    """What makes two entries equal: bytes, or the place and version of a reference."""
    return (entry.digest, entry.ref, None if entry.digest else entry.etag)
