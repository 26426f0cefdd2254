"""How a question travels over HTTP: the shape of one line of a table of routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from epochal.domain.values import number_from_json

Answer = TypeVar("Answer")


class Route(msgspec.Struct, frozen=True):
    """How one question travels, and how its answer is read."""

    method: str
    path: Callable[[Any], str]
    read: Callable[[bytes], Any]
    body: Callable[[Any], Any] = lambda _question: None
    query: Callable[[Any], dict[str, object]] = lambda _question: {}


def run_path(rest: str = "") -> Callable[[Any], str]:
    """The path of the run that a question is about."""
    return lambda question: f"/api/v1/runs/{quote(question.uid, safe='')}{rest}"


def at(path: str) -> Callable[[Any], str]:
    """A path that is the same for all questions of a kind."""
    return lambda _question: path


def fields(*names: str) -> Callable[[Any], dict[str, object]]:
    """Fields of the question as query parameters."""
    return lambda question: {name: getattr(question, name) for name in names}


def changes(question: Any) -> dict[str, object]:
    """The question's ``changes``, without those that change nothing."""
    given = msgspec.structs.asdict(question.changes)
    return {name: value for name, value in given.items() if value is not None}


def as_json(kind: type[Answer]) -> Callable[[bytes], Answer]:
    """Read the answer as a struct."""
    return lambda body: msgspec.json.decode(body, type=kind)


def nothing(_body: bytes) -> None:
    """Read no answer."""


def finite_or_not(value: Any) -> Any:
    """Undo the JSON spelling of NaN and the infinities, at any depth."""
    if isinstance(value, str):
        number = number_from_json(value)
        return value if number is None else number
    if isinstance(value, dict):
        return {key: finite_or_not(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite_or_not(item) for item in value]
    return value
