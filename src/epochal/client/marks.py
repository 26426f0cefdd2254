"""The two small files that stand beside a journal that goes to a server.

``<writer>.ack`` says what a server holds durably, so that the next process goes on there; losing
it costs one question to the server. ``<writer>.unsent`` tells a store on the same home to keep the
journal; it goes when a server holds all of it.
"""

from __future__ import annotations

import contextlib
import os

import msgspec

from epochal.journal.whole import write_whole

ACK_SUFFIX = ".ack"
UNSENT_SUFFIX = ".unsent"


class Ack(msgspec.Struct, frozen=True):
    """What a server holds durably."""

    url: str
    offset: int


def _beside(journal: str, suffix: str) -> str:
    return os.path.splitext(journal)[0] + suffix


def read_ack(journal: str | None, url: str) -> int:
    """The offset that this server has acknowledged, as remembered; 0 when nothing is."""
    if journal is None:
        return 0
    try:
        with open(_beside(journal, ACK_SUFFIX), "rb") as file:
            ack = msgspec.json.decode(file.read(), type=Ack)
    except (OSError, msgspec.MsgspecError):
        return 0
    return ack.offset if ack.url == url else 0


def write_ack(journal: str | None, url: str, offset: int) -> None:
    """Remember an acknowledged offset; a disk that refuses is passed over."""
    if journal is None:
        return
    with contextlib.suppress(OSError):
        target = _beside(journal, ACK_SUFFIX)
        write_whole(target, msgspec.json.encode(Ack(url, offset)), sync=False)


def mark_unsent(journal: str | None) -> None:
    """Leave the mark that keeps a journal."""
    if journal is not None:
        with contextlib.suppress(OSError):
            path = _beside(journal, UNSENT_SUFFIX)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def mark_sent(journal: str | None) -> None:
    """Take the mark away."""
    if journal is not None:
        with contextlib.suppress(OSError):
            os.unlink(_beside(journal, UNSENT_SUFFIX))


def is_unsent(journal: str) -> bool:
    """Whether the mark is there."""
    return os.path.exists(_beside(journal, UNSENT_SUFFIX))
