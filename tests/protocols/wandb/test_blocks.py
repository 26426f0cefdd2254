"""History lines as columns: the same rows as one by one, whatever the lines hold."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.errors import InvalidInput
from epochal.protocols.wandb.blocks import LEAST, Block, pieces
from epochal.protocols.wandb.rows import Row, read_row

NOW = 1_700_000_000_000_000
numbers = st.one_of(
    st.floats(width=64), st.integers(-(2**70), 2**70), st.integers(-5, 5), st.booleans()
)
others = st.one_of(st.none(), st.text(max_size=3), st.just({"_type": "histogram"}), st.just([1]))


def line(step: Any, fields: dict[str, Any], seed: int = 0) -> str:
    """As wandb's client writes it: keys in an order of each line's own."""
    items = [("_step", step), ("_timestamp", 1e9 + 0.1), ("_runtime", 1.5), *fields.items()]
    random.Random(seed).shuffle(items)
    return json.dumps(dict(items))


def single(lines: list[str]) -> list[Row]:
    """Block by block or not, the rows."""
    found: list[Row] = []
    for piece in pieces(lines, 0, NOW):
        found += piece.rows() if isinstance(piece, Block) else [piece]
    return found


def same(one: Row, other: Row) -> bool:
    def plain(row: Row) -> Any:
        numbers = {key: (math.isnan(value), value) for key, value in row.numbers.items()}
        return repr(sorted((key, nan or float(value)) for key, (nan, value) in numbers.items()))

    return (one.step, one.wall_us, one.texts, one.media, plain(one)) == (
        other.step, other.wall_us, other.texts, other.media, plain(other),
    )  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ab", "abc", "a", ""]), st.lists(numbers, min_size=3, max_size=3),
            st.integers(1, 20),
        ),
        max_size=6,
    ),
    st.lists(st.tuples(st.integers(0, 60), others), max_size=2),
)  # fmt: skip
def test_any_lines_give_the_rows_that_they_give_singly(parts: Any, odd: Any) -> None:
    """Key sets change, numbers are of all kinds, some values are none."""
    objects = [
        dict(zip(keys, values, strict=False))
        for keys, values, count in parts
        for _ in range(count)
    ]
    for place, value in odd:
        if objects:
            objects[place % len(objects)]["a"] = value
    lines = [line(number, fields, number) for number, fields in enumerate(objects)]
    expected = [read_row(text, number, NOW) for number, text in enumerate(lines)]
    found = single(lines)
    assert len(found) == len(expected)
    assert all(map(same, found, expected))


def test_lines_with_keys_in_any_order_are_one_block() -> None:
    """A float that is whole comes without its point: it is one of a column of floats."""
    lines = [line(n, {"loss": n if n % 3 else n + 0.5, "epoch": n // 10}, n) for n in range(100)]
    (block,) = pieces(lines, 0, NOW)
    assert isinstance(block, Block)
    assert block.keys == ("epoch", "loss")
    assert [column.dtype for column in block.values] == [np.int64, np.float64]
    assert block.step.tolist() == list(range(100))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("no step", [{"loss": 1.0}]),
        ("a step below zero", [{"_step": -1, "loss": 1.0}]),
        ("two keys that are stored as one", [{"_step": 1, "a\x01": 1, "a\x02": 2}]),
        ("integers that no float is", [{"_step": 1, "a": 2**60 + 1}, {"_step": 2, "a": 0.5}]),
    ],
)
def test_what_has_another_form_comes_row_by_row(name: str, fields: list[dict[str, Any]]) -> None:
    lines = [json.dumps(fields[n % len(fields)]) for n in range(2 * LEAST)]
    assert all(isinstance(piece, Row) for piece in pieces(lines, 0, NOW))


def test_lines_without_a_number_of_the_user_are_rows() -> None:
    lines = [json.dumps({"_step": n}) for n in range(2 * LEAST)]
    assert [row.step for row in single(lines)] == list(range(2 * LEAST))


@pytest.mark.parametrize("bad", ["[1]", '{"a":1},{"b":2}', "", "nan"])
def test_a_line_that_is_no_object_is_refused(bad: str) -> None:
    lines = [line(n, {"a": 1.0}) for n in range(20)]
    with pytest.raises(InvalidInput, match="history"):
        list(pieces([*lines, bad], 0, NOW))
