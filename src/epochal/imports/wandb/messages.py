"""Records of a ``.wandb`` file, read as plain values. Pure.

Field numbers: ``wandb_internal.proto`` of the client; fields that are not listed here are not
used. Items of history, summary, config and system metrics are put together as the JSON text of an
object, as the client itself sends them to a server.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from epochal.domain.values import MAX_DEPTH
from epochal.imports.tensorboard.wire import BYTES, FIXED64, VARINT, Malformed, Message

HISTORY, SUMMARY, OUTPUT, CONFIG, FILES, STATS = 2, 3, 4, 5, 6, 7
ARTIFACT, ALERT, METRIC, OUTPUT_RAW, RUN, EXIT = 8, 10, 12, 13, 17, 18
HEADER, USE_ARTIFACT, ENVIRONMENT = 21, 25, 26
KINDS: Final = frozenset(
    {
        HISTORY, SUMMARY, OUTPUT, CONFIG, FILES, STATS, ARTIFACT, ALERT, METRIC, OUTPUT_RAW, RUN,
        EXIT, HEADER, USE_ARTIFACT, ENVIRONMENT,
    }
)  # fmt: skip
_JSON, _KEY, _NESTED = 16, 1, 2
_NONE, _BOOL, _INTEGER, _NUMBER, _TEXT, _RAW = 3, 4, 5, 6, 7, 8


def kind_of(record: bytes) -> tuple[int, Message] | None:
    """What a record is, and its message; None for one that nothing is made of.

    Raises:
        Malformed: it is no message.
    """
    for number, wire, value in Message(record).fields:
        if number in KINDS and wire == BYTES and isinstance(value, bytes):
            return number, Message(value)
    return None


def micros(message: Message, number: int) -> int:
    """A timestamp of protocol buffers in microseconds since 1970 UTC; 0 when it is absent."""
    data = message.data(number)
    if data is None:
        return 0
    stamp = Message(data)
    return max(0, stamp.signed(1) * 1_000_000 + stamp.signed(2) // 1000)


def join_items(items: list[bytes]) -> str:
    """Items as the JSON text of an object; nested keys become nested objects.

    Raises:
        Malformed: one of them has no key.
    """
    tree: dict[str, Any] = {}
    for item in items:
        path, text = read_item(Message(item))
        put(tree, path, text)
    return _text(tree)


def put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    """Lay a value into a nested mapping; what is no mapping on its way gives place to one."""
    place = tree
    for name in path[:-1]:
        inner = place.get(name)
        if not isinstance(inner, dict):
            inner = place[name] = {}
        place = inner
    place[path[-1]] = value


def read_item(item: Message) -> tuple[list[str], str]:
    """The path of keys and the JSON text of a value.

    Raises:
        Malformed: it is nested deeper than anything that can be read.
    """
    path = [name.decode("utf-8", "replace") for name in item.every(_NESTED)] or [item.text(_KEY)]
    if len(path) > MAX_DEPTH:
        raise Malformed(f"a key of {len(path)} parts")
    return path, _value(item)


def _value(item: Message) -> str:
    text = item.data(_JSON)
    if text is not None:
        return text.decode("utf-8", "replace") or "null"
    for number, wire, value in item.fields:
        if number == _BOOL and wire == VARINT:
            return "true" if value else "false"
        if number == _INTEGER and wire == VARINT:
            return str(item.signed(_INTEGER))
        if number == _NUMBER and wire == FIXED64:
            return _number(item.double(_NUMBER))
        if number == _TEXT and isinstance(value, bytes):
            return json.dumps(value.decode("utf-8", "replace"))
        if number == _RAW and isinstance(value, bytes):
            return value.decode("utf-8", "replace")
    return "null"


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text(tree: dict[str, Any]) -> str:
    parts = [
        f"{json.dumps(name)}:{_text(value) if isinstance(value, dict) else value}"
        for name, value in tree.items()
    ]
    return "{" + ",".join(parts) + "}"


def metric_entry(message: Message) -> dict[str, Any]:
    """What ``define_metric`` said, by field number, as the client puts it into the config."""
    entry: dict[str, Any] = {
        str(number): message.text(number) for number in (1, 2, 4) if message.data(number)
    }
    for number in (6, 7):
        data = message.data(number)
        if data is not None:
            entry[str(number)] = [field for field, _, value in Message(data).fields if value]
    if goal := message.unsigned(8):
        entry["8"] = goal
    return entry


__all__ = [
    "Malformed",
    "Message",
    "join_items",
    "kind_of",
    "metric_entry",
    "micros",
    "read_item",
]
