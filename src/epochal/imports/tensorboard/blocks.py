"""From what was read to journal frames, in an order that can be told again.

The same stretch of the same files gives the same records in the same order, so that what a killed
process had written already can be counted and left out. Numbers of one key stand together: the
store reads long runs of one form as one array.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from epochal.domain.checksum import crc32_rows
from epochal.domain.record import Cut, Fact
from epochal.imports.tensorboard.dense import Scalars
from epochal.imports.tensorboard.naming import key_of
from epochal.imports.tensorboard.output import Output, Row
from epochal.journal.frame import FRAME_HEADER_SIZE, MAX_PAYLOAD, pack_frame

_encode = msgspec.msgpack.Encoder().encode
_ARRAY4: Final = 0x94
_ROWS: Final = 16_384


class Block(NamedTuple):
    """Numbers of one key in their order."""

    key: str
    step: NDArray[np.int64]
    wall_us: NDArray[np.int64]
    value: NDArray[np.float64]


Item: TypeAlias = Block | Row | Fact
"""What becomes one journal record, or as many as a block has numbers."""


def arrange(output: Output, suffix: str = "") -> Iterator[Item]:
    """Everything of a stretch: between two cuts first the numbers, then the facts.

    Args:
        output: what was read.
        suffix: added to the keys of columns.
    """
    dense, odd = _by_key(output, suffix)
    start = -1
    cuts = [order for order, fact in output.facts if isinstance(fact, Cut)]
    facts = iter([*output.facts, None])
    rows = iter([*odd, None])
    fact, row = next(facts), next(rows)
    for end in [*cuts, np.iinfo(np.int64).max]:
        yield from _blocks(dense, start, end)
        while row is not None and row.order < end:
            yield row
            row = next(rows)
        while fact is not None and fact[0] <= end:
            yield fact[1]
            fact = next(facts)
        start = end


def _by_key(output: Output, suffix: str) -> tuple[Scalars, list[Row]]:
    """The columns by key instead of tag, all other floats added; and the rows that are left.

    Different tags may give one key.
    """
    dense = output.dense
    numbers: dict[str, int] = {}
    mapped = [numbers.setdefault(key_of(tag, suffix), len(numbers)) for tag in dense.tags]
    floats = [row for row in output.rows if isinstance(row.value, float)]
    more = [numbers.setdefault(row.key, len(numbers)) for row in floats]
    integer = np.int64
    tags = np.array(mapped, integer)[dense.tag] if mapped else dense.tag
    joined = Scalars(
        order=np.concatenate([dense.order, np.array([row.order for row in floats], integer)]),
        tag=np.concatenate([tags, np.array(more, integer)]),
        step=np.concatenate([dense.step, np.array([row.step for row in floats], integer)]),
        wall_us=np.concatenate(
            [dense.wall_us, np.array([row.wall_us for row in floats], integer)]
        ),
        value=np.concatenate([dense.value, np.array([row.value for row in floats], np.float64)]),
        tags=list(numbers),
    )
    return joined, [row for row in output.rows if not isinstance(row.value, float)]


def _blocks(dense: Scalars, start: int, end: int) -> Iterator[Block]:
    chosen = np.flatnonzero((dense.order > start) & (dense.order < end))
    if not len(chosen):
        return
    tags = dense.tag[chosen]
    chosen = chosen[np.lexsort((dense.order[chosen], tags))]
    tags, step = dense.tag[chosen], dense.step[chosen]
    wall_us, value = dense.wall_us[chosen], dense.value[chosen]
    bounds = [0, *(np.flatnonzero(np.diff(tags)) + 1).tolist(), len(tags)]
    for first, last in itertools.pairwise(bounds):
        key, part = dense.tags[int(tags[first])], slice(first, last)
        yield Block(key, step[part], wall_us[part], value[part])


def skip_records(items: Sequence[Item], count: int) -> list[Item]:
    """The items without the first records."""
    left: list[Item] = []
    for item in items:
        size = len(item.step) if isinstance(item, Block) else 1
        if count >= size:
            count -= size
        elif isinstance(item, Block) and count:
            columns = (item.step[count:], item.wall_us[count:], item.value[count:])
            left.append(Block(item.key, *columns))
            count = 0
        else:
            left.append(item)
    return left


def encode_items(items: Sequence[Item], declare: Callable[[str], int]) -> Iterator[bytes]:
    """Frames, about half a megabyte at a time.

    Args:
        items: what to write.
        declare: gives a key's number in the journal, and writes its declaration before it returns.
    """
    for item in items:  # rows that nothing stands between are read as one array
        if isinstance(item, Block):
            declare(item.key)
    waiting: list[tuple[int, Block]] = []
    count = 0
    for item in items:
        if isinstance(item, Block):
            waiting.append((declare(item.key), item))
            count += len(item.step)
            if count < _ROWS:
                continue
        if waiting:
            yield from _encode_blocks(waiting)
            waiting, count = [], 0
        if isinstance(item, Row):
            number = declare(item.key)
            yield pack_frame(_encode([number, item.step, item.wall_us, [item.value]]))
        elif not isinstance(item, Block):
            payload = _encode(item)
            if len(payload) <= MAX_PAYLOAD:
                yield pack_frame(payload)
    if waiting:
        yield from _encode_blocks(waiting)


def _encode_blocks(blocks: Sequence[tuple[int, Block]]) -> Iterator[bytes]:
    """Frames of the rows of some blocks, each with its key's number."""
    sizes = [len(block.step) for _, block in blocks]
    numbers = np.repeat(np.array([number for number, _ in blocks], np.int64), sizes)
    step = np.concatenate([block.step for _, block in blocks])
    wall_us = np.concatenate([block.wall_us for _, block in blocks])
    value = np.concatenate([block.value for _, block in blocks])
    for start in range(0, len(step), _ROWS):
        part = slice(start, start + _ROWS)
        yield encode_rows(numbers[part], step[part], wall_us[part], value[part])


def encode_rows(
    numbers: NDArray[np.int64],
    step: NDArray[np.int64],
    wall_us: NDArray[np.int64],
    value: NDArray[np.float64],
) -> bytes:
    """Frames of rows ``[number, step, wall_us, [value]]``, all of one form."""
    low, high = int(step.min()), int(step.max())
    mark, layout = (0xD3, ">i8") if low < 0 else (0xCE, ">u4") if high < 2**32 else (0xCF, ">u8")
    most = int(numbers.max())
    counted = (_digits(numbers, ">u1"),) if most < 0x80 else (0xCE, _digits(numbers, ">u4"))
    data = (_ARRAY4, *counted, mark, _digits(step, layout), 0xCF, _digits(wall_us, ">u8"),
            0x91, 0xCB, _digits(value, ">f8"))  # fmt: skip
    length = sum(1 if isinstance(part, int) else part.shape[-1] for part in data)
    stride = FRAME_HEADER_SIZE + length + (-length & 7)
    frames = np.zeros((len(step), stride), np.uint8)
    at = FRAME_HEADER_SIZE
    for part in data:
        size = 1 if isinstance(part, int) else part.shape[-1]
        frames[:, at : at + size] = part
        at += size
    frames[:, 0:4] = np.frombuffer(length.to_bytes(4, "little"), np.uint8)
    sums = crc32_rows(frames[:, FRAME_HEADER_SIZE : FRAME_HEADER_SIZE + length]).astype("<u4")
    frames[:, 4:8] = sums.view(np.uint8).reshape(-1, 4)
    return frames.tobytes()


def _digits(numbers: NDArray[np.generic], layout: str) -> NDArray[np.uint8]:
    found = numbers.astype(layout)
    return found.view(np.uint8).reshape(len(found), -1)
