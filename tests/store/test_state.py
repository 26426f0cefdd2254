"""A run's state from its writers; scalars and rules that come back as they went in."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.run import RunState
from epochal.domain.view import DefinitionRow
from epochal.store.rules import Rule, find_definition, rules_of
from epochal.store.scalars import decode_value, encode_value
from epochal.store.state import ABANDONED_US, WriterState, decide_state

NOW = 10**15


def writer(
    started=0, *, primary=True, closed=False, lost=False, state=None, code=None, contact=NOW
):
    finished = contact if closed else None
    return WriterState(started, primary, closed, lost, state, code, finished, contact)


FINISHED = writer(closed=True, state="finished", code=0)


@pytest.mark.parametrize(
    "writers, state, code",
    [
        ([], RunState.RUNNING, None),
        ([writer()], RunState.RUNNING, None),
        ([FINISHED], RunState.FINISHED, 0),
        ([writer(lost=True)], RunState.CRASHED, None),
        ([writer(closed=True, state="killed", code=137)], RunState.KILLED, 137),
        ([writer(closed=True, state="something new")], RunState.FINISHED, None),
        ([writer(lost=True), writer(1)], RunState.RUNNING, None),
        (
            [writer(lost=True), writer(1, closed=True, state="finished", code=0)],
            RunState.FINISHED,
            0,
        ),
        ([writer(1, lost=True), FINISHED], RunState.CRASHED, None),
        ([FINISHED, writer(1, primary=False, lost=True)], RunState.FINISHED, 0),
        ([FINISHED, writer(1, primary=False)], RunState.FINISHED, 0),
        ([writer(), writer(1, primary=False, lost=True)], RunState.RUNNING, None),
        ([writer(primary=False), writer(1, primary=False, lost=True)], RunState.RUNNING, None),
        ([writer(primary=False, lost=True)], RunState.CRASHED, None),
        ([writer(closed=True)], RunState.RUNNING, None),
        ([writer(closed=True, contact=NOW - ABANDONED_US)], RunState.CRASHED, None),
    ],
)
def test_the_primary_writer_that_started_last_decides(writers, state, code):
    for order in (writers, list(reversed(writers))):
        verdict = decide_state(order, NOW)
        assert (verdict.state, verdict.exit_code) == (state, code)
        assert (verdict.ended_us is None) is (state is RunState.RUNNING)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=40),
    st.lists(st.integers(0, 9), max_size=4),
)  # fmt: skip


@given(LEAVES)
def test_a_leaf_comes_back_as_it_was(value):
    kind, num, txt = encode_value(value)
    assert num is None or not math.isnan(num), "NaN would become NULL"
    found = decode_value(int(kind), num, txt)
    if isinstance(value, str):
        assert found == value.replace("\0", "\ufffd")
    elif isinstance(value, float):
        assert repr(found) == repr(value)
    else:
        assert (found, type(found)) == (value, type(value))


def shown(rows, key) -> str:
    found = find_definition(rows, key)
    assert found is not None
    return found.summary[0]


def test_the_most_specific_definition_wins():
    rows = [DefinitionRow(name, None, [word], False, None) for name, word in
            [("*", "min"), ("val/*", "max"), ("val/loss", "mean")]]  # fmt: skip
    expected = {"val/loss": "mean", "val/acc": "max", "loss": "min"}
    assert {key: shown(rows, key) for key in expected} == expected
    assert find_definition(rows[1:], "loss") is None


@pytest.mark.parametrize(
    "words, goal, rules",
    [
        ([], None, [Rule.LAST]),
        (["min", "max"], None, [Rule.MIN, Rule.MAX]),
        (["best"], None, [Rule.MIN]),
        (["best"], "maximize", [Rule.MAX]),
        (["none"], None, [Rule.NONE]),
        (["future"], None, [Rule.LAST]),
    ],
)
def test_words_of_a_definition_become_rules(words, goal, rules):
    assert rules_of(DefinitionRow("x", None, words, False, goal)) == rules
