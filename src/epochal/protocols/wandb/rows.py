"""Lines of a file_stream, read: history, system metrics, console. Pure.

A history line is a JSON object. Nested objects become keys joined with a dot, numbers and truth
values points, objects with a ``_type`` that we know media, everything else a value that is no
number. NaN and infinities may stand bare.
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from epochal.domain.names import SYSTEM_PREFIX, clean_key
from epochal.domain.values import INT64_MAX, INT64_MIN, MAX_DEPTH
from epochal.errors import InvalidInput
from epochal.protocols.wandb.arguments import read_json
from epochal.protocols.wandb.media import is_known

OWN: Final = frozenset({"_step", "_timestamp", "_runtime", "_wandb"})
"""Names in a line that are not the user's."""
_SYSTEM: Final = "system."
_STAMP: Final = re.compile(
    r"(?P<error>ERROR )?(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)Z? ?(?P<text>.*)",
    re.DOTALL,
)


class Row(NamedTuple):
    """One history line."""

    step: int
    wall_us: int
    numbers: dict[str, float]
    texts: dict[str, Any]
    media: dict[str, dict[str, Any]]


class Shown(NamedTuple):
    """One console line; ``stream`` is 1 for stderr."""

    stream: int
    wall_us: int
    text: str


def read_object(line: object, what: str) -> dict[str, Any]:
    """The JSON object in a line.

    Raises:
        InvalidInput: there is none.
    """
    if not isinstance(line, str):
        raise InvalidInput(f"a line of {what} must be a string, got {line!r:.80}")
    found = read_json(line, f"a line of {what}")
    if not isinstance(found, dict):
        raise InvalidInput(f"a line of {what} must be a JSON object, got {line[:80]!r}")
    return found


def read_row(line: object, number: int, now_us: int) -> Row:
    """A line of the history; one without ``_step`` has its number as step.

    Raises:
        InvalidInput: it is no JSON object.
    """
    return read_fields(read_object(line, "the history"), number, now_us)


def read_fields(fields: Mapping[str, Any], number: int, now_us: int) -> Row:
    """The object of a line of the history, see `read_row`."""
    row = Row(_whole(fields.get("_step"), number), time_us(fields, now_us), {}, {}, {})
    _take(row, "", fields, 0)
    return row


def _take(row: Row, prefix: str, fields: Mapping[str, Any], depth: int) -> None:
    for name, value in fields.items():
        if not prefix and name in OWN:
            continue
        key = prefix + name
        if value.__class__ is float:
            row.numbers[_key(key)] = value
        elif isinstance(value, (int, float)):
            row.numbers[_key(key)] = plain_number(value)
        elif isinstance(value, dict) and value:
            if isinstance(value.get("_type"), str):
                (row.media if is_known(value) else row.texts)[_key(key)] = value
            elif depth < MAX_DEPTH:
                _take(row, f"{key}.", value, depth + 1)
            else:
                row.texts[_key(key)] = value
        elif value is not None:
            row.texts[_key(key)] = value


@functools.lru_cache(maxsize=8192)
def _key(key: str) -> str:
    """A key as it is stored; the same ones come with every row."""
    return clean_key(key)[0]


def plain_number(value: float) -> float:
    """A number that a journal can hold."""
    if type(value) is int and not INT64_MIN <= value <= INT64_MAX:
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return value


def read_event(line: object, now_us: int) -> tuple[int, dict[str, float]]:
    """Time and values of a line of system metrics, under our names.

    Raises:
        InvalidInput: it is no JSON object.
    """
    fields = read_object(line, "the system metrics")
    values = {
        _key(SYSTEM_PREFIX + name.removeprefix(_SYSTEM)): plain_number(value)
        for name, value in fields.items()
        if name not in OWN and isinstance(value, (int, float))
    }
    return time_us(fields, now_us), values


def time_us(fields: Mapping[str, Any], now_us: int) -> int:
    """``_timestamp``, seconds since 1970 UTC, in microseconds."""
    value = fields.get("_timestamp")
    if isinstance(value, (int, float)) and 0 < value < 2**40:
        return int(value * 1_000_000)
    return now_us


def begun_us(line: object) -> int | None:
    """When the process that wrote a line began, microseconds since 1970 UTC; None if unknown."""
    fields = read_object(line, "a stream")
    moment, runtime = fields.get("_timestamp"), fields.get("_runtime")
    if isinstance(moment, (int, float)) and isinstance(runtime, (int, float)):
        began = moment - runtime
        return int(began * 1_000_000) if 0 < began <= moment < 2**40 else None
    return None


def _whole(value: object, default: int) -> int:
    if isinstance(value, (int, float)) and INT64_MIN <= value <= INT64_MAX:
        return int(value)
    return default


def read_console(line: object, now_us: int) -> Shown:
    """A console line, structured or plain."""
    text = line if isinstance(line, str) else str(line)
    if text.startswith("{"):
        try:
            fields = read_json(text, "a console line")
        except InvalidInput:
            fields = None
        if isinstance(fields, dict) and isinstance(fields.get("content"), str):
            label = fields.get("label")
            shown = fields["content"].rstrip("\n")
            return Shown(
                int(fields.get("level") == "error"),
                _stamp(fields.get("ts"), now_us),
                f"[{label}] {shown}" if label else shown,
            )
    match = _STAMP.fullmatch(text)
    if match is None:
        return Shown(0, now_us, text.rstrip("\n"))
    stream = 1 if match["error"] else 0
    return Shown(stream, _stamp(match["time"], now_us), match["text"].rstrip("\n"))


def _stamp(value: object, now_us: int) -> int:
    try:
        moment = datetime.datetime.fromisoformat(str(value))
    except ValueError:
        return now_us
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return max(0, int(moment.timestamp() * 1_000_000))


def groups(lines: list[tuple[int, Shown]]) -> Iterator[tuple[int, list[Shown]]]:
    """Neighbors of one stream and second, each group with the place of its first line."""
    start = 0
    for index in range(1, len(lines) + 1):
        if index < len(lines):
            (place, line), (first, before) = lines[index], lines[start]
            if (
                place == first + index - start
                and line.stream == before.stream
                and abs(line.wall_us - before.wall_us) < 1_000_000
            ):
                continue
        yield lines[start][0], [line for _, line in lines[start:index]]
        start = index
