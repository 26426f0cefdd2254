"""Media of wandb as ours: what a value with ``_type`` says, and which files hold its bytes.

Nothing is copied: the file that the client uploads is the medium's blob. Tables are written anew
in our form. The first item keeps the value as the client gave it, for those who read it back.
Types without a kind of ours stay values, and their files files of the run.
"""

from __future__ import annotations

import array
import itertools
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from epochal.domain.encode import type_of
from epochal.domain.record import BlobRef, MediaItem
from epochal.domain.table import (
    encode_table,
    join_types,
    plain_number,
    preview,
    type_of_cell,
)
from epochal.errors import InvalidInput
from epochal.protocols.wandb.arguments import read_json

FILE_KINDS: Final = {
    "image-file": "image", "audio-file": "audio", "video-file": "video", "html-file": "html",
    "object3D-file": "object3d", "table-file": "table", "plotly-file": "plot",
    "molecule-file": "object3d", "incremental-table-file": "table",
}  # fmt: skip
"""Our kind of each type whose ``path`` names one file."""
LIST_KINDS: Final = {
    "audio": "audio", "videos": "videos", "html": "html", "object3D": "object3D",
    "plotly": "plotly",
}  # fmt: skip
"""Where a type that stands for several media lists them."""
SEPARATED: Final = "images/separated"
MOLECULES: Final = "molecule"
TABLES: Final = frozenset({"table-file", "incremental-table-file"})
HISTOGRAM: Final = "histogram"
MAX_READ: Final = 64 * 1024 * 1024
MAX_PLOT: Final = 32 * 1024
MAX_SAID: Final = 32 * 1024
MAX_ITEMS: Final = 10_000
POINTS: Final = ".pts.json"
OCTETS: Final = "application/octet-stream"
SAID: Final = "wandb"
"""Where an item's meta holds the value that it came from."""
_PLAIN: Final = ("width", "height", "caption", "sample_rate")

Files = Mapping[str, BlobRef]


class Store:
    """What conversions need of the server.

    Args:
        files: of the run, by path.
        read: the bytes of a blob.
        put: stores bytes of a media type.
    """

    def __init__(
        self, files: Files, read: Callable[[str], bytes], put: Callable[[bytes, str], BlobRef]
    ) -> None:
        self.files = files
        self._read = read
        self.put = put

    def ref(self, path: str) -> BlobRef:
        """A file as a medium's bytes, with the type of its ending."""
        found = self.files[path]
        return BlobRef(found.digest, found.size, type_of(path.rpartition(".")[2]))

    def json(self, path: str) -> Any:
        """The JSON in a file.

        Raises:
            InvalidInput: it is none, or too large to be read.
        """
        found = self.files[path]
        if found.size > MAX_READ:
            raise InvalidInput(f"{path!r:.200} is larger than {MAX_READ:,} bytes")
        return read_json(self._read(found.digest).decode("utf-8", "replace"), path)


def is_known(value: Mapping[str, Any]) -> bool:
    """Whether a value has a kind of ours."""
    type = value.get("_type")
    return type in (HISTOGRAM, SEPARATED, MOLECULES) or type in FILE_KINDS or type in LIST_KINDS


def paths_of(value: Mapping[str, Any]) -> list[str]:
    """The files that must be there before the value can be recorded."""
    return list(dict.fromkeys(_paths(value)))


def _paths(value: Mapping[str, Any]) -> Iterator[str]:
    type = value.get("_type")
    if type in (SEPARATED, MOLECULES):
        yield from (str(path) for path in _list(value.get("filenames"))[:MAX_ITEMS])
        for group in (*_list(value.get("all_masks")), *_list(value.get("all_boxes"))):
            yield from _overlay_paths(group)
    elif type in LIST_KINDS:
        for item in _list(value.get(LIST_KINDS[str(type)]))[:MAX_ITEMS]:
            if isinstance(item, dict):
                yield from _paths(item)
    elif type in FILE_KINDS:
        yield str(value.get("path") or "")
        yield from _overlay_paths(value.get("masks"))
        yield from _overlay_paths(value.get("boxes"))


def _overlay_paths(group: object) -> Iterator[str]:
    if isinstance(group, dict):
        for entry in group.values():
            if isinstance(entry, dict) and entry.get("path"):
                yield str(entry["path"])


def items_of(value: Mapping[str, Any], store: Store) -> tuple[list[MediaItem], bool]:
    """The items that a value stands for, and whether it was given as a list.

    Raises:
        InvalidInput: a part of it does not have the form that its type has.
    """
    items, many = _items(value, store)
    is_told = value.get("_type") != HISTOGRAM  # which tells it all by itself
    if items and is_told and len(json.dumps(value)) <= MAX_SAID:
        items[0].meta[SAID] = dict(value)
    return items, many


def _items(value: Mapping[str, Any], store: Store) -> tuple[list[MediaItem], bool]:
    type = value.get("_type")
    if type == HISTOGRAM:
        return [histogram(value)], False
    if type == SEPARATED:
        return [*_separated(value, store)], True
    if type == MOLECULES:
        return [*_molecules(value, store)], True
    if type in LIST_KINDS:
        inner = [
            item for item in _list(value.get(LIST_KINDS[str(type)])) if isinstance(item, dict)
        ]
        captions = _list(value.get("captions"))
        items = [_items(item, store)[0][0] for item in inner[:MAX_ITEMS]]
        for item, caption in zip(items, captions, strict=False):
            if caption:
                item.meta.setdefault("caption", str(caption))
        return items, True
    if type in TABLES:
        return [table(value, store)], False
    if type == "plotly-file":
        return [_plotly(value, store)], False
    return [_file_item(value, store)], False


def _file_item(value: Mapping[str, Any], store: Store) -> MediaItem:
    path = str(value["path"])
    meta = {name: value[name] for name in _PLAIN if value.get(name) is not None}
    kind = FILE_KINDS[str(value["_type"])]
    if path.endswith(POINTS):
        return _points(store.json(path), meta, store)
    if kind == "object3d":
        meta["format"] = path.rpartition(".")[2]
    blobs: dict[str, BlobRef | str] = {"data": store.ref(path)}
    _overlays(meta, blobs, value.get("masks"), value.get("boxes"), store)
    return MediaItem(kind, meta, blobs)


def _points(given: Any, meta: dict[str, Any], store: Store) -> MediaItem:
    """A cloud of points: rows of numbers, as an array of 32-bit floats.

    Raises:
        InvalidInput: they are no such rows.
    """
    rows = given.get("points") if isinstance(given, dict) else given
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
        raise InvalidInput("a cloud of points is a list of rows of numbers")
    columns = len(rows[0])
    numbers = array.array("f", (number for row in rows for number in row))
    if sys.byteorder == "big":
        numbers.byteswap()
    meta = {**meta, "format": "f32", "points": len(rows), "columns": columns}
    return MediaItem("object3d", meta, {"data": store.put(numbers.tobytes(), OCTETS)})


def _separated(value: Mapping[str, Any], store: Store) -> Iterator[MediaItem]:
    captions = _list(value.get("captions"))
    masks, boxes = _list(value.get("all_masks")), _list(value.get("all_boxes"))
    size = {name: value[name] for name in ("width", "height") if value.get(name) is not None}
    for index, path in enumerate(_list(value.get("filenames"))[:MAX_ITEMS]):
        meta: dict[str, Any] = dict(size)
        if index < len(captions) and captions[index]:
            meta["caption"] = str(captions[index])
        blobs: dict[str, BlobRef | str] = {"data": store.ref(str(path))}
        _overlays(
            meta, blobs, masks[index] if index < len(masks) else None,
            boxes[index] if index < len(boxes) else None, store,
        )  # fmt: skip
        yield MediaItem("image", meta, blobs)


def _molecules(value: Mapping[str, Any], store: Store) -> Iterator[MediaItem]:
    captions = _list(value.get("captions"))
    for index, path in enumerate(_list(value.get("filenames"))[:MAX_ITEMS]):
        meta = {"format": str(path).rpartition(".")[2]}
        if index < len(captions) and captions[index]:
            meta["caption"] = str(captions[index])
        yield MediaItem("object3d", meta, {"data": store.ref(str(path))})


def _overlays(
    meta: dict[str, Any],
    blobs: dict[str, BlobRef | str],
    masks: object,
    boxes: object,
    store: Store,
) -> None:
    """Masks and boxes over an image."""
    if isinstance(masks, dict):
        for name, entry in masks.items():
            if isinstance(entry, dict) and entry.get("path"):
                blobs[f"mask:{name}"] = store.ref(str(entry["path"]))
                labels = _labels(entry.get("class_labels"))
                meta.setdefault("masks", {})[name] = {"class_labels": labels}
    if isinstance(boxes, dict):
        for name, entry in boxes.items():
            given = entry
            if isinstance(entry, dict) and entry.get("path"):
                given = store.json(str(entry["path"]))
            if isinstance(given, dict):
                meta.setdefault("boxes", {})[name] = {
                    "box_data": [_box(box) for box in _list(given.get("box_data"))],
                    "class_labels": _labels(given.get("class_labels")),
                }


def _box(box: Any) -> dict[str, Any]:
    """A box with its corners, whichever way it was given."""
    position = dict(box["position"]) if isinstance(box, dict) and "position" in box else {}
    if "middle" in position:
        x, y = (float(number) for number in position["middle"])
        half, tall = float(position["width"]) / 2, float(position["height"]) / 2
        position = {"minX": x - half, "maxX": x + half, "minY": y - tall, "maxY": y + tall}
    kept = ("domain", "class_id", "box_caption", "scores")
    given = box if isinstance(box, dict) else {}
    return {
        "position": position,
        **{name: given[name] for name in kept if given.get(name) is not None},
    }


def _labels(labels: object) -> dict[str, str]:
    if not isinstance(labels, dict):
        return {}
    return {str(number): str(text) for number, text in labels.items()}


def _plotly(value: Mapping[str, Any], store: Store) -> MediaItem:
    path = str(value["path"])
    if store.files[path].size > MAX_PLOT:
        return MediaItem("plot", {"type": "plotly"}, {"data": store.ref(path)})
    return MediaItem("plot", {"type": "plotly", "spec": store.json(path)})


def histogram(value: Mapping[str, Any]) -> MediaItem:
    """A histogram; its edges come as a list, or as first edge, width and count.

    Raises:
        InvalidInput: they do not fit the counts.
    """
    counts = [_finite(number) for number in _list(value.get("values"))]
    packed = value.get("packedBins")
    if isinstance(packed, dict):
        low, width = _finite(packed.get("min")), _finite(packed.get("size"))
        edges = [low + width * index for index in range(len(counts) + 1)]
    else:
        edges = [_finite(number) for number in _list(value.get("bins"))]
    if not counts or len(edges) != len(counts) + 1:
        raise InvalidInput(f"a histogram has {len(counts)} counts and {len(edges)} edges")
    return MediaItem(
        "histogram", {"edges": edges, "counts": counts, "stats": statistics(edges, counts)}
    )


def statistics(edges: list[float], counts: list[float]) -> dict[str, float]:
    """What the bins tell of the numbers: from their middles, so within half a bin's width."""
    total = sum(counts)
    if total <= 0:
        return {"n": 0}
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    mean = sum(x * n for x, n in zip(middles, counts, strict=True)) / total
    square = sum(x * x * n for x, n in zip(middles, counts, strict=True))
    used = [index for index, count in enumerate(counts) if count]
    return {
        "n": total, "min": edges[used[0]], "max": edges[used[-1] + 1], "mean": mean,
        "std": math.sqrt(max(0.0, square / total - mean * mean)), "norm": math.sqrt(square),
    }  # fmt: skip


def _finite(number: object) -> float:
    if isinstance(number, (int, float)) and math.isfinite(number):
        return float(number)
    raise InvalidInput(f"a histogram holds {number!r:.80}")


def table(value: Mapping[str, Any], store: Store) -> MediaItem:
    """A table in our form.

    Raises:
        InvalidInput: the file is no table.
    """
    given = store.json(str(value["path"]))
    if not isinstance(given, dict) or not isinstance(given.get("columns"), list):
        raise InvalidInput(f"{value['path']!r:.200} is no table")
    columns = [str(name) for name in given["columns"]]
    blobs: dict[str, BlobRef | str] = {}
    types: list[str | None] = [None] * len(columns)
    rows: list[list[Any]] = []
    for row in _list(given.get("data")):
        cells = [_cell(cell, store, blobs) for cell in _list(row)[: len(columns)]]
        cells += [None] * (len(columns) - len(cells))
        types = [join_types(*pair) for pair in zip(types, map(_type, cells), strict=True)]
        rows.append(cells)
    named = [type or "mixed" for type in types]
    data = b"".join(encode_table(columns, named, rows))
    blobs["data"] = store.put(data, "application/x-ndjson")
    meta = {"columns": columns, "types": named, "rows": len(rows), "preview": preview(rows)}
    return MediaItem("table", meta, blobs)


def _cell(cell: Any, store: Store, blobs: dict[str, BlobRef | str]) -> Any:
    if isinstance(cell, float):
        return plain_number(cell)
    if not isinstance(cell, dict) or cell.get("_type") not in FILE_KINDS:
        return cell
    if cell["_type"] in TABLES or any(p not in store.files for p in paths_of(cell)):
        return cell
    item = _items(cell, store)[0][0]
    number = sum(1 for role in blobs if role.count(":") == 1)
    for role, ref in item.blobs.items():
        blobs[f"cell:{number}" + ("" if role == "data" else f":{role}")] = ref
    return {"kind": item.kind, "meta": item.meta, "cell": number}


def _type(cell: Any) -> str | None:
    if isinstance(cell, dict) and "kind" in cell and "cell" in cell:
        return str(cell["kind"])
    return "number" if cell in ("NaN", "Infinity", "-Infinity") else type_of_cell(cell)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
