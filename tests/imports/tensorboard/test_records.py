"""Framing: tails that are cut off, damage in the middle, and files that are something else."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from epochal.imports.tensorboard.records import read_records
from tests.imports.tensorboard.events import file_bytes, frame, scalar, version

EVENTS = [version(), *(scalar("loss", step, step / 3) for step in range(6))]
DATA = file_bytes(*EVENTS)
RECORDS = [event.SerializeToString() for event in EVENTS]


def contents(data: bytes, *, whole: bool = False) -> list[bytes]:
    found = read_records(data, whole=whole)
    pairs = zip(found.starts.tolist(), found.lengths.tolist(), strict=True)
    return [data[start : start + length] for start, length in pairs]


def test_every_record_of_a_file_is_found() -> None:
    """In order, with nothing damaged and nothing left."""
    found = read_records(DATA)
    assert contents(DATA) == RECORDS
    assert (found.end, found.damaged, found.tail_damaged) == (len(DATA), 0, False)


def test_a_tail_that_is_cut_off_anywhere_is_left_for_later() -> None:
    """At every offset: the whole records are there, and what follows goes on exactly there."""
    ends = [len(b"".join(map(frame, RECORDS[:count]))) for count in range(len(RECORDS) + 1)]
    for size in range(len(DATA) + 1):
        found = read_records(DATA[:size])
        assert found.end == max(end for end in ends if end <= size)
        assert (found.damaged, found.tail_damaged) == (0, False)
        assert contents(DATA[:size]) + contents(DATA[found.end :]) == RECORDS


def test_a_bit_that_flips_costs_one_record_at_most() -> None:
    """Wherever it is; all others are found and the damage is told."""
    for bit in range(len(DATA) * 8):
        broken = bytearray(DATA)
        broken[bit // 8] ^= 1 << bit % 8
        found = read_records(bytes(broken))
        left = contents(bytes(broken))
        assert len(left) == len(RECORDS) - 1
        assert [record for record in RECORDS if record in left] == left
        last = len(DATA) - len(frame(RECORDS[-1]))
        if bit // 8 < last:
            assert (found.damaged, found.end) == (1, len(DATA))
        else:  # it may still be in the making
            assert (found.damaged, found.end) == (0, last)


@given(st.binary(min_size=1, max_size=200), st.integers(1, 5))
def test_garbage_between_records_is_stepped_over(garbage: bytes, place: int) -> None:
    """The records before and after it are found."""
    before, after = map(b"".join, (map(frame, RECORDS[:place]), map(frame, RECORDS[place:])))
    data = before + garbage + after
    found = contents(data)
    assert [record for record in found if record in RECORDS] == RECORDS


@given(st.binary(max_size=400))
def test_any_bytes_can_be_read(data: bytes) -> None:
    """Whatever they are, reading ends and never goes past them."""
    assert 0 <= read_records(data).end <= len(data)


def test_zeros_at_the_end_are_room_and_no_damage() -> None:
    """Some file systems show room before it is written."""
    for room in (1, 12, 16, 5000):
        found = read_records(DATA + bytes(room))
        assert (found.end, found.damaged, found.tail_damaged) == (len(DATA), 0, False)


def test_a_stretch_that_was_read_before_ends_where_it_did() -> None:
    """Damage at its end is stepped over, as it was the first time."""
    broken = bytearray(DATA)
    broken[-6] ^= 1
    found = read_records(bytes(broken), whole=True)
    assert (found.end, found.damaged) == (len(DATA), 1)


def test_large_records_are_checked_too() -> None:
    """A record of a megabyte whose last byte is wrong is no record."""
    big = frame(os.urandom(1_000_001))
    assert len(contents(big + DATA)) == len(RECORDS) + 1
    broken = bytearray(big)
    broken[-5] ^= 1
    assert contents(bytes(broken) + DATA) == RECORDS
