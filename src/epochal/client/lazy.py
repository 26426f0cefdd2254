"""Parts that most processes never need, or not at once: loaded by name when they are first used.

This keeps `import epochal` cheap. It is the one place of the training side that imports by name.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal

Part = Literal[
    "capture.console",
    "capture.environment",
    "capture.git",
    "capture.redact",
    "capture.system",
    "artifact",
    "files",
    "inline",
    "media",
    "objects",
    "reach",
    "releases",
    "rescue",
    "resume",
    "sender",
    "unpacking",
    "uploader",
    "watch",
]


def load(part: Part) -> Any:
    """The module ``epochal.client.<part>``."""
    return importlib.import_module(f"epochal.client.{part}")


def nearest(word: str, known: list[str]) -> str | None:
    """The known word that looks most like a mistyped one, or None."""
    matches = importlib.import_module("difflib").get_close_matches(word, known, 1)
    return matches[0] if matches else None
