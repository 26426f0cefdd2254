"""Where something stands in a configuration, for messages: the path, and the line of a YAML text.

`read_yaml` needs PyYAML; a dict needs nothing.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, TypeAlias

from epochal.errors import InvalidInput, MissingExtra

Path: TypeAlias = tuple[str | int, ...]
Lines: TypeAlias = Mapping[Path, int]
MAX_YAML = 1_000_000
MAX_DEPTH = 32
MAX_PLACES = 200_000
"""Aliases let a short text stand for endlessly many places."""

_LARGEST = 2**63


class Places:
    """Knows how to point at a place.

    Args:
        lines: the line of each path, counted from 1; empty for what was no text.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def refuse(self, path: Path, message: str) -> NoReturn:
        """Raise `InvalidInput` about a place."""
        line = next(
            (self._lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._lines), 0
        )
        where = ".".join(map(str, path))
        start = f"line {line}: " if line else ""
        raise InvalidInput(f"sweep configuration: {start}{where + ': ' if where else ''}{message}")

    def choice(self, path: Path, value: object, known: Iterable[str], what: str) -> str:
        """A word that must be one of some, with the nearest one when it is not."""
        words = list(known)
        if not isinstance(value, str) or value not in words:
            near, all_words = nearest(value, words), ", ".join(words)
            self.refuse(path, f"unknown {what} {value!r:.80}{near}; known: {all_words}")
        return value


def check_plain(value: object, path: Path, places: Places, depth: int = 0) -> None:
    """Refuse what is no plain data, such as dates, or integers of more than 64 bits."""
    if depth > MAX_DEPTH:
        places.refuse(path, "it is nested too deeply")
    if isinstance(value, list | tuple):
        for item in value:
            check_plain(item, path, places, depth + 1)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check_plain(str(key), path, places, depth + 1)
            check_plain(item, path, places, depth + 1)
    elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        places.refuse(path, "an integer has more than 64 bits; write it as a text")
    elif isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        places.refuse(path, "a text holds half a surrogate pair; write plain Unicode")
    elif not isinstance(value, str | int | float | None):
        kind = type(value).__name__
        places.refuse(path, f"a {kind} is no plain value; write it as a text, in quotes")


def nearest(value: object, words: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or nothing."""
    close = difflib.get_close_matches(str(value), list(words), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def read_yaml(text: str) -> tuple[Any, dict[Path, int]]:
    """A YAML (or JSON) text as plain values, and the line of each of its places.

    Raises:
        InvalidInput: it is no YAML, too large, nested too deeply, or names a key twice.
        MissingExtra: PyYAML is not installed.
    """
    yaml = _yaml()
    if len(text) > MAX_YAML:
        raise InvalidInput(f"a sweep configuration has at most {MAX_YAML:,} characters")
    lines: dict[Path, int] = {}
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            _walk(node, (), lines)
            return (None if node is None else loader.construct_document(node)), lines
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        problem = getattr(error, "problem", None) or error
        raise InvalidInput(f"sweep configuration: {where}no YAML: {problem!s:.200}") from None


def _walk(node: Any, path: Path, lines: dict[Path, int]) -> None:
    if node is None:
        return
    if len(path) > MAX_DEPTH or len(lines) > MAX_PLACES:
        Places(lines).refuse(path[:2], "it is nested too deeply, or too large")
    lines.setdefault(path, node.start_mark.line + 1)
    if node.id == "mapping":
        for key, value in node.value:
            inner = (*path, str(key.value))
            if inner in lines:
                Places({inner: key.start_mark.line + 1}).refuse(inner, "stands here twice")
            lines[inner] = key.start_mark.line + 1
            _walk(value, inner, lines)
    elif node.id == "sequence":
        for index, value in enumerate(node.value):
            _walk(value, (*path, index), lines)


def _yaml() -> Any:
    try:
        return importlib.import_module("yaml")
    except ModuleNotFoundError:
        raise MissingExtra("reading YAML files", "sweeps") from None
