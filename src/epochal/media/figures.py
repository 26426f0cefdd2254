"""Figures of Matplotlib and Plotly that the user's program made; neither is loaded from here."""

from __future__ import annotations

import io
import json
from typing import Any

from epochal.errors import InvalidInput
from epochal.media.draft import Draft, Part
from epochal.media.files import read_caption
from epochal.media.optional import comes_from, loaded

INLINE = 32 * 1024


def as_figure(value: Any) -> Any:
    """The Matplotlib figure of a figure, axes, artist or of ``matplotlib.pyplot``; else None.

    Raises:
        InvalidInput: ``pyplot`` has no figure.
    """
    if value is loaded("matplotlib.pyplot") and value is not None:
        if not value.get_fignums():
            raise InvalidInput("pyplot has no figure to show; draw before logging it")
        return value.gcf()
    if not comes_from(value, "matplotlib"):
        return None
    for _ in range(3):
        if hasattr(value, "savefig"):
            return value
        value = value.get_figure() if hasattr(value, "get_figure") else None
    return None


def draw(figure: Any) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


class Plotly:
    """A Plotly figure to log.

    Args:
        val: a ``plotly.graph_objects.Figure``, its dict, or its JSON text.
        caption: a line below it.

    Raises:
        InvalidInput: it has no data and layout.
    """

    def __init__(self, val: Any, caption: str | None = None) -> None:
        spec = _read_spec(val)
        text = json.dumps(spec, separators=(",", ":"), allow_nan=False).encode()
        title = spec.get("layout", {}).get("title")
        heading = title.get("text") if isinstance(title, dict) else title
        meta: dict[str, Any] = {"type": "plotly", **read_caption(caption)}
        if heading:
            meta["title"] = str(heading)[:1024]
        if len(text) <= INLINE:
            self._draft = Draft("plot", {**meta, "spec": spec})
        else:
            self._draft = Draft("plot", meta, {"data": Part("copy.json", (text,))})

    def __epochal_media__(self) -> list[Draft]:
        """See `epochal.media.draft`."""
        return [self._draft]

    @staticmethod
    def make_plot_media(val: Any) -> Plotly:
        """W&B's name for the constructor."""
        return Plotly(val)


def _read_spec(value: Any) -> dict[str, Any]:
    text = value if isinstance(value, str) else None
    if hasattr(value, "to_json"):
        text = value.to_json()  # plotly's own way to plain JSON, NaN as null
    try:
        spec = json.loads(text) if text is not None else json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"Plotly takes a figure, its dict or its JSON: {error}") from None
    if not isinstance(spec, dict) or not isinstance(spec.get("data"), list):
        raise InvalidInput(
            f"a Plotly figure has a list 'data' and a dict 'layout', got {type(value).__name__}"
        )
    return spec
