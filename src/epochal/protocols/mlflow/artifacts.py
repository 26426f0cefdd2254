"""Artifacts through the server: files of runs and logged models, and versions of artifacts.

What a browser gets is an attachment that it will not run. The files of a version are only read.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from litestar import Response, delete, get, put
from litestar.params import FromPath
from litestar.response import Stream

from epochal.domain.access import Permission
from epochal.errors import NotFound
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.protocols.mlflow import versions
from epochal.protocols.mlflow.arguments import Arguments, read_arguments
from epochal.protocols.mlflow.errors import NotOffered, invalid
from epochal.protocols.mlflow.folders import entries_of, writable
from epochal.protocols.mlflow.places import (
    CONTENT,
    MODEL,
    RUN,
    Place,
    check_inside,
    is_clients,
    place_of,
)
from epochal.protocols.mlflow.shapes import encode
from epochal.service import deposits, packing
from epochal.service.spans import send_span

BASE: Final = "/2.0/mlflow-artifacts/artifacts"
TEXTS: Final = frozenset(
    {
        "txt", "log", "err", "cfg", "conf", "cnf", "cf", "ini", "properties", "prop", "hocon",
        "toml", "yaml", "yml", "xml", "json", "js", "py", "py3", "csv", "tsv", "md", "rst",
        "mlmodel", "mlproject",
    }
)  # fmt: skip
"""Endings, or whole names, of what is sent as text."""
_SANDBOX: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"


def asked(call: Call, base: str = BASE) -> Place:
    """The place that a request names after ``base``.

    Raises:
        InvalidInput: it is no UTF-8, or could leave its root.
        NotOffered: it is outside of all that has artifacts.
    """
    place = place_of(_path(call, base))
    if not place.kind:
        raise NotOffered(
            "Epochal keeps artifacts of runs and of logged models only, under "
            "EXPERIMENT/RUN/artifacts and EXPERIMENT/models/ID/artifacts"
        )
    return place


def new_file(call: Call, base: str = BASE) -> Place:
    """The place of a file to come, as `asked`.

    Raises:
        InvalidInput: MLflow's client could not list it.
        NotOffered: it is outside of all that has artifacts.
    """
    place = asked(call, base)
    if not is_clients(place.path):
        raise invalid("Invalid path")
    return place


def _path(call: Call, base: str = BASE) -> str:
    raw = bytes(call.scope.get("raw_path") or b"").partition(b"?")[0]
    _, _, rest = raw.partition(base.encode() + b"/")
    try:
        return unquote_to_bytes(rest).decode()
    except UnicodeDecodeError:
        raise invalid("Invalid path") from None


@put(
    f"{BASE}/{{path:path}}",
    opt=needs(Permission.WRITE),
    status_code=200,
    request_max_body_size=None,
    include_in_schema=False,
)
async def upload(request: Call, path: FromPath[str]) -> Response[bytes]:  # noqa: ARG001 - see `asked`
    """Take a file in."""
    if _path(request).endswith("/"):
        raise invalid("Invalid path: it ends with a slash; name a file")
    target = await writable(request, new_file(request))
    recorder = request.workers.recorder
    deposit = await request.upload(
        deposits.begin_deposit, recorder, target.uid, target.path, as_on_disk=True
    )
    try:
        await request.take_in(deposit)
        await request.upload(deposits.finish_deposit, recorder, deposit)
    finally:
        await asyncio.to_thread(deposit.discard)
    return Response(b"{}", media_type="application/json")


@get(f"{BASE}/{{path:path}}", opt=needs(Permission.READ), include_in_schema=False)
async def download(request: Call, path: FromPath[str]) -> Response[Any]:  # noqa: ARG001 - see `asked`
    """Send a file."""
    place = place_of(_path(request))
    if not place.kind:
        raise NotFound(f"No such artifact: {place.path!r:.200}")
    return await send(request, place)


async def send(call: Call, place: Place) -> Response[Any]:
    """The bytes of the file at a place.

    Raises:
        NotFound: there is none.
    """
    if not place.path:
        raise NotFound("No such artifact: a folder was named")
    if place.kind == CONTENT:
        content = await call.read(packing.fetch_packed, place.id, place.path)
    else:
        target = await writable(call, place)
        recorder = call.workers.recorder
        content = await call.read(deposits.fetch, recorder, target.uid, target.path)
    name = place.path.rpartition("/")[2]
    is_text = name.rpartition(".")[2].lower() in TEXTS
    headers = {
        "content-length": str(content.size),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "content-security-policy": _SANDBOX,
        "x-content-type-options": "nosniff",
    }
    return Stream(
        send_span(call.scope, content.path, 0, content.size),
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
    target = await writable(request, asked(request))
    await request.record(deposits.remove, request.workers.recorder, target.uid, target.path)
    return Response(b"{}", media_type="application/json")


@get(BASE, opt=needs(Permission.READ), include_in_schema=False)
async def listing(request: Call) -> Response[bytes]:
    """What lies directly in a folder, by last names."""
    given = await read_arguments(request)
    place = place_of(given.text("path", ""))
    entries = await entries_of(request, place)
    return Response(encode({"files": entries}), media_type="application/json")


@get(
    "/get-artifact",
    opt=needs(Permission.READ),
    include_in_schema=False,
)
async def of_run(request: Call) -> Response[Any]:
    """Send a file of a run."""
    given = await read_arguments(request)
    return await send(request, Place(RUN, given.run_id, _file(given, "path")))


@get("/model-versions/get-artifact", opt=needs(Permission.READ), include_in_schema=False)
async def of_version(request: Call) -> Response[Any]:
    """Send a file of a version of a registered model."""
    given = await read_arguments(request)
    found = await versions.find(request, given)
    return await send(request, Place(CONTENT, found.digest, _file(given, "path")))


@get(
    "/2.0/mlflow/logged-models/{model_id:str}/artifacts/files",
    opt=needs(Permission.READ),
    include_in_schema=False,
)
async def of_model(request: Call, model_id: FromPath[str]) -> Response[Any]:
    """Send a file of a logged model."""
    given = await read_arguments(request)
    return await send(request, Place(MODEL, model_id, _file(given, "artifact_file_path")))


def _file(given: Arguments, name: str) -> str:
    """The path of a file that a query names."""
    check_inside(path := given.text(name))
    return path


ROUTES: Final[list[Any]] = [upload, download, remove, listing, of_model]
DOWNLOADS: Final[list[Any]] = [of_run, of_version]
