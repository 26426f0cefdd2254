"""The first key of a team's server, which it tells after it has begun to answer."""

from __future__ import annotations

import re
import time
from pathlib import Path


def first_key(log: Path, seconds: float = 60.0) -> str:
    """The key in what a server prints, once it is there.

    Raises:
        AssertionError: the server told none; its log is quoted.
    """
    end = time.monotonic() + seconds
    while True:
        text = log.read_text()
        if told := re.search(r"\bep_\S+(?=\s)", text):
            return told[0]
        assert time.monotonic() < end, f"the server told no key:\n{text}"
        time.sleep(0.02)
