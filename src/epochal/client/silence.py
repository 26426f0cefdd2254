"""Servers that this process waited for in vain, so that it does not wait again and again.

A run ends with a patient wait for its server. Where that was in vain, the runs that end after it
wait for a moment only, until the server answers one of them: a pipeline of a thousand steps shall
not wait a thousand times.
"""

from __future__ import annotations

from typing import Final

PATIENCE_S: Final = 5.0
AGAIN_S: Final = 0.2

_silent: set[str] = set()


def is_known(url: str) -> bool:
    """Whether a wait for this server was in vain, and it has not answered since."""
    return url in _silent


def patience(url: str) -> float:
    """Seconds without an answer after which the end of a run waits no longer."""
    return AGAIN_S if url in _silent else PATIENCE_S


def gave_up(url: str) -> None:
    """A wait was in vain."""
    _silent.add(url)


def answered(url: str) -> None:
    """The server took something."""
    _silent.discard(url)
