"""History lines of one shape, read as columns at a fraction of what single rows cost. Pure.

Most requests hold many lines with the same keys and numbers only. `pieces` makes one `Block` of
such neighbors; everything else comes as rows of `rows`, which stand for the same points. Keys are
sorted: wandb's client writes those of each line in another order.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from epochal.domain.names import clean_key
from epochal.domain.values import INT64_MAX
from epochal.protocols.wandb.rows import OWN, Row, read_fields, read_object, time_us

LEAST: Final = 8
"""Shorter stretches are not worth the trouble."""
EXACT: Final = 2**53
"""Integers up to it are floats without loss."""
Fields: TypeAlias = dict[str, Any]
_decode = msgspec.json.Decoder().decode


class Block(NamedTuple):
    """Neighboring lines as columns; ``values`` are float64 or int64, one array for each key."""

    keys: tuple[str, ...]
    step: NDArray[np.int64]
    wall_us: NDArray[np.int64]
    values: list[NDArray[Any]]

    def rows(self) -> Iterator[Row]:
        """The lines one by one."""
        columns = [column.tolist() for column in self.values]
        for step, wall_us, *numbers in zip(
            self.step.tolist(), self.wall_us.tolist(), *columns, strict=True
        ):
            yield Row(step, wall_us, dict(zip(self.keys, numbers, strict=True)), {}, {})

    def last(self) -> dict[str, float]:
        """The numbers of the last line."""
        return {key: column[-1].item() for key, column in zip(self.keys, self.values, strict=True)}


def pieces(lines: Sequence[str], first: int, now_us: int) -> Iterator[Row | Block]:
    """The lines in their order.

    Args:
        lines: of the history.
        first: number of the first one.
        now_us: for lines that tell no time.

    Raises:
        InvalidInput: one is no JSON object.
    """
    number = first
    for alike in _alike(map(_object, lines)):
        block = _block(alike, now_us) if len(alike) >= LEAST else None
        if block is not None:
            yield block
        else:
            for place, fields in enumerate(alike, number):
                yield read_fields(fields, place, now_us)
        number += len(alike)


def _alike(objects: Iterable[Fields]) -> Iterator[list[Fields]]:
    """Neighbors with the same keys."""
    group: list[Fields] = []
    for fields in objects:
        if group and fields.keys() != group[0].keys():
            yield group
            group = []
        group.append(fields)
    if group:
        yield group


def _object(line: str) -> Fields:
    try:
        found = _decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        found = None  # bare NaN, or broken
    return found if type(found) is dict else read_object(line, "the history")


def _block(group: list[Fields], now_us: int) -> Block | None:
    """A block of objects with the same keys; None when a value is of a rare kind or no number."""
    names = tuple(sorted(group[0]))
    keys = _keys(names)
    rows = map(itemgetter(*names), group) if len(names) > 1 else ()
    columns = dict(zip(names, zip(*rows, strict=True), strict=False))
    steps = columns.get("_step")
    if keys is None or steps is None or set(map(type, steps)) != {int}:
        return None
    if min(steps) < 0 or max(steps) > INT64_MAX:
        return None
    values = []
    for name in names:
        if name not in OWN:
            column = _column(columns[name])
            if column is None:
                return None
            values.append(column)
    wall_us = [time_us({"_timestamp": moment}, now_us) for moment in columns.get("_timestamp", ())]
    return Block(
        keys,
        np.array(steps, np.int64),
        np.array(wall_us or [now_us] * len(group), np.int64),
        values,
    )


def _column(values: tuple[Any, ...]) -> NDArray[Any] | None:
    kinds = set(map(type, values))
    if kinds == {float}:
        return np.array(values, np.float64)
    if kinds == {int}:
        try:
            return np.array(values, np.int64)
        except OverflowError:
            return None
    # wandb writes a float that is whole without its point: such a column holds floats.
    is_exact = kinds == {int, float} and all(
        -EXACT <= value <= EXACT for value in values if type(value) is int
    )
    return np.array(values, np.float64) if is_exact else None


@functools.lru_cache(maxsize=1024)
def _keys(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The keys of numbers as they are stored; None when there is none, or two become one."""
    keys = tuple(clean_key(name)[0] for name in names if name not in OWN)
    return keys if keys and len(set(keys)) == len(keys) else None
