"""What paths under MLflow's artifact routes mean: files of runs, of logged models, of versions.

A path is decoded once and never again: what looks encoded after that is a name.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from epochal.protocols.mlflow.errors import invalid

RUN: Final = "run"
MODEL: Final = "model"
CONTENT: Final = "content"
_MODEL_ID: Final = re.compile(r"m-[0-9a-f]{32}")
_CONTENT: Final = "contents"


class Place(NamedTuple):
    """A run, a logged model or an artifact version, and a path in it; no kind is nowhere."""

    kind: str
    id: str
    path: str


def place_of(text: str) -> Place:
    """What a path means.

    Args:
        text: ``EXPERIMENT/RUN/artifacts/PATH``, ``EXPERIMENT/models/ID/artifacts/PATH`` or
            ``contents/DIGEST/PATH``; anything else is nowhere.

    Raises:
        InvalidInput: it could leave its root.
    """
    check_inside(text)
    parts = text.split("/")
    if parts[0] == _CONTENT and len(parts) >= 2:
        return Place(CONTENT, parts[1], "/".join(parts[2:]).rstrip("/"))
    if len(parts) >= 3 and parts[0].isdigit() and parts[2] == "artifacts":
        return Place(RUN, parts[1], "/".join(parts[3:]).rstrip("/"))
    if (
        len(parts) >= 4
        and parts[0].isdigit()
        and (parts[1], parts[3]) == ("models", "artifacts")
        and _MODEL_ID.fullmatch(parts[2])
    ):
        return Place(MODEL, parts[2], "/".join(parts[4:]).rstrip("/"))
    return Place("", "", text)


def check_inside(text: str) -> None:
    """Refuse a path that could leave its root.

    Raises:
        InvalidInput: it could.
    """
    is_odd = "\\" in text or "\0" in text or "://" in text or text.startswith("/")
    if is_odd or ".." in text.split("/"):
        raise invalid("Invalid path")


def is_clients(name: str) -> bool:
    """Whether MLflow's client takes a path in a list; one that it does not fails it whole.

    It decodes names over and over, and refuses those that then leave their root or have a ``#``.
    """
    before = ""
    while name != before:
        before, name = name, unquote(name) if "%" in name else name
    return not ("#" in name or name.startswith(("/", "file:")) or ".." in name.split("/"))


def content_uri(digest: str) -> str:
    """Where clients fetch the files of an artifact version."""
    return f"mlflow-artifacts:/{_CONTENT}/{digest}"
