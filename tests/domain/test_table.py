"""Tables as JSON lines: what was written is read, and what is no table is refused."""

from __future__ import annotations

import math

import pytest

from epochal.domain.table import (
    decode_table,
    encode_table,
    join_types,
    plain_number,
    preview,
    type_of_cell,
)
from epochal.errors import InvalidInput


def test_a_table_comes_back_as_it_was() -> None:
    rows = [[1, "a", None], [2.5, "b\nc", {"x": [1]}], ["NaN", "", True]]
    head, read = decode_table(b"".join(encode_table(["n", "s", "j"], ["number"] * 3, rows)))
    assert (head.columns, head.rows, read) == (["n", "s", "j"], 3, rows)


def test_numbers_that_json_lacks_are_words() -> None:
    assert [plain_number(v) for v in (math.nan, math.inf, -math.inf, 1.5)] == [
        "NaN", "Infinity", "-Infinity", 1.5,
    ]  # fmt: skip


def test_the_type_of_a_column_follows_from_its_cells() -> None:
    kinds = [type_of_cell(cell) for cell in (1, 1.5, True, "x", None, [1])]
    assert kinds == ["number", "number", "boolean", "text", None, "json"]
    assert join_types("number", None) == "number"
    assert join_types(None, "text") == "text"
    assert join_types("number", "text") == "mixed"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"format":2,"columns":[],"types":[],"rows":0}\n',
        b'{"format":1,"columns":["a"],"types":["number"],"rows":2}\n[1]\n',
        b'{"format":1,"columns":["a"],"types":["number"],"rows":1}\n[1,2]\n',
        b'{"format":1,"columns":["a"],"types":["number"],"rows":1}\nnot json\n',
    ],
)
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_table(data)


def test_a_preview_is_short() -> None:
    rows = [["x" * 1000, {"kind": "image", "meta": {}}, ["y" * 1000]]] * 500
    shown = preview(rows)
    assert len(shown) == 100
    assert len(shown[0][0]) < 220
    assert shown[0][1] == {"kind": "image", "meta": {}}
    assert isinstance(shown[0][2], str)
    assert len(shown[0][2]) < 220
