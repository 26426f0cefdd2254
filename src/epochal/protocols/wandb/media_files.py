"""Media of other clients as files of their run, as wandb's client would have written them.

Images, sounds, films, HTML, 3-d models and large figures are what they are; tables are written in
wandb's form when somebody asks for one. Clouds of points and small figures have no file.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from epochal.domain.access import Principal
from epochal.domain.objects import BlobView, FileRow, MediaEntry
from epochal.domain.table import decode_table
from epochal.errors import NotFound
from epochal.protocols.wandb.execution import Asked
from epochal.protocols.wandb.ids import Place
from epochal.protocols.wandb.shown import MAX_TABLE, TABLE, TYPES, digest_in, named, path_of
from epochal.service import media
from epochal.service.workers import Content, Workers

_BARE: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_KINDS: Final = {"image": "image", "audio": "audio", "video": "video", "text": "html"}
"""Our kind of a cell's medium by the first word of its media type."""


class Measure(NamedTuple):
    """Size in bytes and MD5 in base64."""

    size: int
    md5: str


async def media_rows(asked: Asked, place: Place) -> list[FileRow]:
    """Media that lie in no file of the run, as if they did; looked up once per operation."""
    key = ("media files", place.uid)
    if key not in asked.memory:
        try:
            entries = await asked.call.read(media.unfiled_media, place.uid)
        except NotFound:
            entries = []
        found: dict[str, FileRow] = {}
        for entry in entries:
            for path, blob in _files(entry):
                found.setdefault(path, _row(path, blob, entry.wall_us))
        asked.memory[key] = list(found.values())
    rows: list[FileRow] = asked.memory[key]
    return rows


def _files(entry: MediaEntry) -> Iterator[tuple[str, BlobView]]:
    for item in entry.items:
        path = path_of(entry, item)
        if path is None:
            continue
        yield path, item.blobs["data"]
        yield from _cells(entry, item.blobs).values()


def _cells(entry: MediaEntry, blobs: Mapping[str, BlobView]) -> dict[int, tuple[str, BlobView]]:
    """Paths and bytes of the media in a table, by the number of their cell."""
    found = {}
    for role, blob in blobs.items():
        word, _, number = role.partition(":")
        kind = _KINDS.get(blob.type.partition("/")[0])
        if word == "cell" and number.isdecimal() and kind and blob.present:
            found[int(number)] = (named(entry, kind, blob), blob)
    return found


def _row(path: str, blob: BlobView, wall_us: int) -> FileRow:
    return FileRow(path, blob.digest, blob.size, blob.type, "now", wall_us, wall_us, present=True)


# ----------------------------------------------------------------------------------------- tables
def is_made(path: str, digest: str, size: int) -> bool:
    """Whether a file is a table of another client's, whose bytes have to be made."""
    return path.endswith(TABLE) and size <= MAX_TABLE and digest_in(path) == digest


async def measure(asked: Asked, place: Place, row: FileRow) -> Measure:
    """Size and MD5 of a table in wandb's form; made once per operation."""
    key = ("made", row.path)
    if key not in asked.memory:
        workers, principal = asked.call.workers, asked.call.principal
        content = await workers.read(media.run_blob, principal, place.uid, row.digest)
        made = await table_bytes(workers, principal, place.uid, row.path, content)
        md5 = hashlib.md5(made, usedforsecurity=False).digest()
        asked.memory[key] = Measure(len(made), base64.b64encode(md5).decode())
    found: Measure = asked.memory[key]
    return found


async def table_bytes(
    workers: Workers, principal: Principal | None, uid: str, path: str, content: Content
) -> bytes:
    """A table in the form of wandb's client: JSON with ``columns`` and ``data``.

    Args:
        workers: where use cases run.
        principal: who asks.
        uid: the run.
        path: of the file that the table would be, see `shown.path_of`.
        content: the table in our form.
    """
    entries = await workers.read(media.unfiled_media, principal, uid)
    cells = next(
        (
            {number: path for number, (path, _) in _cells(entry, item.blobs).items()}
            for entry in entries
            for item in entry.items
            if item.blobs["data"].digest == content.digest and path_of(entry, item) == path
        ),
        {},
    )
    return await asyncio.to_thread(_encode, content, cells)


def _encode(content: Content, cells: Mapping[int, str]) -> bytes:
    head, rows = decode_table(content.path.read_bytes())
    numeric = [type == "number" for type in head.types]
    data = [
        [_cell(cell, bare, cells) for cell, bare in zip(row, numeric, strict=True)] for row in rows
    ]
    return json.dumps({"columns": head.columns, "data": data}, ensure_ascii=False).encode()


def _cell(cell: Any, bare: bool, cells: Mapping[int, str]) -> Any:
    if bare and isinstance(cell, str):
        return _BARE.get(cell, cell)
    if not isinstance(cell, dict) or not isinstance(cell.get("meta"), dict):
        return cell
    meta, number, kind = cell["meta"], cell.get("cell"), str(cell.get("kind"))
    if kind == "histogram":
        return {"_type": "histogram", "values": meta.get("counts"), "bins": meta.get("edges")}
    kept = {name: meta[name] for name in ("width", "height", "caption") if name in meta}
    path = cells.get(number) if isinstance(number, int) else None
    return {"_type": TYPES.get(kind, kind), **kept, **({"path": path} if path else {})}
