import math
import struct
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.store.columns import ColumnGroup, group_rows, merge_groups
from tests.store.arrays import BITS, INT64, SPECIAL_BITS, from_bits, same_bits

SCHEMAS = {1: ["a", "b"], 2: ["c"], 3: ["a", "b"], 4: ["b", "a"], 5: []}
FLOAT = st.one_of(BITS, SPECIAL_BITS).map(
    lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0]
)
NUMBER = st.one_of(FLOAT, INT64, st.booleans())
JUNK = st.one_of(
    st.none(),
    st.just([]),
    st.just([1]),
    st.tuples(st.integers(1, 5), INT64, INT64, st.none()).map(list),
    st.tuples(st.integers(1, 9), INT64, INT64, st.lists(NUMBER, max_size=3)).map(list),
    st.tuples(st.integers(1, 2), INT64, INT64, st.lists(st.text(max_size=3), max_size=2)).map(
        list
    ),
    st.tuples(st.just(2), st.just(2**63), INT64, st.lists(NUMBER, min_size=1, max_size=1)).map(
        list
    ),
    st.tuples(st.just(2), st.just("3"), INT64, st.just([1.0])).map(list),
    st.tuples(st.just([1]), INT64, INT64, st.just([1.0])).map(list),
    st.just([2, 0, 0, [None]]),
    st.just([2, 0, 0, ["1.5"]]),
)
SOUND = st.one_of(
    st.tuples(st.sampled_from([1, 3, 4]), INT64, INT64, st.lists(NUMBER, min_size=2, max_size=2)),
    st.tuples(st.just(2), INT64, INT64, st.lists(NUMBER, min_size=1, max_size=1)),
).map(list)


def is_sound(row):
    return (
        isinstance(row, list)
        and len(row) >= 4
        and isinstance(row[0], int)
        and bool(SCHEMAS.get(row[0]))
        and all(type(x) is int and -(2**63) <= x < 2**63 for x in row[1:3])
        and isinstance(row[3], list)
        and len(row[3]) == len(SCHEMAS[row[0]])
        and all(type(value) in {float, int, bool} for value in row[3])
    )


def expected_columns(rows, first_order):
    """One row after the other: the cells of every key set in arrival order."""
    found: dict[tuple[str, ...], list[tuple[int, int, int, list[object]]]] = {}
    for number, row in enumerate(rows):
        if is_sound(row):
            cells = found.setdefault(tuple(SCHEMAS[row[0]]), [])
            cells.append((first_order + number, row[1], row[2], row[3]))
    return found


@given(st.lists(st.one_of(SOUND, SOUND, JUNK), max_size=60), st.integers(0, 2**40))
def test_rows_become_columns_bit_for_bit_and_junk_is_counted(rows, first_order):
    """Grouping by key set keeps order numbers, steps, times and bits; bad rows only count."""
    groups, skipped = group_rows(rows, SCHEMAS, first_order)
    expected = expected_columns(rows, first_order)
    assert skipped == len(rows) - sum(map(len, expected.values()))
    assert sorted(tuple(group.keys) for group in groups) == sorted(expected)
    for group in groups:
        cells = expected[tuple(group.keys)]
        assert group.order.tolist() == [cell[0] for cell in cells]
        assert group.step.tolist() == [cell[1] for cell in cells]
        assert group.wall_us.tolist() == [cell[2] for cell in cells]
        for index, column in enumerate(group.values):
            values = [cell[3][index] for cell in cells]
            whole = all(type(value) in {int, bool} for value in values)
            assert same_bits(column, np.array(values, np.int64 if whole else np.float64))


def test_rows_as_the_journal_decodes_them_keep_nan_payloads():
    """The way from msgpack to a column changes no bit."""
    bits = [0x7FF8000000000123, 0xFFF0000000000000, 0x8000000000000000, 1]
    packed = [b"\x94\x01\x05\x06\x91\xcb" + struct.pack(">Q", value) for value in bits]
    rows = [msgspec.msgpack.decode(row) for row in packed]
    groups, skipped = group_rows(rows, {1: ["loss"]}, 0)
    assert skipped == 0
    assert same_bits(groups[0].values[0], from_bits(bits))


def test_integers_past_53_bits_stay_integers():
    """A counter is exact to its last digit; beyond 63 bits it is as exact as a float can be."""
    rows = [[1, 0, 0, [2**53 + 1, 2**64 - 1]], [1, 1, 1, [True, 3]]]
    (group,), _ = group_rows(rows, {1: ["counter", "unsigned"]}, 0)
    assert group.values[0].tolist() == [2**53 + 1, 1]
    assert group.values[1].tolist() == [float(2**64 - 1), 3.0]


def test_a_key_named_twice_in_a_set_keeps_its_last_value():
    """A column name stands for one column."""
    (group,), _ = group_rows([[1, 0, 0, [1.0, 2.0, 3.0]]], {1: ["a", "b", "a"]}, 0)
    assert dict(zip(group.keys, (v.tolist() for v in group.values), strict=True)) == {
        "a": [3.0],
        "b": [2.0],
    }


@given(
    st.lists(SOUND, min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=4),
    st.randoms(),
)
def test_merging_pieces_gives_what_one_piece_gives(rows, cuts, random):
    """However a journal was cut into stretches, the joined columns hold the same numbers."""
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    pieces: list[ColumnGroup] = []
    for start, end in pairwise(edges):
        groups, _ = group_rows(rows[start:end], SCHEMAS, start)
        pieces += groups
    random.shuffle(pieces)
    merged = merge_groups(pieces)
    cells: dict[tuple[str, int], bytes] = {}
    for group in merged:
        assert np.all(group.order[1:] > group.order[:-1])
        for key, column in zip(group.keys, group.values, strict=True):
            for order, value in zip(group.order.tolist(), column.tolist(), strict=True):
                cells[key, order] = as_number(value)
    whole: dict[tuple[str, int], bytes] = {}
    for group in pieces:
        for key, column in zip(group.keys, group.values, strict=True):
            for order, value in zip(group.order.tolist(), column.tolist(), strict=True):
                whole[key, order] = as_number(value)
    assert cells == whole


def as_number(value):
    """The bits of a float; an integer that is exact as a float counts as that float."""
    if isinstance(value, int) and abs(value) <= 2**53:
        value = float(value)
    return struct.pack("<d", value) if isinstance(value, float) else repr(value).encode()


def test_wide_integers_and_floats_of_one_key_are_kept_apart():
    """A merge never rounds: 2**53 + 1 stays what it was beside a float."""
    groups, _ = group_rows([[1, 0, 0, [2**53 + 1]]], {1: ["n"]}, 0)
    more, _ = group_rows([[1, 1, 1, [0.5]]], {1: ["n"]}, 1)
    merged = merge_groups([*groups, *more])
    assert [group.values[0].tolist() for group in merged] == [[2**53 + 1], [0.5]]


def test_small_integers_and_floats_of_one_key_become_one_column():
    """A loss that was once logged as 1 is a float column."""
    groups, _ = group_rows([[1, 0, 0, [1]]], {1: ["loss"]}, 0)
    more, _ = group_rows([[1, 1, 1, [0.5]]], {1: ["loss"]}, 1)
    (merged,) = merge_groups([*more, *groups])
    assert same_bits(merged.values[0], np.array([1.0, 0.5]))


def test_a_part_knows_its_extent():
    """Steps need not rise, and the part says so."""
    (group,), _ = group_rows([[1, step, 10, [math.nan]] for step in (5, 3, 9)], {1: ["loss"]}, 100)
    part = group.part("loss")
    assert part is not None
    assert group.part("acc") is None
    assert (part.count, part.step_min, part.step_max) == (3, 3, 9)
    assert (part.order_first, part.order_last, part.rising) == (100, 102, False)
    assert part.mip() is None


@pytest.mark.parametrize("rows", [[], [[9, 0, 0, [1.0]]], [[1, 0, 0]]])
def test_no_usable_row_gives_no_group(rows):
    """Nothing is made out of nothing."""
    assert group_rows(rows, SCHEMAS, 0) == ([], len(rows))
