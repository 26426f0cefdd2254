"""The grammar of filters: whatever is given, conditions or one clean error, in little time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.matching import matches
from epochal.domain.tracked import Clause, Sort
from epochal.errors import InvalidInput
from epochal.protocols.mlflow.filters import EXPERIMENTS, RUNS, parse_filter, parse_order
from epochal.protocols.mlflow.metrics import sample
from epochal.protocols.mlflow.pages import read_token, write_token

WORDS = st.sampled_from(
    ["metrics.a", "params.`x y`", "tags.t", "status", "=", "!=", "<", "LIKE", "IN", "AND", "OR",
     "'v'", '"w"', "1.5", "-2e3", "(", ")", ",", "IS NULL", "IS NOT NULL", "run_id", "''", "`"]
)  # fmt: skip


def test_every_form_of_a_name_is_read() -> None:
    assert parse_filter("metric.a = 1 and parameters.\"b c\" != 'd''e'", RUNS) == [
        Clause("metric", "a", "=", 1.0),
        Clause("param", "b c", "!=", "d'e"),
    ]
    assert parse_filter("run_id IN ('a', \"b\")", RUNS) == [
        Clause("attribute", "run_id", "in", ("a", "b"))
    ]
    assert parse_filter("run_id IN ('a',)", RUNS) == [Clause("attribute", "run_id", "in", ("a",))]
    assert parse_filter("name ilike '%X'", EXPERIMENTS) == [
        Clause("attribute", "name", "ilike", "%X")
    ]
    assert parse_order(["metrics.`a b` DESC", "start_time"], RUNS) == [
        Sort("metric", "a b", descending=True),
        Sort("attribute", "created"),
    ]
    with pytest.raises(InvalidInput, match="duplicate"):
        parse_order(["metrics.a", "metrics.a DESC"], RUNS)


@pytest.mark.parametrize("name", ["user_id", "attr.user_id", "run.run_name", "attributes.status"])
def test_no_attribute_is_null(name: str) -> None:
    """MLflow takes IS NULL for tags and params only, however we keep the attribute."""
    with pytest.raises(InvalidInput, match="only supported for tags and params, not for 'attr"):
        parse_filter(f"{name} IS NULL", RUNS)


@given(st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for grammar in (RUNS, EXPERIMENTS):
        try:
            parse_filter(text, grammar)
        except InvalidInput:
            continue


@given(st.text("ab%_", max_size=8), st.text("ab", max_size=8))
def test_like_is_that_of_sql(pattern: str, value: str) -> None:
    expression = "".join({"%": ".*", "_": "."}.get(c, c) for c in pattern)
    assert matches(value, pattern) == (re.fullmatch(expression, value) is not None)


@pytest.mark.timeout(60)
def test_no_pattern_takes_long() -> None:
    """A text of many wildcards is no way to stop the server."""
    assert not matches("a" * 500, "%a" * 400 + "b")


@given(st.integers(0, 2**31 - 1))
def test_page_tokens_come_back(offset: int) -> None:
    assert read_token(write_token(offset)) == offset


@given(st.integers(0, 300), st.integers(1, 50))
def test_samples_are_never_more_than_asked_for(count: int, limit: int) -> None:
    rows = list(range(count))
    found = sample(rows, limit)
    assert len(found) == min(count, limit)
    assert found == sorted(set(found))
    assert found[-1:] == rows[-1:]
