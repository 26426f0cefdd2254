"""Filters of wandb's public API mean in our grammar what they mean there, or are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.expression import Field, matches
from epochal.domain.query import parse_order, parse_where
from epochal.errors import InvalidInput
from epochal.protocols.wandb.conditions import read_filters, read_order

RUN: dict[tuple[str, str], Any] = {
    ("attribute", "id"): "r1", ("attribute", "name"): "First run",
    ("attribute", "state"): "failed", ("attribute", "group"): "",
    ("attribute", "created"): 1_700_000_000_000_000,
    ("config", "lr"): 0.1, ("config", "net.depth"): 3, ("config", "opt"): "adam",
    ("config", "a b"): True, ("summary", "loss"): 0.5, ("attribute", "last_step"): 9,
}  # fmt: skip
TAGS = frozenset({"a", "b"})


def holds(filters: dict[str, Any]) -> bool:
    """Whether the run above fits."""

    def lookup(field: Field) -> Any:
        return RUN.get((field.kind, field.name))

    return matches(parse_where(read_filters(filters).where), lookup, TAGS)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"state": "failed"},
        {"displayName": "First run", "display_name": {"$regex": "^first.*"}},
        {"config.lr": 0.1, "config.lr.value": {"$gte": 0.1, "$lt": 0.2}},
        {"config.net.depth": 3},
        {"config.net.value.depth": {"$in": [1, 3]}},
        {"config.a b": True},
        {"config.nothing": None},
        {"config.nothing": {"$ne": 5}},
        {"config.nothing": {"$nin": [1, 2]}},
        {"config.opt": {"$exists": True}},
        {"config.opt": {"$not": {"$eq": "sgd"}}},
        {"config.opt": {"$regex": "sgd|ad.m"}},
        {"config.opt": {"$regex": "^(sgd|ad(a|e)m)$"}},
        {"config.opt": {"$regex": "^[a-c]d[aeiou]m+"}},
        {"displayName": {"$regex": "^First (?:run|walk)$|^second"}},
        {"group": None},
        {"group": {"$exists": False}},
        {"summary_metrics.loss": {"$lte": 0.5}},
        {"summaryMetrics._step": 9},
        {"created_at": {"$gt": "2020-01-01T00:00:00Z", "$lt": "2030-01-01"}},
        {"tags": "a"},
        {"tags": {"$in": ["x", "b"]}},
        {"tags": {"$all": ["a", "b"], "$nin": ["x", "y"], "$ne": "z"}},
        {"$and": [{"state": "failed"}, {"$or": [{"state": "running"}, {"config.lr": 0.1}]}]},
        {"$nor": [{"state": "running"}, {"config.lr": 5}]},
        {"$not": {"state": "running"}},
    ],
    ids=str,
)
def test_a_filter_that_fits_finds_the_run(filters: dict[str, Any]) -> None:
    """And its opposite does not."""
    assert holds(filters)
    if filters:
        assert not holds({"$nor": [filters]})


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"foo": 1}, "'foo'"),
        ({"$where": "true"}, "$where"),
        ({"config.lr": {"$mod": [2, 0]}}, "$mod"),
        ({"config.lr": {}}, "empty"),
        ({"config.lr": [1]}, "number or a text"),
        ({"displayName": {"$regex": "^(a|b)[0-9]+$"}}, "wildcards"),
        ({"displayName": {"$regex": "^(a|b)+$"}}, "wildcards"),
        ({"displayName": {"$regex": "(a|b)" * 8}}, "wildcards"),
        ({"displayName": {"$regex": "(a)" * 10_000}}, "wildcards"),
        ({"displayName": {"$regex": "^a*$"}}, "wildcards"),
        ({"created_at": {"$gt": 5}}, "date"),
        ({"$or": []}, "at least one"),
        ({"$or": {"state": "x"}}, "list"),
        ({"$or": [{"sweep": "s"}, {"state": "x"}]}, "sweep"),
        ({"tags": {"$regex": "x"}}, "tags"),
        ({"tags": 5}, "tags"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_said_is_refused_by_name(filters: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_filters(filters)
    assert said in str(caught.value)


def test_deep_filters_are_refused() -> None:
    filters: dict[str, Any] = {"state": "x"}
    for _ in range(100):
        filters = {"$or": [filters]}
    with pytest.raises(InvalidInput, match="deeper"):
        read_filters(filters)


def test_lists_of_names_stand_beside_the_condition() -> None:
    """Thousands of ids do not fit into an expression."""
    names = [f"r{index}" for index in range(2_000)]
    found = read_filters({"$and": [{"name": {"$in": names}}, {"state": "x"}, {"sweep": "s"}]})
    assert found.where == 'state == "x"'
    assert found.lists == (("name", tuple(names)), ("sweep", ("s",)))


def test_orders_are_ours() -> None:
    assert read_order("") == ["-created"]
    found = read_order("+created_at,-summary_metrics.val/acc, config.lr.value")
    assert found == ["created", '-summary["val/acc"]', 'config["lr"]']
    assert [order.descending for order in parse_order(found)] == [False, True, False]
    with pytest.raises(InvalidInput, match="'tags'"):
        read_order("-tags")


TEXT = st.text(max_size=12)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXT,
    st.dictionaries(
        st.sampled_from(["$eq", "$ne", "$gt", "$in", "$nin", "$exists", "$regex", "$not"]),
        st.one_of(TEXT, st.floats(), st.none(), st.lists(st.one_of(TEXT, st.none()), max_size=3)),
        max_size=2,
    ),
)  # fmt: skip
FILTERS = st.recursive(
    st.dictionaries(st.one_of(st.just("tags"), TEXT.map(lambda k: f"config.{k}")), LEAVES),
    lambda inner: st.dictionaries(
        st.sampled_from(["$and", "$or", "$nor"]), st.lists(inner, max_size=3), max_size=2
    ),
    max_leaves=6,
)


@given(FILTERS)
def test_whatever_is_sent_is_refused_or_becomes_a_condition(filters: dict[str, Any]) -> None:
    """No text can break out of its quotes, and what is not refused can be evaluated."""
    try:
        condition = read_filters(filters)
    except InvalidInput:
        return
    matches(parse_where(condition.where), lambda field: RUN.get((field.kind, field.name)), TAGS)
