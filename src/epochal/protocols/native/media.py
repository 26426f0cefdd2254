"""The routes of media, files and blobs of runs."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Response, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from epochal.domain.access import Permission, Principal
from epochal.domain.objects import (
    FileList,
    HeldBlob,
    MediaKeys,
    MediaPage,
    MediaQuery,
    WantedBlobs,
    WantedParcel,
)
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.protocols.native.body import Budget, collect, expected_size, unpack
from epochal.protocols.native.content import FOREVER, PARCEL, answer, utf8
from epochal.service import media, uploads
from epochal.service.workers import StoreHandle

READ: Final = needs(Permission.READ)
WRITE: Final = needs(Permission.WRITE)
MAX_PIECE: Final = 8 * 1024 * 1024
HEADROOM: Final = 64 * 1024
"""For the digests and sizes beside many small blobs."""


class Count(msgspec.Struct, frozen=True):
    """How many blobs were stored."""

    stored: int


@get("/api/v1/runs/{uid:str}/media", opt=READ)
async def media_keys(request: Call, uid: FromPath[str]) -> MediaKeys:
    """The keys under which a run logged media."""
    return await request.read(media.media_keys, uid)


@post("/api/v1/media/query", opt=READ, status_code=200)
async def query_media(request: Call, data: JSONBody[MediaQuery]) -> MediaPage:
    """Media of some runs and keys."""
    return await request.read(media.query_media, data)


@get("/api/v1/runs/{uid:str}/files", opt=READ)
async def list_files(request: Call, uid: FromPath[str]) -> FileList:
    """The files of a run."""
    return await request.read(media.list_files, uid)


@get("/api/v1/runs/{uid:str}/files/{path:path}", opt=READ)
async def run_file(
    request: Call, uid: FromPath[str], path: FromPath[str], view: FromQuery[str | None] = None
) -> Response[Any]:
    """The bytes of a run's file."""
    given = asked_path(request) or path
    return answer(request, await request.read(media.run_file, uid, given), view)


def asked_path(request: Call) -> str:
    """The path after ``/files/`` as it was asked for, decoded once.

    The router folds slashes and replaces bytes that are not UTF-8; two names for one file would
    come of that.

    Raises:
        InvalidInput: it is not UTF-8.
    """
    raw = bytes(request.scope.get("raw_path") or b"").partition(b"?")[0]
    return utf8(raw).partition("/files/")[2]


@get("/api/v1/runs/{uid:str}/blobs/{digest:str}", opt=READ)
async def run_blob(
    request: Call, uid: FromPath[str], digest: FromPath[str], view: FromQuery[str | None] = None
) -> Response[Any]:
    """The bytes of a blob that a run refers to."""
    content = await request.read(media.run_blob, uid, digest)
    return answer(request, content, view, cache=FOREVER)


@post("/api/v1/runs/{uid:str}/parcel", opt=READ, status_code=200, media_type=PARCEL)
async def run_parcel(
    request: Call, uid: FromPath[str], data: JSONBody[WantedParcel]
) -> Response[bytes]:
    """Many small blobs of a run at once."""
    body = await request.read(media.run_parcel, uid, data.digests)
    return Response(body, media_type=PARCEL)


@get("/api/v1/runs/{uid:str}/wanted", opt=WRITE)
async def wanted_blobs(
    request: Call, uid: FromPath[str], limit: FromQuery[int] = 100
) -> WantedBlobs:
    """The blobs that a run refers to and that are not here."""
    return await request.upload(uploads.wanted_blobs, uid, limit)


@put("/api/v1/runs/{uid:str}/blobs/{digest:str}", opt=WRITE, request_max_body_size=None)
async def receive_piece(
    request: Call,
    uid: FromPath[str],
    digest: FromPath[str],
    offset: FromQuery[int],
    size: FromQuery[int],
) -> HeldBlob:
    """Take the next piece of a blob; gzip allowed."""
    held: HeldBlob = await _with_body(
        request, MAX_PIECE, _receive_piece, uid, digest, offset=offset, size=size
    )
    return held


@put("/api/v1/runs/{uid:str}/blobs", opt=WRITE, request_max_body_size=None)
async def receive_small(request: Call, uid: FromPath[str]) -> Count:
    """Take many small blobs: for each 32 bytes sha256, u32 size, the bytes."""
    return Count(await _with_body(request, MAX_PIECE + HEADROOM, _receive_small, uid))


async def _with_body(
    request: Call, max_bytes: int, use_case: Any, *args: Any, **kwargs: Any
) -> Any:
    """Collect the body within the server's budget and hand it to a use case."""
    state = request.app.state
    budget: Budget = state.upload_budget
    encoding = request.headers.get("content-encoding")
    need = expected_size(request.headers.get("content-length"), encoding, max_bytes)
    with budget.hold(need):
        body = await collect(request.stream(), max_bytes)
        result = await request.upload(
            use_case, *args, packed=(body, encoding, max_bytes), **kwargs
        )
    state.tailer.nudge()
    return result


def _receive_piece(
    store: StoreHandle,
    principal: Principal | None,
    uid: str,
    digest: str,
    *,
    offset: int,
    size: int,
    packed: tuple[bytearray, str | None, int],
) -> HeldBlob:
    return uploads.receive_piece(
        store, principal, uid, digest, offset=offset, size=size, body=unpack(*packed)
    )


def _receive_small(
    store: StoreHandle,
    principal: Principal | None,
    uid: str,
    *,
    packed: tuple[bytearray, str | None, int],
) -> int:
    return uploads.receive_small(store, principal, uid, unpack(*packed))


ROUTES: Final[list[Any]] = [
    media_keys,
    query_media,
    list_files,
    run_file,
    run_blob,
    run_parcel,
    wanted_blobs,
    receive_piece,
    receive_small,
]
