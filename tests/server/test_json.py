from __future__ import annotations

import json
import math
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.run import RunState
from epochal.domain.view import ResumeState, RunChanges, RunDetail, RunEvent, RunPage, RunRow
from epochal.server.json import encode, open_fields

ROW: dict[str, Any] = {
    "uid": "u", "id": "i", "entity": "e", "project": "p", "name": "n", "state": RunState.RUNNING,
    "created_us": 1, "updated_us": 2, "ended_us": None, "group": "", "job_type": "", "tags": ["t"],
    "notes": "", "color": 0, "archived": False, "host": "", "exit_code": None, "last_step": 2**53,
    "nan_key": None, "nan_step": None,
}  # fmt: skip


def strict(text: bytes) -> Any:
    """Parse as a browser does: NaN and Infinity are no JSON."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(values)
def test_every_value_becomes_strict_json(value: Any) -> None:
    """NaN is data: it is never null, and never a word that JSON does not have."""
    strict(encode(ResumeState(exists=True, summary={"value": value})))


@given(st.lists(st.floats()))
def test_floats_survive(numbers: list[float]) -> None:
    """Finite ones bit for bit, the others as the three strings."""
    page = RunPage(total=0, matched=0, cursor=None, runs=[], columns={"x": numbers})
    back = strict(encode(page))["columns"]["x"]
    words = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    found = [words[item] if isinstance(item, str) else float(item) for item in back]
    assert [repr(number) for number in found] == [repr(number) for number in numbers]


def test_integers_past_64_bits_become_text() -> None:
    """A parser with 64-bit integers must not choke on one value."""
    state = ResumeState(exists=True, config={"big": 2**64, "fits": 2**63 - 1})
    assert strict(encode(state))["config"] == {"big": str(2**64), "fits": 2**63 - 1}


def test_rows_without_floats_take_the_fast_path() -> None:
    """A list of a thousand rows is not walked field by field; those that hold values are."""
    assert open_fields(RunRow) == frozenset()
    assert open_fields(RunEvent) == frozenset()
    assert open_fields(RunChanges) == frozenset()
    assert open_fields(RunPage) == {"columns"}
    assert {"config", "summary", "metrics", "environment"} <= open_fields(RunDetail)
    row = RunRow(**ROW)
    assert encode(row) == msgspec.json.encode(row)


def test_the_fields_of_a_struct_keep_their_names_and_order() -> None:
    """The walk gives the same text as the plain encoder when nothing is special."""
    detail = RunDetail(
        **ROW, config={"a": {"b": 1.5}}, summary={}, metrics=[], definitions=[], environment={},
        events=[RunEvent(1, "info", "t", "x")], writers=[],
    )  # fmt: skip
    assert encode(detail) == msgspec.json.encode(detail)
