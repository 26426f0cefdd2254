"""Whether a segment is whole, and what a damaged one takes away."""

from __future__ import annotations

from pathlib import Path

from epochal.errors import CorruptFile, EpochalError
from epochal.store.directory import Directory
from epochal.store.reading import Segment


def verify(path: Path) -> list[str]:
    """Check every block of a segment.

    Returns:
        One sentence for each problem, with the keys that it takes away; empty when all is sound.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        segment = Segment(path)
    except EpochalError as error:
        return [error.message]
    problems: list[str] = []
    for index in range(len(segment.directory.lengths)):
        try:
            segment.block(index)
        except CorruptFile as error:
            problems.append(f"{error.problem}; it holds {_users(segment.directory, index)}")
    return problems


def _users(directory: Directory, block: int) -> str:
    """Whose data a block holds, in words."""
    for group in directory.groups:
        axis, columns = group.axis, group.columns
        if block in (axis.step_block, axis.wall_block, axis.order_block):
            return f"steps, times or order of {', '.join(columns.keys)}"
        if block in columns.block:
            found = zip(columns.keys, columns.block, strict=True)
            return f"values of {', '.join(key for key, used in found if used == block)}"
    return "a coarse copy that charts can do without"
