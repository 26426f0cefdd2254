"""Files that foreign clients send in pieces, side by side: kept apart until all are there.

An upload is a number that nobody guesses, and its pieces are temporary files of that number; there
is nothing else to remember, so that a server that was restarted goes on. A piece counts only when
its bytes have the digest that its sender was told.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from epochal.domain.access import Permission, Principal
from epochal.errors import InvalidInput, NotFound
from epochal.service import deposits
from epochal.service.deposits import Deposit
from epochal.service.permission import require
from epochal.service.recording import Recorder
from epochal.store.owner import Store

MAX_PIECES: Final = 10_000
CHUNK: Final = 1024 * 1024
_UPLOAD: Final = re.compile(r"[0-9a-f]{32}")


def begin_pieces(
    store: Store, principal: Principal | None, recorder: Recorder, uid: str, name: str
) -> str:
    """Begin to take a file in by pieces; the number of the upload.

    Raises:
        NotFound: there is no such run.
        InvalidInput: the path cannot be that of a file, or the run is archived.
    """
    _begin(store, principal, recorder, uid, name).discard()
    return secrets.token_hex(16)


def begin_piece(store: Store, principal: Principal | None, upload: str, number: int) -> Deposit:
    """Begin to take a piece in.

    Raises:
        InvalidInput: no upload or no piece can have that number.
    """
    require(principal, Permission.WRITE)
    _path(store, upload, number)
    path = store.blobs.temporary(f"piece.{secrets.token_hex(8)}")
    return Deposit(path, "", "", is_read_soon=True)


def finish_piece(
    store: Store, principal: Principal | None, upload: str, number: int, piece: Deposit
) -> str:
    """Keep a piece that arrived whole; one of that number that came before is replaced.

    Returns:
        The sha256 of its bytes, by which its sender names it.

    Raises:
        NotFound: it is gone.
    """
    require(principal, Permission.WRITE)
    digest = piece.complete()
    try:
        piece.path.replace(_path(store, upload, number))
    except FileNotFoundError:
        raise NotFound(f"Part {number} was removed while it came in; send it again") from None
    return digest


def join_pieces(
    store: Store,
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
    name: str,
    upload: str,
    pieces: Iterable[tuple[int, str]],
) -> None:
    """Make a file of its pieces, in the order of their numbers, part of its run.

    Args:
        store: the home.
        principal: who sent it.
        recorder: that of the server.
        uid: the run.
        name: path of the file in it.
        upload: number of the upload.
        pieces: number and digest of each piece.

    Raises:
        NotFound: there is no such run, upload or piece.
        InvalidInput: a piece is not what its sender says.
    """
    deposit = _begin(store, principal, recorder, uid, name)
    try:
        for number, digest in sorted(pieces):
            _append(deposit, _path(store, upload, number), number, digest)
        deposits.finish_deposit(store, principal, recorder, deposit)
    finally:
        deposit.discard()
    drop_pieces(store, principal, upload)


def drop_pieces(store: Store, principal: Principal | None, upload: str) -> None:
    """Forget the pieces of an upload; harmless when there are none."""
    require(principal, Permission.WRITE)
    first = _path(store, upload, 1)
    for path in first.parent.glob(f"{first.name.rpartition('.')[0]}.*"):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _begin(
    store: Store, principal: Principal | None, recorder: Recorder, uid: str, name: str
) -> Deposit:
    return deposits.begin_deposit(store, principal, recorder, uid, name, as_on_disk=True)


def _append(deposit: Deposit, path: Path, number: int, digest: str) -> None:
    hashing = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while data := file.read(CHUNK):
                hashing.update(data)
                deposit.write(data)
    except FileNotFoundError:
        raise NotFound(f"Part {number} of this upload is not here; send it again") from None
    if digest != hashing.hexdigest():
        raise InvalidInput(f"Part {number} of this upload has other bytes; send it again")


def _path(store: Store, upload: str, number: int) -> Path:
    if not _UPLOAD.fullmatch(upload) or not 1 <= number <= MAX_PIECES:
        raise InvalidInput("Invalid upload: no such upload can be, or no part of that number")
    return store.blobs.temporary(f"piece.{upload}.{number}")
