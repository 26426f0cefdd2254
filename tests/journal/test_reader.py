"""The reading end follows a journal that is being written, and steps over what it cannot read."""

from __future__ import annotations

import struct
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.record import Config, Event, Header, Heartbeat, Text
from epochal.journal.reader import JournalReader, decode_payloads
from epochal.journal.writer import Journal, open_journal

encode = msgspec.msgpack.Encoder().encode
HEADER = Header("local", "p", "r", started_us=5)


def fresh(path: Path) -> Journal:
    return open_journal(str(path), "ab" * 16, "cd" * 16, HEADER)


def test_it_follows_a_living_journal(tmp_path: Path) -> None:
    journal = fresh(tmp_path)
    assert journal.path is not None
    reader = JournalReader(journal.path)
    assert reader.read().facts == [HEADER]
    key_set = journal.declare(("a",), ["a"])
    journal.append(encode((key_set, 0, 1, [0.5])))
    entry = reader.read()
    assert (entry.rows, reader.schemas) == ([[1, 0, 1, [0.5]]], {1: ["a"]})
    empty = reader.read()
    assert empty.start == empty.end == entry.end
    journal.append_fact(Heartbeat(9))
    assert reader.read().facts == [Heartbeat(9)]
    journal.close()


def test_it_goes_on_from_an_offset_with_the_key_sets_it_is_given(tmp_path: Path) -> None:
    journal = fresh(tmp_path)
    assert journal.path is not None
    key_set = journal.declare(("a",), ["a"])
    first = JournalReader(journal.path)
    offset = first.read().end
    journal.append(encode((key_set, 3, 1, [1])))
    later = JournalReader(journal.path, offset, first.schemas)
    assert later.read().rows == [[1, 3, 1, [1]]]
    assert later.schemas == {1: ["a"]}
    journal.close()


def test_facts_know_the_rows_before_them() -> None:
    payloads = [encode((1, 0, 0, [1])), encode(Heartbeat(1)), encode((1, 1, 0, [1]))]
    entry = decode_payloads([*payloads, encode(Heartbeat(2))], {1: ["a"]}, 0, 0)
    assert entry.fact_positions == [1, 2]


def test_a_record_of_the_future_is_counted_and_stepped_over() -> None:
    """Readers skip tags that they do not know, and fields past the ones that they know."""
    known = [-13, 5, "a field of the future"]
    entry = decode_payloads([encode([-31, "?"]), encode(known), b"\xc1"], {}, 0, 0)
    assert entry.facts == [Heartbeat(5)]
    assert entry.unknown == 2


def test_a_frame_larger_than_the_window_is_read(tmp_path: Path) -> None:
    journal = fresh(tmp_path)
    assert journal.path is not None
    big = Text("k", 0, 1, "x" * 300_000)
    journal.append_fact(big)
    journal.append_fact(Heartbeat(1))
    reader = JournalReader(journal.path)
    facts = []
    while (entry := reader.read(limit=65_536)).end != entry.start:
        facts += entry.facts
    assert facts == [HEADER, big, Heartbeat(1)]
    journal.close()


@given(st.lists(st.floats(width=64), min_size=1, max_size=8), st.integers(-(2**63), 2**63 - 1))
def test_numbers_keep_their_bits(values: list[float], step: int) -> None:
    """NaN payloads, infinities, minus zero and denormals come back as they were."""
    entry = decode_payloads([encode((1, step, 0, values))], {1: ["a"] * len(values)}, 0, 0)
    _, read_step, _, read = entry.rows[0]
    assert read_step == step
    assert [struct.pack("<d", v) for v in read] == [struct.pack("<d", v) for v in values]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=10), json_values, max_size=4), st.text(max_size=40))
def test_facts_round_trip(changes: dict[str, object], title: str) -> None:
    facts = [Config(1, changes, ["a.b"]), Event(2, "info", title)]
    entry = decode_payloads([encode(fact) for fact in facts], {}, 0, 0)
    assert entry.facts == facts
