"""Texts, plain, Markdown and HTML."""

from __future__ import annotations

import os
from typing import Any

from epochal.errors import InvalidInput
from epochal.media.draft import Draft, Part
from epochal.media.files import check_file, read_caption

INLINE = 4096
MAX_BYTES = 64 * 1024 * 1024


class Text:
    """A text to log at a step.

    Args:
        data: the text; anything else is shown as ``str(data)``.
        caption: a line below it.
    """

    kind = "text"
    suffix = "txt"
    inline = INLINE
    """Up to so many bytes lie in the record, longer texts in a blob."""

    def __init__(self, data: Any, caption: str | None = None) -> None:
        encoded = str(data).encode("utf-8", "replace")
        if len(encoded) > MAX_BYTES:
            raise InvalidInput(
                f"{type(self).__name__} has at most {MAX_BYTES:,} bytes, got {len(encoded):,}"
            )
        meta: dict[str, Any] = read_caption(caption)
        if len(encoded) <= self.inline:
            self._draft = Draft(self.kind, {**meta, "text": encoded.decode()})
        else:
            part = Part(f"copy.{self.suffix}", (encoded,))
            self._draft = Draft(self.kind, meta, {"data": part})

    def __epochal_media__(self) -> list[Draft]:
        """See `epochal.media.draft`."""
        return [self._draft]


class Markdown(Text):
    """A text that is shown as Markdown; see `Text`."""

    kind = "markdown"
    suffix = "md"


class Html(Text):
    """HTML to log; the page shows it in a frame that can run scripts and reach nothing.

    Short or long, it is a blob: the server sends it as a document with an origin of its own.

    Args:
        data: HTML text, an open file, or the path of an ``.html`` file.
        inject: accepted for compatibility.
        data_is_not_path: take a text for HTML even when a file has its name.
        caption: a line below it.

    Raises:
        InvalidInput: the file cannot be read.
    """

    kind = "html"
    suffix = "html"
    inline = -1

    def __init__(
        self,
        data: Any,
        inject: bool = True,
        data_is_not_path: bool = False,
        caption: str | None = None,
    ) -> None:
        del inject
        super().__init__(data if data_is_not_path else _read_html(data), caption)


def _read_html(data: Any) -> str:
    if hasattr(data, "read"):
        text = data.read()
        return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    looks = isinstance(data, str) and len(data) < 1024 and data.lower().endswith((".html", ".htm"))
    if isinstance(data, os.PathLike) or (looks and "<" not in data):
        path, _ = check_file(data, "Html", ("html", "htm"))
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MAX_BYTES + 1)
    if not isinstance(data, str):
        raise InvalidInput(f"Html takes a text, an open file or a path, got {type(data).__name__}")
    return data
