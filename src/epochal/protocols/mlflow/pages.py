"""Page tokens: opaque to clients, an offset to us."""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from epochal.protocols.mlflow.errors import invalid

_MOST: Final = 2**31


def write_token(offset: int) -> str:
    """The token of the page that begins at an offset."""
    return base64.b64encode(msgspec.json.encode({"offset": offset})).decode()


def read_token(token: str) -> int:
    """The offset that a token stands for; 0 for none.

    Raises:
        InvalidInput: it was not made here.
    """
    if not token:
        return 0
    try:
        found = msgspec.json.decode(base64.b64decode(token, validate=True), type=dict[str, int])
        offset = found["offset"]
    except (binascii.Error, ValueError, msgspec.MsgspecError, KeyError):
        raise invalid(f"Invalid page token: {token[:80]!r}") from None
    if not 0 <= offset < _MOST:
        raise invalid(f"Invalid page token: {token[:80]!r}")
    return offset


def check_limit(value: int, most: int) -> int:
    """How many results are wanted.

    Raises:
        InvalidInput: out of bounds.
    """
    if value <= 0:
        raise invalid(
            f"Invalid value {value} for parameter 'max_results' supplied. It must be a positive "
            f"integer"
        )
    if value > most:
        raise invalid(
            f"Invalid value {value} for parameter 'max_results' supplied. It must be at most "
            f"{most}"
        )
    return value
