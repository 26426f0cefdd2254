"""What a program said last when an exception ended it, read from the lines that it printed.

Plain tracebacks are understood, and those that rich draws in a box; the last of a chain counts,
since it is what ended the program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

LONGEST: Final = 300
_BEGINS: Final = "Traceback (most recent call last)"
_ERROR: Final = re.compile(r"[A-Za-z_][\w.]*(:.*)?")


def exception_line(lines: Sequence[str]) -> str | None:
    """The line that names the exception, as ``RuntimeError: out of memory``.

    Args:
        lines: what was printed, oldest first, without colors.

    Returns:
        At most `LONGEST` characters, None where there is no traceback or its end is missing.
    """
    begins = [at for at, line in enumerate(lines) if _BEGINS in line]
    if not begins:
        return None
    for line in lines[begins[-1] + 1 :]:
        text = line.rstrip()
        if shown := shown_error(text):
            return shown
    return None


def shown_error(text: str) -> str | None:
    """A line that names an exception, at most `LONGEST` characters of it; None for any other."""
    if text[:1].isspace() or not _ERROR.fullmatch(text):
        return None
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
