"""The media of a run on its page: those of the last step of each key, inline.

Images, sounds and videos are data URLs as long as all of them together fit; HTML that a run logged
is never put into the page, only named.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from typing import Final

from epochal.api import MediaItem, RunView
from epochal.domain.encode import TYPES
from epochal.errors import EpochalError
from epochal.exports.charts import bars
from epochal.reports.media import table_of

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_KEYS: Final = 300
MAX_ITEMS: Final = 64
_SMALL: Final = 160
_IMAGES: Final = frozenset({"png", "apng", "jpg", "jpeg", "gif", "webp"})
_SOUNDS: Final = frozenset({"wav", "mp3", "ogg", "flac", "m4a"})
_VIDEOS: Final = frozenset({"mp4", "webm"})


class Gallery:
    """The media of a run.

    Args:
        run: the run.
    """

    def __init__(self, run: RunView) -> None:
        self._run = run
        self._room = MAX_BYTES
        self._left = 0

    def sections(self) -> Iterator[str]:
        """A section with a panel per key; nothing without media."""
        keys = sorted(self._run.media_keys(), key=lambda known: known.order)
        if not keys:
            return
        yield '<h2>Media</h2><div class="charts">'
        for known in keys[:MAX_KEYS]:
            items = self._run.media(known.key, at=known.last_step)[:MAX_ITEMS]
            body = "".join(self._item(item) for item in items)
            title = f"{html.escape(known.key)} <span class=soft>step {known.last_step:,}</span>"
            yield f'<div class="panel"><h3>{title}</h3>{body}</div>'
        yield "</div>"
        left = self._left + max(0, len(keys) - MAX_KEYS)
        if left:
            yield f'<p class="soft">{left:,} media are not in this page.</p>'

    def _item(self, item: MediaItem) -> str:
        try:
            body = self._body(item)
        except (EpochalError, KeyError, TypeError, ValueError, IndexError):
            body = ""  # on its way, or not in its usual form
        if not body:
            self._left += 1
            body = f'<p class="soft">{html.escape(item.kind)}, not shown here</p>'
        caption = f"<figcaption>{html.escape(item.caption)}</figcaption>" if item.caption else ""
        return f"<figure>{body}{caption}</figure>"

    def _body(self, item: MediaItem) -> str:
        if item.kind == "histogram":
            edges, counts = item.meta["edges"], item.meta["counts"]
            return bars(item.key, [float(e) for e in edges], [float(n) for n in counts])
        if item.kind in ("text", "markdown"):
            text = item.meta["text"] if "text" in item.meta else item.data().decode("utf-8")
            return f"<pre>{html.escape(str(text)[:100_000])}</pre>"
        if item.kind == "table":
            return table_of(item.meta)
        if item.kind in ("image", "audio", "video"):
            return self._inline(item)
        return ""

    def _inline(self, item: MediaItem) -> str:
        """An element with the bytes in it; empty when they do not fit."""
        suffix = item.suffix
        if suffix not in _IMAGES | _SOUNDS | _VIDEOS or not item.present:
            return ""
        body = item.data()
        if len(body) > self._room:
            return ""
        self._room -= len(body)
        address = f"data:{TYPES[suffix]};base64,{base64.b64encode(body).decode()}"
        if suffix in _SOUNDS:
            return f'<audio controls src="{address}"></audio>'
        if suffix in _VIDEOS:
            return f'<video controls src="{address}"></video>'
        width = item.meta.get("width")
        small = ' class="small"' if isinstance(width, int) and width < _SMALL else ""
        return f'<img{small} alt="{html.escape(item.caption or item.key)}" src="{address}">'
