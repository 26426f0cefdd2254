"""Files and directories that a step names by a `pathlib.Path`, and images.

A returned path is kept with its content; whoever reads it gets a path to a private copy with the
same name. Pillow images are kept as PNG.
"""

from __future__ import annotations

import io
import os
import pathlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from epochal.domain.artifact import check_path
from epochal.errors import InvalidInput
from epochal.models.optional import need
from epochal.pipelines.serializers.parts import Outbox, Parts

NAME = "path.json"
IMAGE = "image.png"

_copies: list[tempfile.TemporaryDirectory[str]] = []
"""Directories that this process handed out; they go when it does."""


class Content:
    """A file or directory, by a path that exists."""

    name = "path"
    kind = "dataset"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        return isinstance(value, pathlib.Path)

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        path = Path(os.path.abspath(value))
        if not path.exists():
            raise InvalidInput(
                f"the path {str(value)!r} does not exist, and a path is kept with its content; "
                f"write the file first, or return its name as a text"
            )
        box = out.inner("content")
        if path.is_dir():
            box.put_folder(path)
            folders = [
                str(each.relative_to(path)) for each in sorted(path.rglob("*")) if _empty(each)
            ]
            form: dict[str, Any] = {"name": path.name, "directory": True, "empty": folders}
        else:
            box.put("file", path)
            form = {"name": path.name, "directory": False}
        out.put(NAME, msgspec.json.encode(form, order="sorted"))

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        form = msgspec.json.decode(parts.read(NAME))
        copy = tempfile.TemporaryDirectory(prefix="epochal-path-")
        _copies.append(copy)
        target = Path(copy.name, os.path.basename(form["name"]) or "content")
        inner = parts.inner("content")
        if not form["directory"]:
            target.write_bytes(inner.read("file"))
            return target
        target.mkdir()
        inner.copy_to(target)
        for name in form["empty"]:
            (target / check_path(name)).mkdir(parents=True, exist_ok=True)
        return target


def _empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


class Picture:
    """Images of Pillow whose mode PNG has."""

    name = "image"
    kind = "value"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        image = sys.modules.get("PIL.Image")
        return image is not None and isinstance(value, image.Image)

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        if value.mode not in ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"):
            raise InvalidInput(
                f"an image of mode {value.mode!r} cannot be kept as PNG; convert it to 'RGB'"
            )
        buffer = io.BytesIO()
        value.save(buffer, "PNG")
        out.put(IMAGE, buffer.getvalue())

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        image = need("PIL.Image", "reading an image").open(io.BytesIO(parts.read(IMAGE)))
        image.load()
        return image
