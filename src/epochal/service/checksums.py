"""Bytes that foreign clients name by their MD5, where blobs are named by their SHA-256.

A blob that a client uploads under an MD5 is checked against it and remembered under both names,
within its entity: knowing a checksum is no way to another entity's bytes. The MD5 of other blobs
is found by reading them once.
"""

from __future__ import annotations

import hashlib
import queue
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.record import BlobRef
from epochal.errors import Conflict
from epochal.journal.straight import Piece
from epochal.service.deposits import Deposit
from epochal.service.permission import require
from epochal.store import notes
from epochal.store.owner import Store

BY_MD5: Final = "md5:"
BY_DIGEST: Final = "sha256"
SIDE_BY_SIDE: Final = 256 * 1024
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(BlobRef).decode


class NamedDeposit(Deposit):
    """A blob on its way in, hashed both ways. One thread at a time hashes, and one writes.

    Args:
        path: a new temporary file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "", "")
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._beside: _Beside | None = None

    def hash(self, *pieces: Piece) -> None:
        """Let both digests know the next pieces, side by side."""
        if sum(map(len, pieces)) < SIDE_BY_SIDE:
            self._update(pieces)
            super().hash(*pieces)
            return
        if self._beside is None:
            self._beside = _Beside(self._update)
        self._beside.give(pieces)
        try:
            super().hash(*pieces)
        finally:
            self._beside.wait()

    def complete(self) -> str:
        """Close the file and return the SHA-256 of its bytes."""
        self._end()
        return super().complete()

    def discard(self) -> None:
        """Remove what is there; harmless after it was taken over."""
        self._end()
        super().discard()

    def _end(self) -> None:
        if self._beside is not None:
            self._beside.end()

    def _update(self, pieces: Iterable[Piece]) -> None:
        for data in pieces:
            self._md5.update(data)

    @property
    def md5(self) -> str:
        """The MD5 of what was taken, 32 hex digits."""
        return self._md5.hexdigest()


class _Beside:
    """A thread that hashes what it is given, until it is told to end."""

    def __init__(self, update: Callable[[Iterable[Piece]], None]) -> None:
        self._update = update
        self._given: queue.SimpleQueue[Iterable[Piece] | None] = queue.SimpleQueue()
        self._done = threading.Semaphore(0)
        threading.Thread(target=self._run, name="epochal-md5", daemon=True).start()

    def give(self, pieces: Iterable[Piece]) -> None:
        """Begin with the next pieces; `wait` before anybody changes them."""
        self._given.put(pieces)

    def wait(self) -> None:
        """Until all that was given is hashed."""
        self._done.acquire()

    def end(self) -> None:
        """Let the thread go; it may be called again."""
        self._given.put(None)

    def _run(self) -> None:
        while (pieces := self._given.get()) is not None:
            self._update(pieces)
            self._done.release()


def begin_content(store: Store, principal: Principal | None) -> NamedDeposit:
    """Begin to take a blob in."""
    require(principal, Permission.WRITE)
    return NamedDeposit(store.blobs.temporary(f"content.{secrets.token_hex(8)}"))


def finish_content(
    store: Store, principal: Principal | None, entity: str, md5: str, deposit: NamedDeposit
) -> BlobRef:
    """Keep a blob that arrived whole. An empty ``md5`` is not checked.

    Raises:
        Conflict: its bytes have another MD5.
        StorageFull: there is no room.
    """
    require(principal, Permission.WRITE)
    if md5 and deposit.md5 != md5:
        raise Conflict(
            f"the bytes have the MD5 {deposit.md5}, but {md5} was announced; send them again"
        )
    digest = deposit.complete()
    store.blobs.adopt(deposit.path, digest, found=digest)
    ref = BlobRef(digest, deposit.size)
    md5 = deposit.md5
    both = {BY_MD5 + entity: {md5: _encode(ref)}, BY_DIGEST: {digest: md5.encode()}}
    notes.write_areas(store, both)
    return ref


def known_contents(
    store: Store, principal: Principal | None, entity: str, md5s: Iterable[str]
) -> dict[str, BlobRef]:
    """The blobs of an entity that are here, by MD5; garbage collection spares them for a day."""
    require(principal, Permission.READ)
    found = notes.read_notes(store, BY_MD5 + entity, set(md5s))
    refs = {md5: _decode(value) for md5, value in found.items()}
    return {md5: ref for md5, ref in refs.items() if store.blobs.keep(ref.digest)}


def remember(
    store: Store, principal: Principal | None, entity: str, refs: Mapping[str, BlobRef]
) -> None:
    """Note blobs of an entity under their MD5s."""
    require(principal, Permission.WRITE)
    notes.write_notes(store, BY_MD5 + entity, {md5: _encode(ref) for md5, ref in refs.items()})


def read_blob(store: Store, principal: Principal | None, digest: str) -> bytes:
    """All bytes of a small blob that the protocol itself keeps, such as a manifest.

    Raises:
        NotFound: it is not here.
    """
    require(principal, Permission.WRITE)
    return store.blobs.read(digest)


def md5_of_blobs(
    store: Store, principal: Principal | None, digests: Iterable[str]
) -> dict[str, str]:
    """The MD5 of blobs by digest; those that are not here are left out."""
    require(principal, Permission.READ)
    wanted = set(digests)
    found = {
        digest: value.decode()
        for digest, value in notes.read_notes(store, BY_DIGEST, wanted).items()
    }
    fresh: dict[str, str] = {}
    for digest in wanted - found.keys():
        if store.blobs.has(digest):
            with store.blobs.path(digest).open("rb") as file:
                hashed = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
            fresh[digest] = hashed.hexdigest()
    notes.write_notes(store, BY_DIGEST, {d: md5.encode() for d, md5 in fresh.items()})
    return found | fresh
