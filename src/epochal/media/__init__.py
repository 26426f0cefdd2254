"""What can be logged besides numbers: images, audio, video, tables, histograms, texts, ...

Every kind is a class with the arguments that W&B's has. A value takes its snapshot when it is
made: what happens to the array or figure afterwards is not seen. Constructors raise
`InvalidInput` for what they cannot show; nothing here touches a home.
"""

from __future__ import annotations

from epochal.media.audio import Audio
from epochal.media.figures import Plotly
from epochal.media.histogram import Histogram
from epochal.media.image import Image
from epochal.media.object3d import Object3D
from epochal.media.table import Table
from epochal.media.text import Html, Markdown, Text
from epochal.media.video import Video

__all__ = [
    "Audio",
    "Histogram",
    "Html",
    "Image",
    "Markdown",
    "Object3D",
    "Plotly",
    "Table",
    "Text",
    "Video",
]
