"""The where grammar.

What it reads, what it refuses and how it says so, and what a condition means.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.expression import Scalar
from epochal.domain.query import (
    Ago,
    And,
    Comparison,
    Exists,
    Field,
    HasTag,
    Like,
    Membership,
    Not,
    Or,
    Order,
    matches,
    parse_field,
    parse_order,
    parse_where,
)
from epochal.errors import QuerySyntaxError

LR = Field("config", "lr")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("config.lr < 0.01", Comparison(LR, "<", 0.01)),
        ("config.lr == -1", Comparison(LR, "==", -1)),
        ("config.lr >= 1e-3", Comparison(LR, ">=", 1e-3)),
        ("config.lr != -inf", Comparison(LR, "!=", -math.inf)),
        ("0.01 > config.lr", Comparison(LR, "<", 0.01)),
        ("config.fast == true", Comparison(Field("config", "fast"), "==", True)),
        ("summary.val/acc-top.1 > 0", Comparison(Field("summary", "val/acc-top.1"), ">", 0)),
        ('summary."a b" == 1', Comparison(Field("summary", "a b"), "==", 1)),
        ('config["weird key"].x == 1', Comparison(Field("config", "weird key.x"), "==", 1)),
        ('config.a["b c"]["d"] == 1', Comparison(Field("config", "a.b c.d"), "==", 1)),
        ("config.layers.0.size == 1", Comparison(Field("config", "layers.0.size"), "==", 1)),
        ("min(val/loss) < 0.2", Comparison(Field("min", "val/loss"), "<", 0.2)),
        ('last("a b") < 2', Comparison(Field("last", "a b"), "<", 2)),
        ('state == "running"', Comparison(Field("attribute", "state"), "==", "running")),
        (r'name == "a\"b\n\u00e9"', Comparison(Field("attribute", "name"), "==", 'a"b\né')),
        ("name == 'it'", Comparison(Field("attribute", "name"), "==", "it")),
        ('"base line" in tags', HasTag("base line")),
        ('"x" not in tags', Not(HasTag("x"))),
        ('config.lr in [0.1, "a", true,]', Membership(LR, (0.1, "a", True))),
        ("config.lr not in []", Not(Membership(LR, ()))),
        ('name like "ada*"', Like(Field("attribute", "name"), "ada*")),
        ('name not like "?"', Not(Like(Field("attribute", "name"), "?"))),
        ("exists(config.lr)", Exists(LR)),
        (
            'created > "2026-01-01"',
            Comparison(Field("attribute", "created"), ">", 1767225600000000),
        ),
        (
            'created > "2026-01-01T01:00:00+01:00"',
            Comparison(Field("attribute", "created"), ">", 1767225600000000),
        ),
        ('updated > ago("2d")', Comparison(Field("attribute", "updated"), ">", Ago(172800.0))),
        ("", None),
        ("   ", None),
    ],
)
def test_an_expression_means_what_it_says(text, expected):
    assert parse_where(text) == expected


def test_not_binds_closer_than_and_and_and_closer_than_or():
    a, b, c = (Exists(Field("config", name)) for name in "abc")
    text = "not exists(config.a) and exists(config.b) or exists(config.c)"
    assert parse_where(text) == Or((And((Not(a), b)), c))
    assert parse_where("not (exists(config.a) or exists(config.b))") == Not(Or((a, b)))


def test_nan_is_a_number_that_can_be_asked_for():
    expression = parse_where("summary.loss == nan")
    assert isinstance(expression, Comparison)
    assert isinstance(expression.value, float)
    assert math.isnan(expression.value)


@pytest.mark.parametrize(
    "text, position, part",
    [
        ("config.lr = 1", 10, "use == to compare"),
        ("config.lr < 1 && config.x > 1", 14, "use the word and"),
        ("loss < 1", 0, "summary.loss or config.loss"),
        ("creatd > 1", 0, "did you mean created?"),
        ("confg.lr > 1", 0, "did you mean"),
        ("config. == 1", 0, "config.loss"),
        ("config.lr < fast", 12, 'in quotes: "fast"'),
        ("config.lr <", 11, "got the end"),
        ("config.lr", 9, "a comparison"),
        ("config.lr < 1 config.x", 14, "and, or, or the end"),
        ("(config.lr < 1", 14, "expected )"),
        ('name == "abc', 8, "never closed"),
        (r'name == "\q"', 9, "unknown escape"),
        ("tags", 0, '"name" in tags'),
        ("3 in tags", 0, "quoted tag"),
        ('"a" in name', 7, "expected tags"),
        ('created > "yesterday"', 10, "a date such as"),
        ('config.lr > ago("2d")', 12, "only compares with created"),
        ('created > ago("two days")', 14, "a quoted duration"),
        ("name like 3", 10, "a quoted pattern"),
        ("config.lr < --1", 12, "expected a number"),
        ("config.lr in [1 2]", 16, "expected ,"),
        ("config.lr < config.x", 12, "expected a value"),
        ("ünknown == 1", 0, "unknown field"),
        ("train/loss == nan", 0, "did you mean last(train/loss) or config.train/loss?"),
        ("isnan(config.lr)", 0, "unknown function 'isnan'; there are last, min"),
        ("tags == 'a'", 0, "tags.name for one that has a value"),
        ('tags["$client"] == "a"', 0, "the server's own"),
    ],
)
def test_a_mistake_is_explained_at_its_position(text, position, part):
    with pytest.raises(QuerySyntaxError) as caught:
        parse_where(text)
    assert (caught.value.position, caught.value.text) == (position, text)
    assert part in caught.value.reason


def test_size_depth_and_number_of_conditions_are_limited():
    """A hostile expression ends in a message, never in a deep recursion or a huge statement."""
    with pytest.raises(QuerySyntaxError, match="limit is 10000"):
        parse_where("(" * 10_001)
    with pytest.raises(QuerySyntaxError, match="deeper than 100"):
        parse_where("(" * 5000)
    with pytest.raises(QuerySyntaxError, match="deeper than 100"):
        parse_where("not " * 2000)
    with pytest.raises(QuerySyntaxError, match="more than 300"):
        parse_where(" or ".join(["color == 1"] * 301))
    with pytest.raises(QuerySyntaxError, match="more than 300"):
        parse_where("color in [" + "1," * 400 + "]")
    assert parse_where("(" * 99 + "color == 1" + ")" * 99) is not None


def stopping_point(text: str) -> int:
    try:
        parse_where(text)
    except QuerySyntaxError as error:
        return error.position
    return len(text)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_in_words(text):
    assert 0 <= stopping_point(text) <= len(text)


@given(
    st.lists(
        st.sampled_from(
            [
                "config.a",
                "summary",
                ".",
                "[",
                "]",
                '"x"',
                "(",
                ")",
                "and",
                "or",
                "not",
                "in",
                "tags",
                "like",
                "==",
                "<",
                "1",
                "-1",
                "nan",
                "exists",
                "min",
                "created",
                "ago",
                ",",
                "true",
            ]
        ),
        max_size=14,
    )
)
def test_any_row_of_words_is_read_or_refused_in_words(words):
    text = " ".join(words)
    assert 0 <= stopping_point(text) <= len(text)


def test_columns_and_orders_are_spelled_like_fields():
    assert parse_field("max(val/acc)") == Field("max", "val/acc")
    assert parse_field("created") == Field("attribute", "created")
    assert parse_order(["-config.lr", "name"]) == [
        Order(LR, descending=True),
        Order(Field("attribute", "name"), descending=False),
    ]
    with pytest.raises(QuerySyntaxError):
        parse_field("config.lr < 1")


@pytest.mark.parametrize(
    "found, text, expected",
    [
        (None, "config.lr != 1", False),
        (None, "not (config.lr == 1)", True),
        (1, "config.lr == true", True),
        ("1", "config.lr == 1", False),
        ("1", "config.lr != 1", True),
        ("1", "config.lr < 2", False),
        ("b", 'config.lr > "a"', True),
        (math.nan, "config.lr == nan", True),
        (math.nan, "config.lr != nan", False),
        (math.nan, "config.lr < inf", False),
        (math.nan, "config.lr != 1", True),
        (1.0, "config.lr != nan", True),
        (math.nan, "exists(config.lr)", True),
        (math.inf, "config.lr == inf", True),
        (math.inf, "config.lr > 1e308", True),
        ("Adam", 'config.lr like "ad?m*"', True),
        ("Äda", 'config.lr like "äda"', False),
        ("a*b", 'config.lr like "a[*]b"', False),
        (3, 'config.lr like "3"', False),
        (2, "config.lr in [1, 2]", True),
    ],
)
def test_the_laws_of_comparison(found: Scalar, text: str, expected: bool):
    assert matches(parse_where(text), lambda field: found) is expected
