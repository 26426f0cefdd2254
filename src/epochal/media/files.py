"""Media that are files already: they are looked at when made, and copied when logged."""

from __future__ import annotations

import os
import stat
from typing import Any

from epochal.domain.sniff import HEAD
from epochal.errors import InvalidInput
from epochal.media.draft import Part


def is_path(value: Any) -> bool:
    """Whether a value names a file."""
    return isinstance(value, (str, os.PathLike))


def check_file(value: Any, what: str, suffixes: tuple[str, ...]) -> tuple[str, str]:
    """The absolute path of a file and its suffix.

    Args:
        value: path as given.
        what: how a message calls it.
        suffixes: those that can be shown.

    Raises:
        InvalidInput: there is no such regular file, or its suffix is none of these.
    """
    path = os.path.abspath(os.path.expanduser(os.fspath(value)))
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise InvalidInput(f"{what}: {path!r} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise InvalidInput(f"{what}: {path!r} is no regular file; a file was expected")
    suffix = os.path.splitext(path)[1].lower().lstrip(".")
    if suffix not in suffixes:
        raise InvalidInput(
            f"{what}: files end in one of {', '.join('.' + s for s in suffixes)}, got {path!r}"
        )
    return path, suffix


def read_head(path: str) -> bytes:
    """The first bytes of a file.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise InvalidInput(f"{path!r} cannot be read: {error.strerror}") from None


def file_part(path: str, suffix: str) -> Part:
    """The part that copies a file."""
    return Part(f"copy.{suffix}", path=path)


def read_caption(value: Any) -> dict[str, str]:
    """The meta entry of a caption, or nothing."""
    return {} if value is None else {"caption": str(value)[:65_536]}
