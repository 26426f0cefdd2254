"""Files of runs: addresses for uploads and downloads, the bytes themselves, lists.

The client sends bytes without its key, to addresses that were given to it (`addresses`). What is
uploaded is a file of the run; some files say something beyond that, see `arrivals`.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import mimetypes
import posixpath
import re
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Response, get, put
from litestar.params import FromPath, FromQuery

from epochal.domain.objects import FileRow
from epochal.errors import InvalidInput, NotFound, Unauthenticated
from epochal.protocols import PUBLIC
from epochal.protocols.call import Call
from epochal.protocols.wandb import arrivals
from epochal.protocols.wandb.addresses import GET, PUT, run_file
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.download import answer, answer_bytes
from epochal.protocols.wandb.execution import Asked, Fields, Object
from epochal.protocols.wandb.ids import Place, read_id, write_id
from epochal.protocols.wandb.media_files import is_made, measure, media_rows, table_bytes
from epochal.protocols.wandb.pages import page
from epochal.protocols.wandb.projects import moment
from epochal.protocols.wandb.shown import digest_in
from epochal.service import capabilities, deposits, foreign, media
from epochal.service.foreign import Recorder, Recording
from epochal.service.workers import Content

ADDRESS: Final = "/files/{entity:str}/{project:str}/{run_id:str}/{path:path}"
MAX_FILES: Final = 5_000
MAX_MD5: Final = 64 * 1024 * 1024
"""Larger files are listed without their MD5."""


def normal(path: str) -> str:
    """A path as it is stored: ``./a`` is ``a``."""
    return posixpath.normpath(path.replace("\\", "/")) if path else path


async def create(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Addresses to which files of a run may be uploaded."""
    place = Place(given.text("entityName"), given.text("projectName"), given.text("runName"))
    names = given.texts("files")
    if len(names) > MAX_FILES:
        raise InvalidInput(f"{len(names)} files are too many at once, the limit is {MAX_FILES}")
    await asked.call.record(foreign.record, asked.call.workers.recorder, place.uid, _nothing)
    return {
        "runID": write_id("Run", "v1", place.run_id, place.project, place.entity),
        "uploadHeaders": [],
        "files": [
            {"name": name, "uploadUrl": await run_file(asked, place, normal(name), PUT)}
            for name in names
        ],
    }


async def uploaded(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """The client says that files are there; we know already."""
    return {"success": True}


def _nothing(recorder: Recorder, recording: Recording) -> None:
    """Only whether the run is there and may be written to."""


@put(ADDRESS, opt=PUBLIC, status_code=200, request_max_body_size=None)
async def upload(
    request: Call,
    entity: FromPath[str],
    project: FromPath[str],
    run_id: FromPath[str],
    path: FromPath[str],
    capability: FromQuery[str] = "",
) -> Response[bytes]:
    """Take a file in. The capability says which one, and is the permission."""
    workers, recorder = request.workers, request.workers.recorder
    (uid, name), principal = await workers.read(capabilities.redeem, capability, PUT)
    deposit = await workers.upload(deposits.begin_deposit, principal, recorder, uid, name)
    try:
        await request.take_in(deposit)
        ref = await workers.upload(deposits.finish_deposit, principal, recorder, deposit)
    finally:
        await asyncio.to_thread(deposit.discard)
    arrival = arrivals.Arrival(name, ref)
    await workers.record(foreign.record, principal, recorder, uid, arrival.note)
    return Response(b"", media_type="text/plain")


@get(ADDRESS, opt=PUBLIC)
async def download(
    request: Call,
    entity: FromPath[str],
    project: FromPath[str],
    run_id: FromPath[str],
    path: FromPath[str],
    capability: FromQuery[str] = "",
) -> Response[Any]:
    """Send a file: to who has a capability for it, or a key."""
    if capability:
        (uid, name), principal = await request.workers.read(capabilities.redeem, capability, GET)
    else:
        found = request.principal
        if found is None:
            raise Unauthenticated("this needs an API key, or an address that the server gave")
        principal = found
        uid, name = Place(entity, project, run_id).uid, normal(path.removeprefix("/"))
    content: Content = await request.workers.look(
        media.run_file, principal, uid, name, digest=digest_in(name)
    )
    if content.name != name and is_made(name, content.digest, content.size):
        return answer_bytes(
            await table_bytes(request.workers, principal, uid, name, content), name
        )
    return answer(request, msgspec.structs.replace(content, name=name))


# ------------------------------------------------------------------------------------------ lists
async def rows_of(asked: Asked, place: Place) -> list[FileRow]:
    """The files of a run; looked up once per operation."""
    key = ("files", place.uid)
    if key not in asked.memory:
        try:
            found = await asked.call.read(media.list_files, place.uid)
            asked.memory[key] = found.files
        except NotFound:
            asked.memory[key] = []
    rows: list[FileRow] = asked.memory[key]
    return rows


async def list_files(asked: Asked, parent: Place, given: Given) -> dict[str, Any]:
    """A page of a run's files: those of some names, or those that fit an SQL pattern."""
    rows = await all_rows(asked, parent)
    names = {normal(name) for name in given.texts("names")}
    if names:
        rows = [row for row in rows if row.path in names]
    if pattern := given.text("pattern"):
        fits = like(pattern)
        rows = [row for row in rows if fits.fullmatch(row.path)]
    found = page([Object("File", (parent, row)) for row in rows], given)
    if names and given.flag("upload"):
        known = {row.path for row in rows}
        # A name that is to be uploaded gets its address though there is no such file yet.
        for name in sorted(names - known):
            fresh = Object("File", (parent, FileRow(name, "", 0, "", "now", 0, 0, False)))
            found["edges"].append({"node": fresh, "cursor": name})
    return found


async def all_rows(asked: Asked, place: Place) -> list[FileRow]:
    """The files of a run, and media that other clients logged and that lie in none of them."""
    return [*await rows_of(asked, place), *await media_rows(asked, place)]


def like(pattern: str) -> re.Pattern[str]:
    """An SQL ``LIKE`` pattern as a regular expression."""
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern[:1_000])
    return re.compile("".join(parts), re.DOTALL)


async def file_count(asked: Asked, parent: Place, given: Given) -> int:
    """How many files a run has."""
    return len(await all_rows(asked, parent))


async def _id(asked: Asked, parent: tuple[Place, FileRow], given: Given) -> str:
    return write_id("File", parent[0].uid, parent[1].path)


async def _name(asked: Asked, parent: tuple[Place, FileRow], given: Given) -> str:
    return parent[1].path


async def _url(asked: Asked, parent: tuple[Place, FileRow], given: Given) -> str:
    action = PUT if given.flag("upload") else GET
    return await run_file(asked, parent[0], parent[1].path, action)


async def _direct_url(asked: Asked, parent: tuple[Place, FileRow], given: Given) -> str:
    return await run_file(asked, parent[0], parent[1].path, GET)


async def _size(asked: Asked, parent: tuple[Place, FileRow], given: Given) -> int:
    place, row = parent
    if is_made(row.path, row.digest, row.size):
        return (await measure(asked, place, row)).size
    return row.size


async def _type(asked: Asked, parent: tuple[Place, FileRow], given: Given) -> str:
    return mimetypes.guess_type(parent[1].path)[0] or "application/octet-stream"


async def _updated(asked: Asked, parent: tuple[Place, FileRow], given: Given) -> str | None:
    return moment(parent[1].wall_us)


async def _md5(asked: Asked, parent: tuple[Place, FileRow], given: Given) -> str | None:
    place, row = parent
    if not row.present or row.size > MAX_MD5:
        return None
    if is_made(row.path, row.digest, row.size):
        return (await measure(asked, place, row)).md5
    if digest_in(row.path) == row.digest:
        content = await asked.call.read(media.run_blob, place.uid, row.digest)
    else:
        content = await asked.call.read(media.run_file, place.uid, row.path)
    return await asyncio.to_thread(md5_of, content.path)


@functools.lru_cache(maxsize=4096)
def md5_of(path: Path) -> str:
    """The MD5 of a blob in base64, as wandb names contents; a blob never changes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode()


async def delete(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Remove files from the runs that their ids name."""
    gone: dict[str, list[str]] = {}
    for id in given.texts("files"):
        uid, path = read_file_id(id)
        gone.setdefault(uid, []).append(path)
    for uid, paths in gone.items():
        for path in paths:
            await _remove(asked, uid, path)
    return {"success": True}


async def _remove(asked: Asked, uid: str, path: str) -> None:
    try:
        await asked.call.record(deposits.remove, asked.call.workers.recorder, uid, path)
    except NotFound:
        if digest_in(path) is None:
            raise
        raise InvalidInput(
            f"{path!r:.200} belongs to the history that a client logged, and goes with the run; "
            "files that were saved can be deleted alone"
        ) from None


def read_file_id(id: str) -> tuple[str, str]:
    """Uid and path in a file's id.

    Raises:
        NotFound: it is no id of a file.
    """
    uid, _, path = read_id(id, "File").partition(":")
    return uid, path


FIELDS: Final[Fields] = {
    "Mutation": {
        "createRunFiles": create, "markRunFilesUploaded": uploaded, "deleteFiles": delete,
    },
    "Run": {"files": list_files, "fileCount": file_count},
    "File": {
        "id": _id, "name": _name, "displayName": _name, "url": _url, "directUrl": _direct_url,
        "sizeBytes": _size, "mimetype": _type, "updatedAt": _updated, "md5": _md5,
    },
}  # fmt: skip
ROUTES: Final[list[Any]] = [upload, download]
