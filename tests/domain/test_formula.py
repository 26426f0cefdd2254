"""Formulas read as in Python, name keys as they are, and say where they cannot be read."""

from __future__ import annotations

import operator as operators
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.formula import (
    Binary,
    Call,
    Formula,
    Metric,
    Negative,
    Number,
    metrics_of,
    parse_formula,
)
from epochal.errors import QuerySyntaxError

A, B = Metric("a"), Metric("b")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a", A),
        ("train/loss - val/loss", Binary("-", Metric("train/loss"), Metric("val/loss"))),
        ("a-b", Binary("-", A, B)),
        ("a / b", Binary("/", A, B)),
        ("a/b", Metric("a/b")),
        ("a/(b)", Binary("/", A, B)),
        ('"top-1 %" * 100', Binary("*", Metric("top-1 %"), Number(100))),
        ("'a' + `b`", Binary("+", A, B)),
        ("-a ** 2", Negative(Binary("**", A, Number(2)))),
        ("a ** -b", Binary("**", A, Negative(B))),
        ("--a", A),
        ("a - b - a", Binary("-", Binary("-", A, B), A)),
        ("a + b * a", Binary("+", A, Binary("*", B, A))),
        ("(a + b) * a", Binary("*", Binary("+", A, B), A)),
        ("log10(a)", Call("log10", (A,))),
        ("min(a, b, 1.5e-3)", Call("min", (A, B, Number(0.0015)))),
        ("a - latest(b)", Binary("-", A, Metric("b", latest=True))),
        ("log + 1", Binary("+", Metric("log"), Number(1))),
        ("système/gpu.0:util", Metric("système/gpu.0:util")),
    ],
)
def test_formulas(text: str, expected: Formula) -> None:
    """Precedence is Python's; a slash belongs to a key, a minus never does."""
    assert parse_formula(text) == expected


@pytest.mark.parametrize(
    "text, position, words",
    [
        ("", 0, "expected a metric"),
        ("a +", 3, "the end"),
        ("a b", 2, "expected an operator or the end, got 'b'"),
        ("(a", 2, "expected ')'"),
        ("a)", 1, "expected an operator"),
        ("foo(a)", 0, "no function 'foo'; there are abs, exp"),
        ("1 + log(a, b)", 12, "takes 1 values, got 2"),
        ("min(a)", 5, "takes two or more values, got 1"),
        ("latest(a + b)", 0, "latest() takes one metric"),
        ("1 + 2", 0, "name at least one metric"),
        ("latest(a)", 0, "outside of latest()"),
        ("a == b", 2, "compares nothing"),
        ("a % b", 2, "no %"),
        ("a ^ 2", 2, "use ** for powers"),
        ('a + "b', 4, "never closed"),
        ("__import__('os').system('x')", 0, "no function '__import__'"),
        ("a;b", 1, "unexpected character ';'"),
        ("(" * 60 + "a", 40, "nested more than 40 deep"),
        ("a**" * 60 + "a", 120, "nested more than 40 deep"),
        ("+".join("a" * 300), 403, "more than 200 operators"),
        (" + ".join(f"m{i}" for i in range(17)), 0, "at most 16 metrics"),
    ],
)
def test_what_cannot_be_read_is_shown_where_it_stands(
    text: str, position: int, words: str
) -> None:
    """The position is where a person has to look."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse_formula(text)
    assert words in caught.value.reason
    assert caught.value.position == position


def test_a_long_text_is_refused_before_it_is_read() -> None:
    """Whatever it says."""
    with pytest.raises(QuerySyntaxError, match="at most 2000 characters"):
        parse_formula("a" * 2001)


@given(st.text(max_size=80))
def test_any_text_is_a_formula_or_a_syntax_error(text: str) -> None:
    """Nothing else can come of it."""
    position = 0
    try:
        formula = parse_formula(text)
    except QuerySyntaxError as error:
        position = error.position
    else:
        assert list(metrics_of(formula))
    assert 0 <= position <= len(text)


@given(st.integers(0, 10**6))
def test_what_python_means_is_what_is_read(seed: int) -> None:
    """Random arithmetic gives the tree that Python's own grammar gives."""
    chance = random.Random(seed)

    def spell(depth: int) -> str:
        kind = chance.choice(["name", "number", "binary", "sign", "call", "group"])
        if depth == 0 or kind == "name":
            return chance.choice(["a", "b", "c"])
        if kind == "number":
            return str(chance.randint(1, 4))
        if kind == "sign":
            return f"-{spell(depth - 1)}"
        if kind == "call":
            return f"max({spell(depth - 1)}, {spell(depth - 1)})"
        if kind == "group":
            return f"({spell(depth - 1)})"
        operator = chance.choice([" + ", " - ", " * ", " / ", "-", "**"])
        return spell(depth - 1) + operator + spell(depth - 1)

    text = f"{spell(4)} + a"
    names = {"a": 1.25, "b": -0.5, "c": 3.0}
    formula = parse_formula(text)
    try:
        expected = eval(text, {"max": max}, names)  # the reference, on texts of our own making
    except (ZeroDivisionError, OverflowError, TypeError):  # no float comes of it
        return
    if isinstance(expected, complex):
        return
    assert value_of(formula, names) == pytest.approx(expected, nan_ok=True)


def value_of(formula: Formula, names: dict[str, float]) -> float:
    """The plainest evaluator."""
    match formula:
        case Number(value):
            return value
        case Metric(key):
            return names[key]
        case Negative(item):
            return -value_of(item, names)
        case Binary(operator, left, right):
            a, b = value_of(left, names), value_of(right, names)
            table: dict[str, Callable[[float, float], float]] = {
                "+": operators.add, "-": operators.sub, "*": operators.mul,
                "/": operators.truediv, "**": operators.pow,
            }  # fmt: skip
            return table[operator](a, b)
        case Call(_, items):
            return max(value_of(item, names) for item in items)
