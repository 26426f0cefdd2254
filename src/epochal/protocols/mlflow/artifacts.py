"""Artifacts through the server: the files of a run, under ``EXPERIMENT/RUN/artifacts/PATH``.

What a browser gets is an attachment that it will not run. A path is decoded once and never again:
what looks encoded after that is a name.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from litestar import Response, delete, get, put
from litestar.params import FromPath
from litestar.response import Stream

from epochal.domain.access import Permission
from epochal.domain.tracked import experiment_id
from epochal.errors import NotFound
from epochal.protocols import Call, needs
from epochal.protocols.mlflow.arguments import Arguments, read_arguments
from epochal.protocols.mlflow.errors import NotOffered, invalid
from epochal.protocols.mlflow.shapes import encode, root
from epochal.service import deposits, tracking

BASE: Final = "/2.0/mlflow-artifacts/artifacts"
PIECE: Final = 1024 * 1024
TEXTS: Final = frozenset(
    {
        "txt", "log", "err", "cfg", "conf", "cnf", "cf", "ini", "properties", "prop", "hocon",
        "toml", "yaml", "yml", "xml", "json", "js", "py", "py3", "csv", "tsv", "md", "rst",
        "mlmodel", "mlproject",
    }
)  # fmt: skip
"""Endings, or whole names, of what is sent as text."""
_SANDBOX: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"


class Place(NamedTuple):
    """A run and a path in it; ``uid`` is empty outside of any run."""

    uid: str
    path: str


def place_of(text: str) -> Place:
    """What a path under ``BASE`` means.

    Raises:
        InvalidInput: it could leave its root.
    """
    parts = text.split("/")
    if ".." in parts or "\\" in text or "\0" in text or text.startswith("/"):
        raise invalid("Invalid path")
    if len(parts) >= 3 and parts[0].isdigit() and parts[2] == "artifacts":
        return Place(parts[1], "/".join(parts[3:]).rstrip("/"))
    return Place("", text)


def asked(call: Call) -> Place:
    """The place that a request names.

    Raises:
        InvalidInput: it is no UTF-8, or could leave its root.
        NotOffered: it is outside of every run.
    """
    raw = bytes(call.scope.get("raw_path") or b"").partition(b"?")[0]
    _, _, rest = raw.partition(BASE.encode() + b"/")
    try:
        place = place_of(unquote_to_bytes(rest).decode())
    except UnicodeDecodeError:
        raise invalid("Invalid path") from None
    if not place.uid:
        raise NotOffered("Epochal keeps artifacts of runs only, under EXPERIMENT/RUN/artifacts")
    return place


@put(
    f"{BASE}/{{path:path}}",
    opt=needs(Permission.WRITE),
    status_code=200,
    request_max_body_size=None,
    include_in_schema=False,
)
async def upload(request: Call, path: FromPath[str]) -> Response[bytes]:  # noqa: ARG001 - see `asked`
    """Take a file in."""
    place = asked(request)
    recorder = request.workers.recorder
    deposit = await request.upload(deposits.begin_deposit, recorder, place.uid, place.path)
    try:
        waiting = bytearray()
        async for chunk in request.stream():
            waiting += chunk
            if len(waiting) >= PIECE:
                await asyncio.to_thread(deposit.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(deposit.write, bytes(waiting))
        await request.upload(deposits.finish_deposit, recorder, deposit)
    finally:
        await asyncio.to_thread(deposit.discard)
    return Response(b"{}", media_type="application/json")


@get(f"{BASE}/{{path:path}}", opt=needs(Permission.READ), include_in_schema=False)
async def download(request: Call, path: FromPath[str]) -> Response[Any]:  # noqa: ARG001 - see `asked`
    """Send a file."""
    place = asked(request)
    if not place.path:
        raise NotFound("No such artifact: a folder was named")
    content = await request.read(deposits.fetch, request.workers.recorder, place.uid, place.path)
    name = place.path.rpartition("/")[2]
    is_text = name.rpartition(".")[2].lower() in TEXTS
    headers = {
        "content-length": str(content.size),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "content-security-policy": _SANDBOX,
        "x-content-type-options": "nosniff",
    }
    return Stream(
        _pieces(content.path, content.size),
        headers=headers,
        media_type="text/plain" if is_text else "application/octet-stream",
    )


@delete(
    f"{BASE}/{{path:path}}",
    opt=needs(Permission.WRITE),
    status_code=200,
    include_in_schema=False,
)
async def remove(request: Call, path: FromPath[str]) -> Response[bytes]:  # noqa: ARG001 - see `asked`
    """Remove a file or a folder."""
    place = asked(request)
    await request.record(deposits.remove, request.workers.recorder, place.uid, place.path)
    return Response(b"{}", media_type="application/json")


@get(BASE, opt=needs(Permission.READ), include_in_schema=False)
async def listing(request: Call) -> Response[bytes]:
    """What lies directly in a folder, by last names."""
    given = await read_arguments(request)
    place = place_of(given.text("path", ""))
    entries = await _entries(request, place) if place.uid else []
    return Response(encode({"files": entries}), media_type="application/json")


async def list_of_run(call: Call, given: Arguments) -> dict[str, Any]:
    """What lies directly in a folder of a run, by whole paths."""
    run = await call.read(tracking.read_run, call.workers.recorder, given.run_id)
    folder = given.text("path", "").strip("/")
    entries = await _entries(call, Place(run.uid, folder))
    prefix = f"{folder}/" if folder else ""
    base = root(experiment_id(run.entity, run.project))
    return {
        "root_uri": f"{base}/{run.uid}/artifacts",
        "files": [{**entry, "path": prefix + entry["path"]} for entry in entries],
    }


async def _entries(call: Call, place: Place) -> list[dict[str, Any]]:
    found = await call.read(deposits.list_folder, call.workers.recorder, place.uid, place.path)
    return [
        {"path": entry.name, "is_dir": True}
        if entry.size is None
        else {"path": entry.name, "is_dir": False, "file_size": entry.size}
        for entry in found
    ]


async def _pieces(path: Path, size: int) -> AsyncIterator[bytes]:
    """The bytes of a file, read in threads."""
    descriptor = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        start = 0
        while start < size:
            piece = await asyncio.to_thread(os.pread, descriptor, PIECE, start)
            if not piece:
                return  # shorter than promised: the connection ends, the client sees it
            start += len(piece)
            yield piece
    finally:
        os.close(descriptor)


ROUTES: Final[list[Any]] = [upload, download, remove, listing]
