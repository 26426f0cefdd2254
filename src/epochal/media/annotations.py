"""What lies over an image: segmentation masks, boxes, and the names of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from epochal.errors import InvalidInput
from epochal.media.arrays import array_part, to_numpy
from epochal.media.draft import Part
from epochal.media.files import check_file, file_part, is_path
from epochal.media.optional import numpy

MAX_BOXES = 10_000
_CORNERS = ("minX", "maxX", "minY", "maxY")


def read_masks(masks: Any) -> tuple[dict[str, Any], dict[str, Part]]:
    """Masks as meta by name, and as parts by role.

    Args:
        masks: ``{name: {"mask_data": (H, W) of class numbers, "class_labels": {number: text}}}``,
            or with ``path`` of a PNG instead of ``mask_data``.

    Raises:
        InvalidInput: a mask is not of this form.
    """
    meta: dict[str, Any] = {}
    parts: dict[str, Part] = {}
    for name, mask in _entries(masks, "masks").items():
        parts[f"mask:{name}"] = _read_mask(name, mask)
        meta[name] = {"class_labels": read_labels(mask.get("class_labels"))}
    return meta, parts


def _read_mask(name: str, mask: Mapping[str, Any]) -> Part:
    if is_path(mask.get("path")):
        path, suffix = check_file(mask["path"], f"mask {name!r}", ("png",))
        return file_part(path, suffix)
    if mask.get("mask_data") is None:
        raise InvalidInput(
            f"mask {name!r} needs 'mask_data', an array (H, W) of class numbers, got the keys "
            f"{', '.join(map(str, mask)) or '(none)'}"
        )
    np = numpy()
    data = to_numpy(mask["mask_data"], f"mask {name!r}")
    if data.ndim == 3 and 1 in (data.shape[0], data.shape[2]):
        data = data.reshape(data.shape[:2] if data.shape[2] == 1 else data.shape[1:])
    whole = data.dtype.kind in "biu" or bool((data == np.floor(data)).all())
    if data.ndim != 2 or 0 in data.shape or not whole or data.min() < 0 or data.max() > 65535:
        raise InvalidInput(
            f"mask {name!r} is an array (H, W) of class numbers from 0 to 65,535, got the shape "
            f"{data.shape} of {data.dtype}"
        )
    kind = np.uint8 if data.max() < 256 else np.uint16
    return array_part("image.png", data.astype(kind)[:, :, None])


def read_boxes(boxes: Any) -> dict[str, Any]:
    """Boxes by name as plain data; positions as ``minX, maxX, minY, maxY``.

    Args:
        boxes: ``{name: {"box_data": [box, ...], "class_labels": {number: text}}}``; a box has
            ``position`` (corners, or ``middle, width, height``), ``domain`` (``"pixel"``, else
            fractions of the image), ``class_id``, ``box_caption`` and ``scores``.

    Raises:
        InvalidInput: something is not of this form.
    """
    return {
        name: {
            "box_data": [_read_box(name, box) for box in _box_list(name, entry)],
            "class_labels": read_labels(entry.get("class_labels")),
        }
        for name, entry in _entries(boxes, "boxes").items()
    }


def _box_list(name: str, entry: Mapping[str, Any]) -> list[Any]:
    given = entry.get("box_data")
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MAX_BOXES:
        raise InvalidInput(
            f"boxes {name!r} need 'box_data', a list of at most {MAX_BOXES:,} dicts, got "
            f"{type(given).__name__}"
        )
    return list(given)


def _read_box(name: str, box: Any) -> dict[str, Any]:
    if not isinstance(box, Mapping) or not isinstance(box.get("position"), Mapping):
        raise InvalidInput(f"a box of {name!r} is a dict with 'position', got {box!r:.120}")
    plain: dict[str, Any] = {"position": _read_position(name, box["position"])}
    if box.get("domain") == "pixel":
        plain["domain"] = "pixel"
    if box.get("class_id") is not None:
        plain["class_id"] = int(box["class_id"])
    if box.get("box_caption") is not None:
        plain["box_caption"] = str(box["box_caption"])[:1024]
    if isinstance(box.get("scores"), Mapping):
        plain["scores"] = {str(key): float(value) for key, value in box["scores"].items()}
    return plain


def _read_position(name: str, position: Mapping[str, Any]) -> dict[str, float]:
    try:
        if "middle" in position:
            x, y = (float(value) for value in position["middle"])
            half_x, half_y = float(position["width"]) / 2, float(position["height"]) / 2
            corners = (x - half_x, x + half_x, y - half_y, y + half_y)
        else:
            a, b, c, d = (float(position[corner]) for corner in _CORNERS)
            corners = (a, b, c, d)
    except (KeyError, TypeError, ValueError):
        raise InvalidInput(
            f"the position of a box of {name!r} has minX, maxX, minY, maxY, or middle, width and "
            f"height, got {dict(position)!r:.120}"
        ) from None
    return dict(zip(_CORNERS, corners, strict=True))


def read_labels(labels: Any) -> dict[str, str]:
    """Names of classes by their numbers, as text."""
    if labels is None:
        return {}
    if isinstance(labels, Mapping):
        return {str(key): str(value) for key, value in labels.items()}
    if isinstance(labels, Sequence) and not isinstance(labels, str):
        return {str(number): str(label) for number, label in enumerate(labels)}
    raise InvalidInput(f"class_labels is a dict of number to text, got {labels!r:.120}")


def read_classes(classes: Any) -> dict[str, str]:
    """W&B's ``classes``: a list of ``{"id": number, "name": text}``."""
    listed = getattr(classes, "_class_set", classes)
    try:
        return {str(int(entry["id"])): str(entry["name"]) for entry in listed}
    except (KeyError, TypeError, ValueError):
        raise InvalidInput(
            f"classes is a list of {{'id': number, 'name': text}}, got {classes!r:.120}"
        ) from None


def _entries(value: Any, what: str) -> dict[str, Any]:
    if isinstance(value, Mapping) and all(isinstance(entry, Mapping) for entry in value.values()):
        return {str(key)[:256]: entry for key, entry in value.items()}
    raise InvalidInput(f"{what} is a dict of name to dict, got {value!r:.120}")
