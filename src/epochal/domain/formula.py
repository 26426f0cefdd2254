"""Formulas over the metrics of a run: ``train/loss - val/loss``, ``log10(grad/norm)``.

Grammar, loosest first: ``+ -``, then ``* /``, then a sign, then ``**`` (right to left, as in
Python). A name is a metric's key: letters, digits and ``_ . / @ :``, so division wants a space
before it (``a / b``); any other key stands in quotes (``"top-1"``). Functions are those of
`FUNCTIONS`, and ``latest(key)``: the newest value of a series at or before each step. Nothing else
can be said: there is no attribute, no call of anything else and no assignment, so a formula from a
link is safe to evaluate, and its length and depth are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NoReturn, TypeAlias

import msgspec

from epochal.errors import QuerySyntaxError

MAX_LENGTH: Final = 2_000
MAX_DEPTH: Final = 40
MAX_KEYS: Final = 16
MAX_OPERATORS: Final = 200
FUNCTIONS: Final = {
    "abs": 1, "exp": 1, "log": 1, "log2": 1, "log10": 1, "sqrt": 1, "min": None, "max": None,
}  # fmt: skip
"""Function names and how many arguments each takes; None is two or more."""

BinaryOperator = Literal["+", "-", "*", "/", "**"]


class Number(msgspec.Struct, frozen=True):
    """A constant."""

    value: float


class Metric(msgspec.Struct, frozen=True):
    """A series by its key; ``latest`` takes the newest value at or before each step."""

    key: str
    latest: bool = False


class Negative(msgspec.Struct, frozen=True):
    """``-item``."""

    item: Formula


class Binary(msgspec.Struct, frozen=True):
    """``left operator right``."""

    operator: BinaryOperator
    left: Formula
    right: Formula


class Call(msgspec.Struct, frozen=True):
    """One of `FUNCTIONS`."""

    function: str
    items: tuple[Formula, ...]


Formula: TypeAlias = Number | Metric | Negative | Binary | Call


def parse_formula(text: str) -> Formula:
    """Read a formula.

    Args:
        text: at most 2,000 characters.

    Raises:
        QuerySyntaxError: with the position and what was expected there.

    Example:
        >>> sorted(metric.key for metric in metrics_of(parse_formula("train/loss - val/loss")))
        ['train/loss', 'val/loss']
    """
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(
            f"a formula has at most {MAX_LENGTH} characters, got {len(text)}", text[:60], 0
        )
    parser = _Parser(text)
    formula = parser.read_sum()
    if parser.kind != "end":
        parser.fail(f"expected an operator or the end, got {parser.word!r}")
    keys = list(metrics_of(formula))
    if not any(not metric.latest for metric in keys):
        reason = "name at least one metric" + (" outside of latest()" if keys else "")
        raise QuerySyntaxError(reason, text, 0)
    if len({metric.key for metric in keys}) > MAX_KEYS:
        raise QuerySyntaxError(f"a formula names at most {MAX_KEYS} metrics", text, 0)
    return formula


def metrics_of(formula: Formula) -> Iterator[Metric]:
    """Every metric that the formula names, repetitions included, from left to right."""
    match formula:
        case Metric():
            yield formula
        case Negative(item):
            yield from metrics_of(item)
        case Binary(_, left, right):
            yield from metrics_of(left)
            yield from metrics_of(right)
        case Call(_, items):
            for item in items:
                yield from metrics_of(item)
        case Number():
            pass


_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<name>[^\W\d][\w./@:]*)
    | (?P<text>"[^"]*"|'[^']*'|`[^`]*`)
    | (?P<symbol>\*\*|[-+*/(),^])
    | (?P<end>$)
    )""",
    re.VERBOSE,
)
_HINTS: Final = {
    '"': "this text is never closed", "'": "this text is never closed",
    "`": "this text is never closed", "=": "a formula compares nothing",
    "%": "there is no %", "[": 'quote unusual keys: "a[0]"', "{": 'quote unusual keys: "a{0}"',
}  # fmt: skip


class _Parser:
    """Recursive descent; `kind` and `word` are those of the token that is read next."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.start = 0
        self.depth = 0
        self.operators = 0
        self.kind = ""
        self.word = ""
        self._advance()

    def fail(self, message: str) -> NoReturn:
        """Stop reading here."""
        raise QuerySyntaxError(message, self.text, self.start)

    def _advance(self) -> None:
        found = _TOKEN.match(self.text, self.position)
        if found is None:
            rest = self.text[self.position :]
            self.start = self.position + len(rest) - len(rest.lstrip())
            character = self.text[self.start]
            hint = _HINTS.get(character)
            self.fail(f"unexpected character {character!r}" + (f"; {hint}" if hint else ""))
        self.kind = found.lastgroup or ""
        self.word = found.group(self.kind)
        self.start = found.start(self.kind)
        self.position = found.end()
        if self.kind == "name":
            # No key ends so: what looks like one is followed by an operator.
            kept = self.word.rstrip("/")
            self.position -= len(self.word) - len(kept)
            self.word = kept
        if self.word == "^":
            self.fail("use ** for powers")

    def _take(self, *symbols: str) -> str | None:
        if self.kind == "symbol" and self.word in symbols:
            word = self.word
            self._advance()
            return word
        return None

    def _expect(self, symbol: str) -> None:
        if self._take(symbol) is None:
            self.fail(f"expected {symbol!r}, got {self.word or 'the end'!r}")

    def read_sum(self) -> Formula:
        """``product (+ product)*``."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} deep")
        left = self._read_product()
        while (operator := self._take("+", "-")) is not None:
            left = Binary("+" if operator == "+" else "-", left, self._read_product())
            self._count()
        self.depth -= 1
        return left

    def _read_product(self) -> Formula:
        left = self._read_sign()
        while (operator := self._take("*", "/")) is not None:
            left = Binary("*" if operator == "*" else "/", left, self._read_sign())
            self._count()
        return left

    def _count(self) -> None:
        """A chain is as deep as it is long: whoever walks the tree must get through it."""
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            self.fail(f"more than {MAX_OPERATORS} operators")

    def _read_sign(self) -> Formula:
        signs = 0
        while (sign := self._take("-", "+")) is not None:
            signs += sign == "-"
        item = self._read_power()
        return Negative(item) if signs % 2 else item

    def _read_power(self) -> Formula:
        base = self._read_item()
        if self._take("**") is None:
            return base
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} deep")
        power = Binary("**", base, self._read_sign())
        self.depth -= 1
        return power

    def _read_item(self) -> Formula:
        kind, word = self.kind, self.word
        if kind == "number":
            self._advance()
            return Number(float(word))
        if kind == "text":
            self._advance()
            return Metric(word[1:-1])
        if kind == "name":
            start = self.start
            self._advance()
            if self.kind == "symbol" and self.word == "(":
                return self._read_call(word, start)
            return Metric(word)
        if self._take("(") is not None:
            inner = self.read_sum()
            self._expect(")")
            return inner
        return self.fail(f"expected a metric, a number or '(', got {word or 'the end'!r}")

    def _read_call(self, name: str, start: int) -> Formula:
        if name != "latest" and name not in FUNCTIONS:
            self.start = start
            self.fail(f"there is no function {name!r}; there are {', '.join(FUNCTIONS)}, latest")
        self._expect("(")
        items = [self.read_sum()]
        while self._take(",") is not None:
            items.append(self.read_sum())
        end = self.start
        self._expect(")")
        if name == "latest":
            (item,) = items if len(items) == 1 else (None,)
            if not isinstance(item, Metric) or item.latest:
                self.start = start
                self.fail("latest() takes one metric")
            return Metric(item.key, latest=True)
        wanted = FUNCTIONS[name]
        if (wanted is None and len(items) < 2) or (wanted is not None and len(items) != wanted):
            self.start = end
            self.fail(f"{name}() takes {wanted or 'two or more'} values, got {len(items)}")
        return Call(name, tuple(items))
