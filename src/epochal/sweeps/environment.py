"""Variables of this process' environment for a while: each is as it was before, afterwards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def variables(wanted: Mapping[str, str | None]) -> Iterator[None]:
    """Variables of the environment within a ``with`` block; None takes one away."""
    before = {name: os.environ.get(name) for name in wanted}
    _set(wanted)
    try:
        yield
    finally:
        _set(before)


def _set(wanted: Mapping[str, str | None]) -> None:
    for name, text in wanted.items():
        if text is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = text
