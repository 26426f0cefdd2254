"""What a full disk left in memory when a journal was closed, written to a journal of its own.

The rows of a journal name their key sets by numbers that only that journal declares. So the
rescuing journal begins with the declarations of the old one, and then holds what was left over,
in order.
"""

from __future__ import annotations

from collections.abc import Iterator

from epochal.journal.frame import FILE_HEADER_SIZE, scan_frames
from epochal.journal.journal import Journal

STRETCH = 8 * 1024 * 1024
_DECLARES = b"\x93\x00"
"""How the payload of a key set begins: an array of three whose first item is 0."""


def rescue(old: Journal, fresh: Journal) -> int:
    """Write what was left over.

    Args:
        old: closed.
        fresh: open, with its header written.

    Returns:
        The number of records that were saved from memory.
    """
    for payload in _declarations(old):
        fresh.append(payload)
    left, old.leftover = old.leftover, []
    for payload in left:
        fresh.append(payload)
    fresh.maintain()
    return len(left)


def _declarations(journal: Journal) -> Iterator[bytes]:
    position = FILE_HEADER_SIZE
    while position < journal.size:
        scan = scan_frames(journal.read(position, STRETCH))
        if scan.end == 0:  # one record longer than a stretch
            scan = scan_frames(journal.read(position, journal.size - position), 0, 1)
        if scan.end == 0:
            return
        yield from (payload for payload in scan.payloads if payload.startswith(_DECLARES))
        position += scan.end
