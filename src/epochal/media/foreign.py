"""Values of other libraries that are media as they are: log(figure) needs no wrapper."""

from __future__ import annotations

from typing import Any

from epochal.media.draft import Loggable
from epochal.media.figures import Plotly, as_figure
from epochal.media.image import Image
from epochal.media.optional import comes_from


def as_media(value: Any) -> Loggable | None:
    """The value as media, or None when it is none.

    Raises:
        InvalidInput: it is media that cannot be shown.
    """
    if hasattr(type(value), "__epochal_media__"):
        media: Loggable = value
        return media
    if comes_from(value, "plotly") and hasattr(value, "to_plotly_json"):
        return Plotly(value)
    if comes_from(value, "PIL") and hasattr(value, "getbands"):
        return Image(value)
    if as_figure(value) is not None:
        return Image(value)
    return None
