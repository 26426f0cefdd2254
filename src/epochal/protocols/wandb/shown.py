"""Media in wandb's form again, as a history row holds them. Pure.

What wandb's own client logged is shown as it was given. Of other media the bytes are named by the
path of the run's file that holds them; media of other clients lie in no file of the run, and have
a path that names their bytes (`path_of`), by which `files` lists and finds them.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from epochal.domain.artifact import check_path
from epochal.domain.encode import suffix_of
from epochal.domain.objects import BlobView, MediaEntry, MediaView
from epochal.errors import InvalidInput
from epochal.protocols.wandb.media import SAID

TYPES: Final = {
    "image": "image-file", "audio": "audio-file", "video": "video-file", "html": "html-file",
    "object3d": "object3D-file", "table": "table-file", "plot": "plotly-file",
}  # fmt: skip
LISTS: Final = {
    "audio": ("audio", "audio"), "video": ("videos", "videos"), "html": ("html", "html"),
    "object3d": ("object3D", "object3D"), "plot": ("plotly", "plotly"),
}  # fmt: skip
"""Type of a list of each kind, and where it holds its items."""
FOLDERS: Final = {
    "image": "images", "audio": "audio", "video": "videos", "html": "html", "table": "table",
    "object3d": "object3D", "plot": "plotly",
}  # fmt: skip
"""Where wandb's client puts the files of each kind."""
TABLE: Final = ".table.json"
MAX_TABLE: Final = 64 * 1024 * 1024
"""Larger tables have no file in wandb's form."""
_OWN: Final = re.compile(r"media/\w+/.*_([0-9a-f]{64})(\.\w{1,16}){1,2}")
_UNFIT: Final = re.compile(r"[^\w .()@+=,-]")
_MOST_PARTS, _MOST_BYTES = 4, 100
TEXTS: Final = ("text", "markdown")
"""Kinds that are a text themselves, unless they are so long that they have a blob."""
_KEPT: Final = ("width", "height", "caption", "sample_rate")


def value_of(entry: MediaEntry, paths: Mapping[str, str]) -> Any:
    """What was logged under one key by one call.

    Args:
        entry: as stored.
        paths: those of the run's files, by the digest of what is in them.
    """
    given = entry.items[0].meta.get(SAID) if entry.items else None
    if isinstance(given, dict) and "_type" in given:
        return given
    items = [_item(item, entry, paths) for item in entry.items]
    if not items:
        return None
    kind = entry.items[0].kind
    if not entry.many or (kind in TEXTS and len(items) == 1):
        return items[0]
    if kind == "image":
        return _separated(items)
    if kind in LISTS:
        type, name = LISTS[kind]
        captions = [item.get("caption") for item in items]
        return {"_type": type, "count": len(items), name: items, "captions": captions}
    return items


def path_of(entry: MediaEntry, item: MediaView) -> str | None:
    """A path for the bytes of a medium that lie in no file; None where they are no file."""
    data = item.blobs.get("data")
    if data is None or not data.digest or SAID in item.meta:
        return None
    suffix = _suffix(item, data)
    return None if suffix is None else named(entry, item.kind, data, suffix)


def named(entry: MediaEntry, kind: str, data: BlobView, suffix: str = "") -> str:
    """A path as wandb's client makes them: of folder, key, step and digest."""
    suffix = suffix or f".{suffix_of(data.type)}"
    folder = f"media/{FOLDERS.get(kind, kind)}"
    return f"{folder}/{_key_in_path(entry.key)}_{entry.step}_{data.digest}{suffix}"


def digest_in(path: str) -> str | None:
    """The digest that a path of `path_of` names."""
    found = _OWN.fullmatch(path)
    return None if found is None else found[1]


def _suffix(item: MediaView, data: BlobView) -> str | None:
    form = str(item.meta.get("format") or "")
    if item.kind == "table":
        return TABLE if data.size <= MAX_TABLE else None
    if item.kind == "plot":
        return ".plotly.json" if item.meta.get("type") == "plotly" else None
    if item.kind == "object3d":
        return f".{form}" if form.isalnum() and form != "f32" else None
    return "" if item.kind in FOLDERS else None


@functools.lru_cache(maxsize=1024)
def _key_in_path(key: str) -> str:
    parts = [_fit(part) for part in unicodedata.normalize("NFC", key).split("/")]
    return "/".join([part for part in parts if part][-_MOST_PARTS:]) or "media"


def _fit(part: str) -> str:
    """A part of a key as a part of a path; one without anything that fits is left out."""
    text = _UNFIT.sub("_", part).encode()[:_MOST_BYTES].decode(errors="ignore")
    text = text.strip(" .")
    try:
        return check_path(text) if text else text
    except InvalidInput:  # a device of Windows
        return f"_{text}"


def is_drawn(entry: MediaEntry) -> bool:
    """Whether it is a chart that was drawn from a table here: the client logged the table."""
    return any(item.kind == "plot" and item.meta.get("table") is True for item in entry.items)


def _item(item: MediaView, entry: MediaEntry, paths: Mapping[str, str]) -> Any:
    meta = item.meta
    if item.kind == "histogram":
        return {"_type": "histogram", "values": meta.get("counts"), "bins": meta.get("edges")}
    if item.kind in TEXTS and isinstance(meta.get("text"), str):
        return meta["text"]
    found: dict[str, Any] = {"_type": TYPES.get(item.kind, f"{item.kind}-file")}
    data = item.blobs.get("data")
    if data is not None:
        own = paths.get(data.digest) or _named(entry, paths)
        path = own or path_of(entry, item)
        if own or item.kind != "table":
            found |= {"sha256": data.digest, "size": data.size}
        if path:
            found |= {"path": path, "format": path.rpartition(".")[2]}
    if item.kind == "table":
        shape = {"ncols": len(meta.get("columns", ())), "nrows": meta.get("rows")}
        said = meta.get(SAID)  # earlier versions kept no more of a table
        found = (
            {"_type": found["_type"], **said, **shape} if isinstance(said, dict) else found | shape
        )
    return found | {name: meta[name] for name in _KEPT if name in meta}


def _named(entry: MediaEntry, paths: Mapping[str, str]) -> str | None:
    """The file of a medium whose bytes were converted: the client names it by key and step."""
    if entry.many:
        return None
    part = f"/{entry.key.rpartition('/')[2]}_{entry.step}_"
    return next(
        (path for path in paths.values() if path.startswith("media/") and part in path), None
    )


def _separated(items: list[dict[str, Any]]) -> dict[str, Any]:
    first = items[0]
    found: dict[str, Any] = {
        "_type": "images/separated", "count": len(items),
        "filenames": [item.get("path") for item in items],
    }  # fmt: skip
    found |= {name: first[name] for name in ("width", "height", "format") if name in first}
    captions = [item.get("caption") for item in items]
    return found | ({"captions": captions} if any(captions) else {})
