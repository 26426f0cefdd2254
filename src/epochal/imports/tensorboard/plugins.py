"""PR curves, meshes and the layout of custom scalars. Pure.

Field numbers: TensorBoard, ``plugins/pr_curve``, ``plugins/mesh/plugin_data.proto`` and
``plugins/custom_scalar/layout.proto``.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from epochal.imports.tensorboard.wire import Malformed, Message

VERTEX, FACE, COLOR = 1, 2, 3


def read_pr_curve(array: NDArray[np.generic], name: str) -> dict[str, Any]:
    """The ``spec`` of a plot of type ``pr`` from rows TP, FP, TN, FN, precision, recall.

    Raises:
        Malformed: the tensor has another shape.
    """
    if array.ndim != 2 or array.shape[0] != 6 or not array.shape[1]:
        raise Malformed(f"a PR curve has the shape (6, thresholds), got {array.shape}")
    table = np.nan_to_num(array.astype(np.float64))
    precision, recall = table[4], table[5]
    area = float(np.sum(-np.diff(recall, append=0.0) * precision))
    series = {
        "name": name, "x": recall.tolist(), "y": precision.tolist(),
        "thresholds": np.linspace(0.0, 1.0, array.shape[1]).tolist(), "ap": area,
    }  # fmt: skip
    series |= dict(zip(("tp", "fp", "tn", "fn"), table[:4].tolist(), strict=True))
    return {"x": "recall", "y": "precision", "series": [series]}


class MeshPart(msgspec.Struct, frozen=True):
    """What a tag of the mesh plugin holds: name of the mesh, and vertices, faces or colors."""

    name: str
    content: int


def read_mesh_part(content: bytes) -> MeshPart:
    """Decode the content of the plugin's metadata.

    Raises:
        Malformed: it is no such message.
    """
    message = Message(content)
    return MeshPart(message.text(2), message.unsigned(3))


class Shape3D(msgspec.Struct, frozen=True):
    """A file of a 3-d object and its meta."""

    meta: dict[str, Any]
    data: bytes
    suffix: str


def build_meshes(parts: dict[int, NDArray[np.generic]]) -> list[Shape3D]:
    """One object per item of the batch: points without faces, else a Wavefront OBJ.

    Args:
        parts: arrays (batch, number, 3) by `VERTEX`, `FACE` and `COLOR`.

    Raises:
        Malformed: there are no vertices, or shapes that do not fit each other.
    """
    vertices = parts.get(VERTEX)
    for array in parts.values():
        if array.ndim != 3 or array.shape[2] != 3:
            raise Malformed(f"meshes have the shape (batch, number, 3), got {array.shape}")
    if vertices is None:
        raise Malformed("a mesh has no vertices")
    found = []
    for number in range(vertices.shape[0]):
        points = vertices[number].astype(np.float32)
        colors = _item(parts.get(COLOR), number)
        faces = _item(parts.get(FACE), number)
        if colors is not None and len(colors) != len(points):
            colors = None
        found.append(_points(points, colors) if faces is None else _obj(points, colors, faces))
    return found


def _item(array: NDArray[np.generic] | None, number: int) -> NDArray[np.generic] | None:
    if array is None or not array.size or number >= array.shape[0]:
        return None
    found: NDArray[np.generic] = array[number]
    return found


def _points(points: NDArray[np.float32], colors: NDArray[np.generic] | None) -> Shape3D:
    table = points
    if colors is not None:
        table = np.concatenate([points, colors.astype(np.float32)], axis=1)
    meta = {"format": "f32", "points": len(table), "columns": int(table.shape[1])}
    return Shape3D(meta, np.ascontiguousarray(table, "<f4").tobytes(), "f32")


def _obj(
    points: NDArray[np.float32], colors: NDArray[np.generic] | None, faces: NDArray[np.generic]
) -> Shape3D:
    rows = points.astype(np.float64)
    if colors is not None:  # in OBJ the colors of vertices lie between 0 and 1
        rows = np.concatenate([rows, colors.astype(np.float64) / 255.0], axis=1)
    lines = ["v " + " ".join(f"{number:.9g}" for number in row) for row in rows.tolist()]
    lines += ["f " + " ".join(str(int(n) + 1) for n in face) for face in faces.tolist()]
    meta = {"format": "obj", "points": len(points), "faces": len(faces)}
    return Shape3D(meta, ("\n".join(lines) + "\n").encode(), "obj")


_CHART: Final = {2: "multiline", 3: "margin"}


def read_layout(data: bytes) -> dict[str, Any]:
    """A serialized ``Layout`` as plain data.

    Raises:
        Malformed: it is none.
    """
    categories = []
    for category in map(Message, Message(data).every(2)):
        charts = [_read_chart(Message(chart)) for chart in category.every(2)]
        closed = bool(category.unsigned(3))
        categories.append({"title": category.text(1), "closed": closed, "charts": charts})
    return {"categories": categories}


def _read_chart(chart: Message) -> dict[str, Any]:
    found: dict[str, Any] = {"title": chart.text(1)}
    for number, name in _CHART.items():
        content = chart.data(number)
        if content is None:
            continue
        found["type"] = name
        message = Message(content)
        if name == "multiline":
            found["tags"] = [tag.decode("utf-8", "replace") for tag in message.every(1)]
        else:
            names = ("value", "lower", "upper")
            found["series"] = [
                {name: Message(series).text(place) for place, name in enumerate(names, 1)}
                for series in message.every(1)
            ]
    return found
