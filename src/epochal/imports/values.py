"""Values of tables and JSON, as numbers, times and texts. Pure."""

from __future__ import annotations

import datetime
import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from epochal.domain.names import clean_key
from epochal.domain.record import Text
from epochal.domain.values import INT64_MAX, INT64_MIN, flatten, number_from_json
from epochal.imports.found import Item, Row

_WORDS: Final = {"true": True, "false": False}
_EARLIEST: Final = 10_000_000
"""Smaller numbers are seconds since the start of something, not since 1970."""


def read_cell(text: str) -> float | int | bool | str | None:
    """A cell of a text table: a number when it reads like one; None when it is empty.

    Whole numbers are of any size; what is too great for a float stays a text.
    """
    bare = text.strip()
    if not bare:
        return None
    try:
        return int(bare)
    except ValueError:
        pass
    try:
        number = float(bare)
    except ValueError:
        return _WORDS.get(bare.lower(), text)
    is_cut = math.isinf(number) and any(sign.isdigit() for sign in bare)
    return text if is_cut else number


def read_time(value: object) -> int | None:
    """A time in microseconds since 1970 UTC; None when it is none.

    Numbers are seconds, milliseconds, microseconds or nanoseconds, by their size; texts are ISO
    8601, in UTC where they do not say.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        if not _EARLIEST <= value <= INT64_MAX:  # NaN is nowhere
            return None
        for unit, limit in ((1_000_000, 1e11), (1_000, 1e14), (1, 1e17)):
            if value < limit:
                return int(value * unit)
        return int(value // 1000)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return max(0, int(moment.timestamp() * 1_000_000))


def read_step(value: object) -> int | None:
    """A step; None when it is no whole number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        whole = INT64_MIN <= value <= INT64_MAX and float(value).is_integer()
        return int(value) if whole else None
    return None


def is_too_great(value: object) -> bool:
    """Whether it is an integer past 64 bits."""
    return isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX


@functools.lru_cache(maxsize=65_536)
def series_key(name: str) -> str:
    """The key of a name, remembered: most names come again in every row."""
    return clean_key(name)[0]


def items_of(
    step: int, wall_us: int, values: Mapping[str, Any], prefix: str = ""
) -> Iterator[Item]:
    """What was logged at a step: one row of the numbers, by key, then everything else.

    Nested mappings are joined with a dot; NaN and infinities may be texts. Integers past 64 bits
    become texts with all their digits, so that the series beside them stays whole.
    """
    numbers: dict[str, float | int | bool] = {}
    texts: list[tuple[str, Any]] = []
    for name, value in flatten(values):
        key = series_key(prefix + name)
        number = value if isinstance(value, bool) else number_from_json(value)
        if number is None:
            texts.append((key, value))
        elif is_too_great(number):
            texts.append((key, str(number)))
        else:
            numbers[key] = number
    if numbers:
        yield Row(step, wall_us, dict(sorted(numbers.items())))
    for key, value in sorted(texts, key=lambda pair: pair[0]):
        if value is not None:
            yield Text(key, step, wall_us, value)
