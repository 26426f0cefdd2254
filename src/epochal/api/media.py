"""One item of media as it was logged: an image, a histogram, a table, at a step.

Its description is there at once; its bytes are read when they are asked for, and checked.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from epochal.api import frames
from epochal.api.content import Content, run_blob
from epochal.api.facts import datetime_of
from epochal.api.fetch import fetch_bytes, fetch_to
from epochal.api.frames import Column
from epochal.api.object_questions import QueryMedia
from epochal.api.question import Source
from epochal.domain.encode import suffix_of
from epochal.domain.objects import MediaEntry, MediaQuery, MediaView
from epochal.domain.table import decode_table
from epochal.domain.values import number_from_json, to_json
from epochal.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import pandas
    from PIL import Image

DATA = "data"
PAGE = 1000


class MediaItem:
    """What was logged under a key at a step; of a list each item is one of these.

    Args:
        source: where to read.
        entry: what one call logged.
        index: which of its items this is.
    """

    def __init__(self, source: Source, entry: MediaEntry, index: int) -> None:
        self._source = source
        self._entry = entry
        self._view: MediaView = entry.items[index]
        self.index = index

    def __repr__(self) -> str:
        number = f"[{self.index}]" if self._entry.many else ""
        return f"<{self.kind} {self.key}{number} at step {self.step}>"

    @property
    def key(self) -> str:
        """The key it was logged under."""
        return self._entry.key

    @property
    def step(self) -> int:
        """The step it was logged at."""
        return self._entry.step

    @property
    def time(self) -> datetime:
        """When it was logged, in UTC."""
        return datetime_of(self._entry.wall_us)

    @property
    def kind(self) -> str:
        """``image``, ``audio``, ``video``, ``histogram``, ``table``, ``plot``, ``html``, ..."""
        return self._view.kind

    @property
    def meta(self) -> dict[str, Any]:
        """What is known without its bytes; docs/internals/objects.md lists it by kind."""
        return self._view.meta

    @property
    def caption(self) -> str:
        """The caption, or empty."""
        return str(self.meta.get("caption") or "")

    @property
    def present(self) -> bool:
        """Whether all its bytes are here."""
        return all(blob.present for blob in self._view.blobs.values())

    @property
    def roles(self) -> list[str]:
        """What bytes there are: ``data``, and for example ``mask:prediction``."""
        return list(self._view.blobs)

    @property
    def suffix(self) -> str:
        """The usual ending of a file with its data, such as ``png``."""
        blob = self._view.blobs.get(DATA)
        if blob is None:
            return "txt" if "text" in self.meta else "json"
        return suffix_of(blob.type)

    def data(self, role: str = DATA) -> bytes:
        """The bytes: the encoded image, the audio file, the lines of a table.

        Media that need no bytes give what they are made of: text in UTF-8, else JSON.

        Raises:
            NotFound: there is no such role, or the bytes are on their way.
            CorruptFile: they are not what was stored.
        """
        if role == DATA and DATA not in self._view.blobs:
            return self._small()
        return fetch_bytes(self._source, self._content(role))

    def save(self, path: str | os.PathLike[str], role: str = DATA) -> str:
        """Write the bytes to a file; into a directory under a name made of key and step.

        Returns:
            The path of the file.

        Raises:
            NotFound: there is no such role, or the bytes are on their way.
            InvalidInput: the file cannot be written.
        """
        target = Path(path)
        if target.is_dir():
            target /= self._file_name(role)
        if role == DATA and DATA not in self._view.blobs:
            return fetch_to(self._source, target, self._small())
        return fetch_to(self._source, target, self._content(role))

    def to_pil(self) -> Image.Image:
        """An image as a `PIL.Image.Image`.

        Raises:
            InvalidInput: it is no image, or one that Pillow cannot read, such as SVG.
            MissingExtra: Pillow is not installed.
        """
        if self.kind != "image":
            raise InvalidInput(f"{self!r} is no image; .data() gives its bytes")
        pillow = frames.load_optional("PIL.Image", "media")
        try:
            image: Image.Image = pillow.open(io.BytesIO(self.data()))
            image.load()
        except OSError as error:
            raise InvalidInput(f"{self!r} cannot be read by Pillow: {error}") from error
        return image

    def rows(self) -> tuple[list[str], list[list[Any]]]:
        """The columns and rows of a table; cells that are media are dicts with kind and meta.

        Raises:
            InvalidInput: it is no table.
        """
        if self.kind != "table":
            raise InvalidInput(f"{self!r} is no table; .data() gives its bytes")
        head, rows = decode_table(self.data())
        for index, kind in enumerate(head.types):
            if kind == "number":
                for row in rows:
                    row[index] = _number(row[index])
        return head.columns, rows

    def to_pandas(self) -> pandas.DataFrame:
        """A table as it is; a histogram with the columns ``left``, ``right`` and ``count``.

        Raises:
            InvalidInput: it is neither.
            MissingExtra: pandas is not installed.
        """
        if self.kind == "histogram":
            edges = list(self.meta["edges"])
            columns = {"left": edges[:-1], "right": edges[1:], "count": list(self.meta["counts"])}
            return frames.to_pandas({k: Column(v, kind="object") for k, v in columns.items()})
        names, rows = self.rows()
        cells = [[row[index] for row in rows] for index in range(len(names))]
        return frames.to_pandas(
            {
                name: Column(column, kind="object")
                for name, column in zip(names, cells, strict=True)
            }
        )

    def _small(self) -> bytes:
        if "text" in self.meta:
            return str(self.meta["text"]).encode()
        return msgspec.json.encode(to_json(self.meta.get("spec", self.meta)))

    def _content(self, role: str) -> Content:
        blob = self._view.blobs.get(role)
        if blob is None:
            known = ", ".join(map(repr, self.roles)) or "none"
            raise NotFound(f"{self!r} has no bytes {role!r}; it has {known}")
        if not blob.digest:
            raise NotFound(f"the bytes of {self!r} are still with their writer; try again later")
        return run_blob(self._entry.run, blob.digest, blob.size, repr(self))

    def _file_name(self, role: str) -> str:
        words = [self.key, str(self.step)]
        words += [str(self.index)] if self._entry.many else []
        words += [role] if role != DATA else []
        name = "-".join("".join(c if c.isalnum() or c in "._" else "-" for c in w) for w in words)
        suffix = self.suffix
        if role != DATA:
            suffix = suffix_of(self._view.blobs[role].type)
        return f"{name.lstrip('.')[:200]}.{suffix}"


def _number(cell: Any) -> Any:
    if isinstance(cell, str):
        found = number_from_json(cell)
        return cell if found is None else found
    return cell


def read_media(source: Source, query: MediaQuery) -> Iterator[MediaItem]:
    """All items that a query means, page by page."""
    cursor: str | None = None
    while True:
        asked = msgspec.structs.replace(query, limit=PAGE, cursor=cursor)
        page = source.ask(QueryMedia(asked))
        for entry in page.entries:
            for index in range(len(entry.items)):
                yield MediaItem(source, entry, index)
        cursor = page.cursor
        if cursor is None or not page.entries:
            return
