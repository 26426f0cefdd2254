"""Uploads in parts, for clients that are told to: each part goes to this server as well.

The client sends parts with the headers that it is given and with nothing else. It is given back
the authorization that it came with, so that a part needs the same permission as a whole file.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from litestar import Response, post, put
from litestar.params import FromPath

from epochal.domain.access import Permission
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.protocols.mlflow.arguments import Arguments, as_integer, as_text, read_arguments
from epochal.protocols.mlflow.artifacts import new_file
from epochal.protocols.mlflow.errors import invalid
from epochal.protocols.mlflow.folders import Target, writable
from epochal.protocols.mlflow.places import is_clients
from epochal.protocols.mlflow.shapes import encode
from epochal.service import pieces

BASE: Final = "/2.0/mlflow-artifacts/mpu"


@post(
    f"{BASE}/create/{{path:path}}",
    opt=needs(Permission.WRITE),
    status_code=200,
    include_in_schema=False,
)
async def create(request: Call, path: FromPath[str]) -> Response[bytes]:  # noqa: ARG001 - see `asked`
    """Begin an upload: where to send each part."""
    given = await read_arguments(request)
    target = await _target(request, given, "create")
    count = given.number("num_parts")
    if not 1 <= count <= pieces.MAX_PIECES:
        raise invalid(f"num_parts must be from 1 to {pieces.MAX_PIECES}, got {count}")
    recorder = request.workers.recorder
    upload = await request.upload(pieces.begin_pieces, recorder, target.uid, target.path)
    where = f"{_own_address(request)}/api{BASE}/parts/{upload}"
    sent = request.headers.get("authorization")
    headers = {"Authorization": sent} if sent else {}
    credentials = [
        {"url": f"{where}/{number}", "part_number": number, "headers": headers}
        for number in range(1, count + 1)
    ]
    return _answer({"upload_id": upload, "credentials": credentials})


@put(
    f"{BASE}/parts/{{upload:str}}/{{number:int}}",
    opt=needs(Permission.WRITE),
    status_code=200,
    request_max_body_size=None,
    include_in_schema=False,
)
async def part(request: Call, upload: FromPath[str], number: FromPath[int]) -> Response[bytes]:
    """Take a part in."""
    piece = await request.upload(pieces.begin_piece, upload, number)
    try:
        await request.take_in(piece)
        digest = await request.upload(pieces.finish_piece, upload, number, piece)
    finally:
        await asyncio.to_thread(piece.discard)
    return Response(b"{}", headers={"etag": f'"{digest}"'}, media_type="application/json")


@post(
    f"{BASE}/complete/{{path:path}}",
    opt=needs(Permission.WRITE),
    status_code=200,
    include_in_schema=False,
)
async def complete(request: Call, path: FromPath[str]) -> Response[bytes]:  # noqa: ARG001 - see `asked`
    """Make the parts one file."""
    given = await read_arguments(request)
    target = await _target(request, given, "complete")
    parts = [
        (as_integer(one.get("part_number"), "part_number"), as_text(one.get("etag"), "etag"))
        for one in given.objects("parts")
    ]
    await request.upload(
        pieces.join_pieces, request.workers.recorder, target.uid, target.path,
        given.text("upload_id"), [(number, etag.strip('"')) for number, etag in parts],
    )  # fmt: skip
    return _answer({})


@post(
    f"{BASE}/abort/{{path:path}}",
    opt=needs(Permission.WRITE),
    status_code=200,
    include_in_schema=False,
)
async def abort(request: Call, path: FromPath[str]) -> Response[bytes]:  # noqa: ARG001 - see `asked`
    """Forget an upload."""
    given = await read_arguments(request)
    await request.upload(pieces.drop_pieces, given.text("upload_id"))
    return _answer({})


async def _target(call: Call, given: Arguments, action: str) -> Target:
    """The file that an upload is for: its folder is in the address, its name in the body."""
    folder = await writable(call, new_file(call, f"{BASE}/{action}"))
    name = given.text("path").replace("\\", "/").rpartition("/")[2]
    if not is_clients(name):
        raise invalid("Invalid path")
    return Target(folder.uid, f"{folder.path}/{name}" if folder.path else name)


def _own_address(call: Call) -> str:
    """Scheme and host of this server as the caller sees it; the host was checked already."""
    public: str = call.app.state.settings.public_url
    host = call.headers.get("host", "")
    if public and public.rstrip("/").endswith(f"//{host}"):
        return public.rstrip("/")
    return f"{call.scope.get('scheme', 'http')}://{host}"


def _answer(value: dict[str, Any]) -> Response[bytes]:
    return Response(encode(value), media_type="application/json")


ROUTES: Final[list[Any]] = [create, part, complete, abort]
