"""Blobs that other machines send: what is wanted, the next piece, many small ones."""

from __future__ import annotations

from epochal.domain.access import Permission, Principal
from epochal.domain.artifact import check_digest
from epochal.domain.names import check_uid
from epochal.domain.objects import HeldBlob, WantedBlobs
from epochal.errors import InvalidInput
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import uploads as stored
from epochal.store.owner import Store

MAX_SIZE = 2**48


def wanted_blobs(store: Store, principal: Principal | None, uid: str, limit: int) -> WantedBlobs:
    """The blobs that a run refers to and that are not here, manifests first.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.WRITE)
    return stored.wanted_blobs(store, check_uid(uid), bounds.clamp(limit, 1, bounds.MAX_PAGE))


def receive_piece(
    store: Store,
    principal: Principal | None,
    uid: str,
    digest: str,
    *,
    offset: int,
    size: int,
    body: bytes | bytearray,
) -> HeldBlob:
    """Take the next piece of a blob; see `store.uploads.receive_piece` for what may go wrong."""
    require(principal, Permission.WRITE)
    check_uid(uid)
    check_digest(digest)
    for name, value in (("offset", offset), ("size", size)):
        if not 0 <= value <= MAX_SIZE:
            raise InvalidInput(f"{name} must be a number of bytes, got {value}")
    return stored.receive_piece(store, uid, digest, offset=offset, size=size, body=body)


def receive_small(
    store: Store, principal: Principal | None, uid: str, body: bytes | bytearray
) -> int:
    """Take many small blobs; see `store.uploads.receive_small` for what may go wrong."""
    require(principal, Permission.WRITE)
    return stored.receive_small(store, check_uid(uid), body)
