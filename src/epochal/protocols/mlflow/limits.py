"""MLflow's limits on keys and values, with the words that its clients and tests look for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from epochal.errors import InvalidInput
from epochal.protocols.mlflow.arguments import as_float, as_integer, bad, missing
from epochal.protocols.mlflow.errors import invalid
from epochal.service.recorded import Point

MAX_KEY: Final = 250
MAX_PARAM: Final = 6_000
MAX_TAG: Final = 8_000
MAX_EXPERIMENT_NAME: Final = 500
MAX_EXPERIMENT_TAG: Final = 20_000
MAX_METRICS: Final = 1_000
MAX_PARAMS: Final = 100
MAX_TAGS: Final = 100
MAX_ITEMS: Final = 1_000
MAX_RUNS: Final = 50_000
MAX_BULK_RUNS: Final = 100
MAX_BULK_POINTS: Final = 2_500

_FIELDS: Final = ("key", "value", "step", "timestamp")
_INT64: Final = 2**63
_LATEST: Final = 2**53
"""Milliseconds that JSON carries exactly."""
_KEY: Final = re.compile(r"[/\w.\- :]*")
_RULE: Final = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), "
    "spaces ( ), colon(:) and slashes (/)."
)


def check_key(key: str, where: str = "key", called: str = "key") -> str:
    """A key of a metric, param or tag.

    Args:
        key: to check.
        where: the name of its parameter.
        called: what it is when it is too long.

    Raises:
        InvalidInput: it cannot be one.
    """
    if not _KEY.fullmatch(key):
        raise bad(where, key, _RULE)
    if posixpath.normpath(key) != key or key == "." or key.startswith(("/", "..")):
        raise bad(
            where,
            key,
            "Names may be treated as files in certain cases, and must not resolve to other names "
            f"when treated as such. This name would resolve to {posixpath.normpath(key)!r}",
        )
    return check_length(key, called, MAX_KEY)


def check_any_key(key: str) -> str:
    """A key of a tag or param that is given when its run or model is made: of any characters.

    Raises:
        InvalidInput: it is empty or too long, or it would be one of ours.
    """
    if not key or key.startswith("$"):
        raise bad("key", key, "A key is not empty and does not begin with '$'.")
    return check_length(key, "key", MAX_KEY)


def check_length(text: str, name: str, most: int) -> str:
    """A text that is not too long.

    Raises:
        InvalidInput: it is.
    """
    if len(text) > most:
        raise invalid(f"'{name}' exceeds the maximum length of {most} characters")
    return text


def check_params(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Params of one request; long values are cut.

    Raises:
        InvalidInput: a key cannot be one, or comes twice.
    """
    found = [(check_key(key, called="Param key"), value[:MAX_PARAM]) for key, value in pairs]
    keys = [key for key, _ in found]
    twice = sorted({key for key in keys if keys.count(key) > 1}) if len(keys) > 1 else []
    if twice:
        raise invalid(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request "
            f"contains only one param value per param key."
        )
    return found


def check_tags(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Tags of one batch; long values are cut, the last one of a key counts."""
    return {
        check_key(key, f"tags[{at}].key", f"tags[{at}].key"): value[:MAX_TAG]
        for at, (key, value) in enumerate(pairs)
    }


def check_first_tags(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Tags that a run or model is made with, as `check_tags`."""
    return {check_any_key(key): value[:MAX_TAG] for key, value in pairs}


def check_experiment_name(name: str) -> str:
    """The name of an experiment.

    Raises:
        InvalidInput: it is blank or too long.
    """
    if not name.strip():
        raise invalid(f"Invalid experiment name: '{name}'")
    return check_length(name, "name", MAX_EXPERIMENT_NAME)


def check_batch(metrics: int, params: int, tags: int) -> None:
    """The size of a batch.

    Raises:
        InvalidInput: it is too large.
    """
    for what, count, limit in (
        ("metrics", metrics, MAX_METRICS),
        ("params", params, MAX_PARAMS),
        ("tags", tags, MAX_TAGS),
        ("metrics, params, and tags", metrics + params + tags, MAX_ITEMS),
    ):
        if count > limit:
            raise invalid(
                f"A batch logging request can contain at most {limit} {what}. "
                f"Got {count} {what}. Please split up {what} across multiple requests "
                f"and try again."
            )


def read_points(metrics: Iterable[dict[str, Any]], where: str = "metrics") -> list[Point]:
    """Metrics as points; neighbors of one step and time become one.

    Raises:
        InvalidInput: a field is missing or cannot be used; nothing was logged.
    """
    points: list[Point] = []
    keys: dict[str, float] = {}
    at: tuple[int, int] | None = None
    for index, entry in enumerate(metrics):
        key, value, step, time_ms = _metric(entry, where, index)
        if at != (step, time_ms) or key in keys:
            if at is not None:
                points.append(Point(at[0], at[1] * 1000, tuple(keys), list(keys.values())))
            at, keys = (step, time_ms), {}
        keys[key] = value
    if at is not None:
        points.append(Point(at[0], at[1] * 1000, tuple(keys), list(keys.values())))
    return points


def _metric(entry: dict[str, Any], where: str, index: int) -> tuple[str, float, int, int]:
    key, value, step, time_ms = map(entry.get, _FIELDS)
    if (
        type(key) is str
        and type(value) is float
        and type(step) is int
        and type(time_ms) is int
        and -_INT64 <= step < _INT64
        and 0 <= time_ms < _LATEST
        and _is_plain(key)
    ):
        return key, value, step, time_ms
    return _any_metric(entry, f"{where}[{index}]." if where else "")


@lru_cache(4096)
def _is_plain(key: str) -> bool:
    try:
        return bool(check_key(key))
    except InvalidInput:
        return False


def _any_metric(entry: dict[str, Any], where: str) -> tuple[str, float, int, int]:
    """A metric in any of the forms that clients send, or the error that says what is wrong."""
    key = entry.get("key")
    if key is None or key == "":
        raise missing(f"{where}key")
    if not isinstance(key, str):
        raise bad(f"{where}key", key)
    if entry.get("value") in (None, ""):
        raise missing(f"{where}value")
    if entry.get("timestamp") is None:
        raise missing(f"{where}timestamp")
    time_ms = as_integer(entry["timestamp"], f"{where}timestamp")
    if not 0 <= time_ms < _LATEST:
        rule = "be a nonnegative long (64-bit integer)" if time_ms < 0 else f"be below {_LATEST}"
        raise bad(
            f"{where}timestamp",
            time_ms,
            f"metric '{key}' (value={entry['value']}). Timestamp must {rule}",
        )
    step = entry.get("step")
    return (
        check_key(key, f"{where}name", "Metric name"),
        as_float(entry["value"], f"{where}value"),
        0 if step is None else as_integer(step, f"{where}step"),
        time_ms,
    )
