"""Point clouds and files of 3-d models."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from epochal.errors import InvalidInput
from epochal.media.arrays import is_array, to_numpy
from epochal.media.draft import Draft, Part
from epochal.media.files import check_file, file_part, is_path, read_caption
from epochal.media.optional import numpy

SUFFIXES = ("glb", "gltf", "obj", "stl", "ply")
WIDTHS = (3, 4, 6)


class Object3D:
    """A 3-d object to log.

    Args:
        data_or_path: points (N, 3), (N, 4) with a category, or (N, 6) with red, green, blue in
            0..255; W&B's dict of ``type``, ``points`` and ``boxes``; the path of a GLB, glTF,
            OBJ, STL or PLY file, or of JSON with such a dict.
        caption: a line below it.

    Raises:
        InvalidInput: it is none of these.
    """

    def __init__(self, data_or_path: Any, caption: str | None = None, **more: Any) -> None:
        del more
        meta: dict[str, Any] = read_caption(caption)
        value = data_or_path
        if is_path(value):
            if str(value).endswith(".pts.json"):
                value = _read_json(value)
            else:
                path, suffix = check_file(value, "Object3D", SUFFIXES)
                meta["format"] = suffix
                self._draft = Draft("object3d", meta, {"data": file_part(path, suffix)})
                return
        if isinstance(value, Mapping):
            boxes = value.get("boxes")
            if boxes is not None and len(boxes):
                meta["boxes"] = json.loads(json.dumps(list(boxes), default=_plain))
            value = value.get("points")
        points = _points(value)
        meta |= {"format": "f32", "points": int(points.shape[0]), "columns": int(points.shape[1])}
        self._draft = Draft("object3d", meta, {"data": Part("copy.f32", (points.tobytes(),))})

    def __epochal_media__(self) -> list[Draft]:
        """See `epochal.media.draft`."""
        return [self._draft]

    @classmethod
    def from_file(cls, data_or_path: Any, file_type: str | None = None) -> Object3D:
        """W&B's name for the constructor with a path."""
        del file_type
        return cls(data_or_path)

    @classmethod
    def from_numpy(cls, data: Any) -> Object3D:
        """W&B's name for the constructor with an array."""
        return cls(data)

    @classmethod
    def from_point_cloud(
        cls, points: Any, boxes: Any = (), vectors: Any = None, point_cloud_type: str = ""
    ) -> Object3D:
        """W&B's name for the constructor with points and boxes."""
        del vectors, point_cloud_type
        return cls({"points": points, "boxes": boxes})


def _points(value: Any) -> Any:
    if not is_array(value) and not isinstance(value, (list, tuple)):
        raise InvalidInput(
            f"Object3D takes points, a dict with points, or a path, got {type(value).__name__}"
        )
    array = to_numpy(value, "Object3D")
    if array.ndim != 2 or array.shape[1] not in WIDTHS or not len(array):
        raise InvalidInput(
            f"points have the shape (N, 3), (N, 4) or (N, 6), got {array.shape} of {array.dtype}"
        )
    return array.astype(numpy().dtype("<f4"))


def _read_json(path: str | os.PathLike[str]) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"Object3D: {os.fspath(path)!r} is no JSON: {error}") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise InvalidInput(f"boxes hold numbers and texts, got {type(value).__name__}")
