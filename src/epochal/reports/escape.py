"""Text of users inside of HTML."""

from __future__ import annotations

import html


def escaped(value: object) -> str:
    """Text that HTML shows as it is; what no file can hold is replaced."""
    plain = str(value).encode("utf-8", "replace").decode()
    return html.escape(plain).replace("\0", "\ufffd")
