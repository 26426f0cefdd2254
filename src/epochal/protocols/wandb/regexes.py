"""Regular expressions of filters as patterns with ``*`` and ``?``, as far as they are some. Pure.

One is laid out in branches: a class such as ``[a-f0-9]`` is one of its letters, ``a?`` is there or
not, ``a{2,3}`` so many times. No branch is searched more than once, so what is accepted costs a
time that grows with the text alone. ``a+`` and ``a*`` are patterns where anything may
follow or stand before them, and nowhere else. As patterns do, all of it takes no notice of the
case of letters.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from epochal.errors import InvalidInput

MAX_GROUPS: Final = 20
MAX_BRANCHES: Final = 128
MAX_PATTERN: Final = 1_000
ANY, MANY, START, END, AGAIN, AGAIN_END = "any", "many", "start", "end", "again", "again end"
"""Tokens beside letters; what stands between the last two may come again on both sides."""
Branch: TypeAlias = tuple[str, ...]
_CLASSES: Final = {
    "d": string.digits, "w": string.digits + string.ascii_lowercase + "_", "s": " \t\n\r\f\v",
}  # fmt: skip
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}
_COUNT: Final = re.compile(r"\{(\d{1,3})(,(\d{0,3}))?\}")
_CASE: Final = "(?i)"


def patterns(regex: Any) -> list[str]:
    """Patterns of which a text must fit one.

    Raises:
        InvalidInput: the regular expression is more than that.
    """
    if not isinstance(regex, str):
        raise InvalidInput(f"$regex needs a text, got {regex!r:.80}")
    if len(regex) > MAX_PATTERN or regex.count("(") > MAX_GROUPS:
        raise _too_much(regex)
    reader = _Reader(regex)
    found = [_pattern(branch, regex) for branch in reader.read()]
    return list(dict.fromkeys(found))


class _Reader:
    """Reads one regular expression from left to right."""

    def __init__(self, regex: str) -> None:
        self._regex = regex
        self._text = regex.removeprefix(_CASE)
        self._at = 0

    def read(self) -> list[Branch]:
        """All branches of it."""
        found = self._choice()
        if self._at < len(self._text):  # a bracket that nothing opened
            raise _too_much(self._regex)
        return found

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        letter = self._next()
        if not letter:
            raise _too_much(self._regex)
        self._at += 1
        return letter

    def _choice(self) -> list[Branch]:
        found = self._sequence()
        while self._next() == "|":
            self._at += 1
            found += self._sequence()
        return self._bounded(found)

    def _sequence(self) -> list[Branch]:
        found: list[Branch] = [()]
        while self._next() not in ("", "|", ")"):
            found = self._product(found, self._repeated(self._atom()))
        return found

    def _atom(self) -> list[Branch]:
        letter = self._take()
        if letter == "(":
            if self._text.startswith("?:", self._at):
                self._at += 2
            found = self._choice()
            if self._take() != ")":
                raise _too_much(self._regex)
            return found
        if letter == "[":
            return [(one,) for one in self._class()]
        if letter == "\\":
            return [(one,) for one in self._escaped()]
        if letter in "*+?{)":
            raise _too_much(self._regex)
        return [({".": ANY, "^": START, "$": END}.get(letter, letter),)]

    def _repeated(self, atom: list[Branch]) -> list[Branch]:
        """An atom as often as what follows it says."""
        counted = _COUNT.match(self._text, self._at)
        sign = self._next()
        if counted is None and sign not in ("*", "+", "?"):
            return atom
        if any(token in branch for branch in atom for token in (START, END)):
            raise _too_much(self._regex)
        self._at = counted.end() if counted is not None else self._at + 1
        if self._next() == "?":  # what is found is the same, however long it is
            self._at += 1
        if counted is not None:
            least = int(counted[1])
            most = least if counted[2] is None else int(counted[3]) if counted[3] else None
        else:
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        found: list[Branch] = [()]
        for _ in range(least):
            found = self._product(found, atom)
        if most is None:
            if atom == [(ANY,)]:
                return [(*branch, MANY) for branch in found]
            return [(AGAIN, *branch, AGAIN_END) for branch in found]
        last = found
        for _ in range(least, most):
            last = self._product(last, atom)
            found = self._bounded(found + last)
        return found

    def _class(self) -> str:
        """The letters of ``[...]``."""
        letters: list[str] = []
        if self._next() == "^":
            raise _too_much(self._regex)
        while (letter := self._take()) != "]" or not letters:
            several = self._escaped() if letter == "\\" else letter
            if self._next() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                end = self._take()
                end = self._escaped() if end == "\\" else end
                if len(several) > 1 or len(end) > 1 or not 0 <= ord(end) - ord(several) < 256:
                    raise _too_much(self._regex)
                several = "".join(map(chr, range(ord(several), ord(end) + 1)))
            letters += several
        return _once(letters)

    def _escaped(self) -> str:
        letter = self._take()
        if letter in _CLASSES:
            return _CLASSES[letter]
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter.isalnum():
            raise _too_much(self._regex)
        return letter

    def _product(self, left: list[Branch], right: list[Branch]) -> list[Branch]:
        if len(left) * len(right) > MAX_BRANCHES:
            raise _too_much(self._regex)
        return self._bounded([one + other for one in left for other in right])

    def _bounded(self, found: list[Branch]) -> list[Branch]:
        found = list(dict.fromkeys(found))
        if len(found) > MAX_BRANCHES or any(len(one) > MAX_PATTERN for one in found):
            raise _too_much(self._regex)
        return found


def _pattern(branch: Branch, regex: str) -> str:
    """One branch as a pattern."""
    tokens = list(branch)
    is_start, is_end = tokens[:1] == [START], tokens[-1:] == [END]
    tokens = tokens[is_start : len(tokens) - is_end]
    if not is_start:
        tokens.insert(0, MANY)
    if not is_end:
        tokens.append(MANY)
    tokens = _absorbed(tokens)
    if any(one in (START, END, AGAIN, AGAIN_END, "*", "?") for one in tokens):
        raise _too_much(regex)
    return "".join({ANY: "?", MANY: "*"}.get(one, one) for one in tokens)


def _absorbed(tokens: list[str]) -> list[str]:
    """Beside "anything" it says nothing that something may come again, nor does another one."""
    for start in [place for place, one in enumerate(tokens) if one == AGAIN]:
        end = _end_of(tokens, start)
        if tokens[start - 1 : start] == [MANY] or tokens[end + 1 : end + 2] == [MANY]:
            return _absorbed([*tokens[:start], *tokens[start + 1 : end], *tokens[end + 1 :]])
    pairs = zip(["", *tokens], tokens, strict=False)
    return [one for before, one in pairs if not before == one == MANY]


def _end_of(tokens: list[str], start: int) -> int:
    """Where the `AGAIN_END` of an `AGAIN` stands."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += {AGAIN: 1, AGAIN_END: -1}.get(tokens[place], 0)
        if not depth:
            return place
    raise AssertionError("each of them has one")


def _once(letters: Iterable[str]) -> str:
    """Each letter once; one of ASCII in lower case."""
    return "".join(dict.fromkeys(one.lower() if one.isascii() else one for one in letters))


def _too_much(regex: str) -> InvalidInput:
    return InvalidInput(
        f"the regular expression {regex!r:.200} is more than a pattern with wildcards; use plain "
        f"text, '.', '.*', '.+', '^', '$', 'a|b', '(a|b)', '[0-9]', '\\d', 'a?', 'a{{2}}', and "
        f"'a+' only where anything may follow, or filter what came back"
    )
