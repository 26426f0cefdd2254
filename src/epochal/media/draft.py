"""How a value offers itself to ``log()``: as drafts of media items.

A value that can be logged has a method ``__epochal_media__`` that returns a list of `Draft`, one
per item. Its bytes are ready then: later changes of what it was made from are never seen. Nothing
else is asked of it; it needs no base class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec

Chunks: TypeAlias = Sequence[bytes | bytearray | memoryview]


class Part(msgspec.Struct, frozen=True):
    """Bytes on their way into a blob.

    Attributes:
        encoding: how a spool file becomes a blob: a name of `epochal.domain.encode.ENCODINGS`,
            with its parameter behind a dot, such as ``copy.json``, ``image.png`` or
            ``audio.16000``.
        chunks: the bytes of the spool file, in order.
        path: instead of ``chunks``, the file to copy when the value is logged.
    """

    encoding: str
    chunks: Chunks = ()
    path: str | None = None


class Draft(msgspec.Struct, frozen=True):
    """One item before it is stored.

    Attributes:
        kind: see the table in docs/internals/objects.md.
        meta: plain data that msgpack can carry.
        parts: bytes by role, ``data`` first of all.
    """

    kind: str
    meta: dict[str, Any] = {}
    parts: dict[str, Part] = {}


@runtime_checkable
class Loggable(Protocol):
    """A value that is media."""

    def __epochal_media__(self) -> list[Draft]:
        """The items; raises `InvalidInput` when there is nothing to show."""
