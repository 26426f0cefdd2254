"""The ``where`` grammar: one small language for Python, the command line and the page.

It is parsed into the frozen values of `domain.expression` and never evaluated as code::

    config.lr < 0.01 and summary.val_acc > 0.9 and "baseline" in tags
    not (state in ["failed", "crashed"]) or exists(config.optim.name)
    min(val/loss) < 0.2 and config["weird key"] like "ada*" and created > ago("2d")

Reading an expression takes time linear in its length; 10,000 characters, 300 conditions and 100
levels of nesting are the limits.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from epochal.domain.expression import (
    Ago,
    And,
    Comparison,
    Exists,
    Expression,
    Field,
    FieldKind,
    HasTag,
    Like,
    Membership,
    Not,
    Operator,
    Or,
    Order,
    Value,
    matches,
)
from epochal.domain.tokens import Token, tokenize
from epochal.errors import QuerySyntaxError

__all__ = [
    "Ago",
    "And",
    "Comparison",
    "Exists",
    "Expression",
    "Field",
    "HasTag",
    "Like",
    "Membership",
    "Not",
    "Or",
    "Order",
    "matches",
    "parse_field",
    "parse_order",
    "parse_where",
]

MAX_LENGTH: Final = 10_000
MAX_DEPTH: Final = 100
MAX_TERMS: Final = 300
TEXT_ATTRIBUTES: Final = frozenset(
    {"name", "state", "id", "uid", "group", "job_type", "notes", "host"}
)
NUMBER_ATTRIBUTES: Final = frozenset({"duration", "last_step", "exit_code", "color", "archived"})
TIME_ATTRIBUTES: Final = frozenset({"created", "updated", "ended"})
ATTRIBUTES: Final = TEXT_ATTRIBUTES | NUMBER_ATTRIBUTES | TIME_ATTRIBUTES
AGGREGATES: Final[dict[str, FieldKind]] = {
    "last": "last", "min": "min", "max": "max", "mean": "mean", "count": "count",
}  # fmt: skip
_FUNCTIONS: Final = f"there are {', '.join(AGGREGATES)} and exists"
SCOPES: Final[tuple[FieldKind, ...]] = ("config", "summary", "tags")
_OPERATORS: Final[dict[str, Operator]] = {
    "==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip
_FLIPPED: Final[dict[Operator, Operator]] = {
    "==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=",
}  # fmt: skip
_WORDS: Final = {"true": True, "false": False, "True": True, "False": False}
_AGO = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*(s|m|h|d|w)\s*", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_where(text: str) -> Expression | None:
    """Read a condition on runs.

    Args:
        text: the expression; blank means no condition.

    Raises:
        QuerySyntaxError: with the position and what was expected there.
    """
    parser = _Parser(text)
    if parser.token.kind == "end":
        return None
    expression = parser.read_or()
    parser.expect_end("and, or, or the end")
    return expression


def parse_field(text: str) -> Field:
    """Read the name of a column: ``config.lr``, ``max(val/acc)``, ``created``.

    Raises:
        QuerySyntaxError: it names nothing.
    """
    parser = _Parser(text)
    field = parser.read_field()
    parser.expect_end("the end of the name")
    return field


def parse_order(entries: Iterable[str]) -> list[Order]:
    """Read sort criteria; ``-`` before a name means descending.

    Raises:
        QuerySyntaxError: an entry names nothing.
    """
    return [
        Order(field=parse_field(entry.removeprefix("-")), descending=entry.startswith("-"))
        for entry in entries
    ]


class _Parser:
    """Recursive descent over the words of one expression; one method per rule of the grammar."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise QuerySyntaxError(
                f"the expression has {len(text)} characters, the limit is {MAX_LENGTH}",
                text[:60] + "...",
                60,
            )
        self.text = text
        self.tokens = tokenize(text)
        self.index = 0
        self.depth = 0
        self.terms = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.index += 1
        return token

    def fail(self, message: str, token: Token | None = None) -> QuerySyntaxError:
        return QuerySyntaxError(message, self.text, (token or self.token).start)

    def wanted(self, what: str, token: Token | None = None) -> QuerySyntaxError:
        found = token or self.token
        shown = "the end" if found.kind == "end" else repr(self.text[found.start : found.end])
        return self.fail(f"expected {what}, got {shown}", found)

    def accept(self, text: str) -> bool:
        if self.token.kind in ("symbol", "name") and self.token.text == text:
            self.advance()
            return True
        return False

    def expect(self, symbol: str) -> None:
        if not (self.token.kind == "symbol" and self.token.text == symbol):
            raise self.wanted(symbol)
        self.advance()

    def expect_end(self, what: str) -> None:
        if self.token.kind != "end":
            raise self.wanted(what)

    def read_or(self) -> Expression:
        items = [self.read_and()]
        while self.accept("or"):
            items.append(self.read_and())
        return items[0] if len(items) == 1 else Or(tuple(items))

    def read_and(self) -> Expression:
        items = [self.read_not()]
        while self.accept("and"):
            items.append(self.read_not())
        return items[0] if len(items) == 1 else And(tuple(items))

    def read_not(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"nested deeper than {MAX_DEPTH} levels")
        try:
            if self.accept("not"):
                return Not(self.read_not())
            if self.accept("("):
                inner = self.read_or()
                self.expect(")")
                return inner
            return self.read_condition()
        finally:
            self.depth -= 1

    def read_condition(self) -> Expression:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise self.fail(f"more than {MAX_TERMS} conditions")
        token = self.token
        if token.kind == "name" and token.text == "exists":
            self.advance()
            self.expect("(")
            field = self.read_field()
            self.expect(")")
            return Exists(field)
        if self.at_value():
            return self.read_flipped()
        field = self.read_field()
        return self.read_comparison(field)

    def at_value(self) -> bool:
        token = self.token
        return token.kind in ("text", "number") or (token.kind == "name" and token.text in _WORDS)

    def read_flipped(self) -> Expression:
        """``"tag" in tags`` and ``0.1 < config.lr``."""
        start = self.index
        value = self.read_raw_value()
        negated = self.token.text == "not" and self.token.kind == "name"
        if negated:
            self.advance()
        if self.accept("in"):
            if not self.accept("tags"):
                raise self.wanted("tags")
            if not isinstance(value, str):
                raise self.fail("expected a quoted tag", self.tokens[start])
            return Not(HasTag(value)) if negated else HasTag(value)
        operator = _OPERATORS.get(self.token.text)
        if negated or operator is None or self.token.kind != "symbol":
            raise self.wanted("a comparison or in tags")
        self.advance()
        field = self.read_field()
        checked = self.check_value(field, value, self.tokens[start])
        return Comparison(field, _FLIPPED[operator], checked)

    def read_comparison(self, field: Field) -> Expression:
        token = self.token
        operator = _OPERATORS.get(token.text) if token.kind == "symbol" else None
        if operator is not None:
            self.advance()
            return Comparison(field, operator, self.read_value(field))
        negated = self.accept("not")
        condition: Expression
        if self.accept("in"):
            condition = Membership(field, self.read_list(field))
        elif self.accept("like"):
            pattern = self.advance()
            if pattern.kind != "text":
                raise self.wanted('a quoted pattern such as "ada*"', pattern)
            condition = Like(field, pattern.text)
        else:
            raise self.wanted(
                "in or like" if negated else "a comparison (== != < <= > >=), in or like"
            )
        return Not(condition) if negated else condition

    def read_list(self, field: Field) -> tuple[Value, ...]:
        self.expect("[")
        values: list[Value] = []
        while not self.accept("]"):
            if values:
                self.expect(",")
                if self.accept("]"):
                    break
            values.append(self.read_value(field))
            self.terms += 1
            if self.terms > MAX_TERMS:
                raise self.fail(f"more than {MAX_TERMS} conditions and listed values")
        return tuple(values)

    def read_value(self, field: Field) -> Value:
        token = self.token
        return self.check_value(field, self.read_raw_value(), token)

    def read_raw_value(self) -> Value:
        token = self.advance()
        if token.kind == "number":
            return token.number
        if token.kind == "text":
            return token.text
        if token.kind == "name" and token.text in _WORDS:
            return _WORDS[token.text]
        if token.kind == "name" and token.text == "ago":
            return self.read_ago()
        if token.kind == "name":
            raise self.fail(
                f"expected a value, got the name {token.text!r}; "
                f'write texts in quotes: "{token.text}"',
                token,
            )
        raise self.wanted("a number, a quoted text, true or false", token)

    def read_ago(self) -> Ago:
        self.expect("(")
        token = self.advance()
        found = _AGO.fullmatch(token.text) if token.kind == "text" else None
        if found is None:
            raise self.wanted('a quoted duration such as "2d", "12h", "30m"', token)
        self.expect(")")
        return Ago(float(found[1]) * _SECONDS[found[2]])

    def check_value(self, field: Field, value: Value, token: Token) -> Value:
        is_time = field.kind == "attribute" and field.name in TIME_ATTRIBUTES
        if isinstance(value, Ago):
            if not is_time:
                raise self.fail("ago(...) only compares with created, updated or ended", token)
            return value
        if is_time and isinstance(value, str):
            return self.read_time(value, token)
        return value

    def read_time(self, text: str, token: Token) -> int:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise self.wanted('a date such as "2026-01-31" or "2026-01-31T12:00"', token) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    def read_field(self) -> Field:
        token = self.advance()
        if token.kind != "name":
            raise self.wanted("a field such as config.lr, summary.loss or state", token)
        word = token.text
        aggregate = AGGREGATES.get(word)
        if aggregate and self.token.text == "(" and self.token.kind == "symbol":
            return self.read_aggregate(aggregate)
        for scope in SCOPES:
            if word.startswith(scope + ".") or (word == scope and not self.is_list(scope)):
                return self.check_key(Field(scope, self.read_path(token, scope)), token)
        if word in ATTRIBUTES:
            return Field("attribute", word)
        what, hint = ("function", _FUNCTIONS) if self.token.text == "(" else ("field", _hint(word))
        raise self.fail(f"unknown {what} {word!r}; {hint}", token)

    def is_list(self, scope: FieldKind) -> bool:
        """Whether a bare ``tags`` means the words that a run has, and no tag with a value."""
        return scope == "tags" and self.token.text != "["

    def check_key(self, field: Field, token: Token) -> Field:
        if field.kind == "tags" and field.name.startswith("$"):
            raise self.fail("tags that begin with $ are the server's own", token)
        return field

    def read_aggregate(self, kind: FieldKind) -> Field:
        self.expect("(")
        token = self.advance()
        if token.kind not in ("name", "text", "number") or not token.text:
            raise self.wanted("the key of a series", token)
        self.expect(")")
        return Field(kind, token.text)

    def read_path(self, token: Token, scope: str) -> str:
        """The rest of ``config.a.b``, ``config["a b"].c`` or ``summary."a b"``.

        Parts join with a dot.
        """
        rest = token.text[len(scope) + 1 :]
        parts = [rest.removesuffix(".")]
        dotted = token.text.endswith(".")
        end = token.end
        while self.token.start == end:
            following = self.token
            if following.text == "[" and following.kind == "symbol" and not dotted:
                self.advance()
                name = self.advance()
                if name.kind != "text":
                    raise self.wanted("a quoted key", name)
                end = self.token.end
                self.expect("]")
                parts.append(name.text)
            elif following.kind == "text" and dotted:
                parts.append(self.advance().text)
                end, dotted = following.end, False
            elif following.kind in ("name", "number") and following.text.startswith("."):
                word = self.advance().text
                parts.append(word[1:].removesuffix("."))
                end, dotted = following.end, word.endswith(".")
            else:
                break
        if dotted or not any(parts):
            raise self.fail(f"expected a key after {scope}, as in {scope}.loss", token)
        return ".".join(part for part in parts if part)


def _hint(word: str) -> str:
    if word == "tags":
        return 'write "name" in tags, or tags.name for one that has a value'
    close = difflib.get_close_matches(word, [*sorted(ATTRIBUTES), *SCOPES], n=1, cutoff=0.6)
    logged = f"last({word})" if "/" in word else f"summary.{word}"
    return f"did you mean {close[0] if close else f'{logged} or config.{word}'}?"
