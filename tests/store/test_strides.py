"""Runs of rows read as arrays: bit for bit what the general way gives, and never a bad frame."""

from __future__ import annotations

import math
import random
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.journal.frame import (
    FILE_HEADER_SIZE,
    FileHeader,
    pack_file_header,
    pack_frame,
    scan_frames,
)
from epochal.journal.reader import JournalReader, decode_payloads
from epochal.store.columns import group_rows, merge_groups
from epochal.store.stretch import decode_stretch
from epochal.store.strides import LEAST, pack_run, take_run

WALL = 1_700_000_000_000_000
SCHEMAS = {
    1: ["a", "b", "c"], 2: ["x"], 3: ["t", "t", "u"], 4: ["y"], 5: ["x"], 6: ["z"],
    127: ["p"], 128: ["q"], 204: ["r"], 300: ["s"], 70_000: ["v"],
}  # fmt: skip
_encode = msgspec.msgpack.encode


def rows_of(schema: int, count: int, first: int = 1000, value=float) -> list[bytes]:
    width = len(SCHEMAS[schema])
    return [
        _encode([schema, first + i, WALL + i, [value(i * width + k) for k in range(width)]])
        for i in range(count)
    ]


def read(tmp_path, data: bytes, limit: int = 1 << 23):
    """Both ways: the columns by key set, and what was counted."""
    path = tmp_path / "j.ej"
    path.write_bytes(pack_file_header(FileHeader("1" * 32, "2" * 32, WALL)) + data)
    reader = JournalReader(str(path), 0, SCHEMAS)
    groups, rows, damaged, skipped = [], 0, 0, 0
    while True:
        found = decode_stretch(reader, limit, rows)
        groups += found.groups
        rows += found.rows
        damaged += found.entry.damaged
        skipped += found.skipped
        if found.entry.end == found.entry.start:
            return merge_groups(groups), rows, damaged, skipped, reader.offset


def expected(tmp_path, data: bytes):
    path = tmp_path / "k.ej"
    path.write_bytes(pack_file_header(FileHeader("1" * 32, "2" * 32, WALL)) + data)
    reader = JournalReader(str(path), 0, SCHEMAS)
    entry = reader.read()
    groups, skipped = group_rows(entry.rows, reader.schemas, 0)
    return merge_groups(groups), len(entry.rows), entry.damaged, skipped, reader.offset


def same(one, other) -> bool:
    def plain(found):
        groups = [
            (g.keys, g.order.tobytes(), g.step.tobytes(), g.wall_us.tobytes(),
             [(v.dtype, v.tobytes()) for v in g.values])
            for g in found[0]
        ]  # fmt: skip
        return groups, found[1:]

    return plain(one) == plain(other)


def taken(data, ordinal=0):
    """The run that stands at the beginning of ``data``."""
    found = take_run(data, 0, SCHEMAS, ordinal)
    assert found is not None
    (group,), end = found
    return group, end


def test_a_long_run_is_taken_as_one_array_with_every_bit():
    odd = [math.nan, -0.0, math.inf, 5e-324, struct.unpack("<d", b"\x01\0\0\0\0\0\xf0\x7f")[0]]
    payloads = rows_of(1, 1000, value=lambda i: odd[i % 5])
    data = b"".join(map(pack_frame, payloads))
    group, end = taken(data, 7)
    general, _ = group_rows(decode_payloads(payloads, dict(SCHEMAS), 0, 0).rows, SCHEMAS, 7)
    assert end == len(data)
    assert same(([group],), (general,))


@pytest.mark.parametrize("first", [0, 100, 250, 65_500, 2**32 - 20, 2**63 - 300, -400, -20])
def test_steps_of_every_length_are_read(tmp_path, first):
    data = b"".join(map(pack_frame, rows_of(2, 300, first)))
    assert same(read(tmp_path, data), expected(tmp_path, data))


@pytest.mark.parametrize("bit", [0, 3, 37, 64 * 8 + 1])
def test_a_flipped_bit_is_found_wherever_it_is(tmp_path, bit):
    """Length, checksum, structure or value: the same frames count, the same are damaged."""
    frames = [pack_frame(payload) for payload in rows_of(1, 200)]
    source = random.Random(bit)
    for _ in range(60):
        data = bytearray(b"".join(frames))
        place = source.randrange(len(data))
        data[place] ^= 1 << source.randrange(8)
        assert same(read(tmp_path, bytes(data)), expected(tmp_path, bytes(data))), place


VALUES = {
    "float": float,
    "int": int,
    "negative": lambda i: -i,
    "some of each": lambda i: (float(i), i, -i * 1000)[i % 3],
    "a truth value": lambda i: (float(i), i > 99, i)[i % 3],
    "changing": lambda i: float(i) if i % 50 < 25 else i,
    "no number": lambda i: (float(i), None)[i % 90 == 0],
}
frames = st.lists(
    st.one_of(
        st.tuples(st.just(1), st.integers(1, 80), st.sampled_from([3, 200, 70_000])),
        st.tuples(st.just(2), st.integers(1, 80), st.sampled_from([3, 200, 70_000])),
        st.tuples(st.just(3), st.integers(1, 40), st.just(500)),
        st.tuples(st.just(9), st.integers(1, 40), st.just(500)),
    ),
    max_size=6,
)


@given(frames, st.sampled_from(sorted(VALUES)), st.sampled_from([1 << 23, 4096, 1024]))
def test_any_mixture_gives_what_the_general_way_gives(tmp_path_factory, parts, values, limit):
    """Runs, short runs, all numbers, unknown and doubled key sets, in large and small steps."""
    payloads = []
    for schema, count, first in parts:
        if schema == 9:
            payloads += [_encode([9, first + i, WALL, [1.0]]) for i in range(count)]
        else:
            payloads += rows_of(schema, count, first, VALUES[values])
    data = b"".join(map(pack_frame, payloads)) + bytes(64)
    tmp_path = tmp_path_factory.mktemp("mixed")
    mine, theirs = read(tmp_path, data, limit), expected(tmp_path, data)
    assert same(mine, theirs)
    assert mine[4] == FILE_HEADER_SIZE + len(data) - 64


@pytest.mark.parametrize("numbers", [(2, 4), (2, 4, 5), (128, 204), (127, 204), (300, 70_000),
                                     (2, 9, 4), (2, 128)])  # fmt: skip
def test_rows_of_several_key_sets_are_one_run_wherever_they_change(tmp_path, numbers):
    """In turns and in blocks; numbers of equal key sets share a group, unknown ones end a run."""
    source = random.Random(str(numbers))
    turns = [numbers[i % len(numbers)] for i in range(200)]
    for order in (turns, sorted(turns), source.sample(turns, 200)):
        payloads = [_encode([n, 1000 + i, WALL + i, [i / 3]]) for i, n in enumerate(order)]
        data = b"".join(map(pack_frame, payloads))
        assert same(read(tmp_path, data), expected(tmp_path, data))
        assert same(read(tmp_path, data, 1024), expected(tmp_path, data))


def test_key_sets_in_turns_are_taken_as_arrays():
    payloads = [_encode([2 + 2 * (i % 3), 1000 + i, WALL + i, [i / 3]]) for i in range(300)]
    data = b"".join(map(pack_frame, payloads))
    found = take_run(data, 0, SCHEMAS, 10)
    assert found is not None
    groups, end = found
    assert [group.keys for group in groups] == [["x"], ["y"], ["z"]]
    assert [group.order[:2].tolist() for group in groups] == [[10, 13], [11, 14], [12, 15]]
    assert end == len(data)


def test_a_number_that_looks_like_a_type_is_no_key_set(tmp_path):
    """0xcc is the type of an integer; as a byte of its own it is no number."""
    rows = [_encode([2, 1000 + i, WALL + i, [i / 3]]) for i in range(60)]
    rows[40] = rows[40][:1] + b"\xcc" + rows[40][2:]
    data = b"".join(map(pack_frame, rows))
    assert same(read(tmp_path, data), expected(tmp_path, data))


def test_a_torn_end_and_short_runs_are_left_to_the_general_way():
    data = b"".join(map(pack_frame, rows_of(1, LEAST - 1)))
    assert take_run(data, 0, SCHEMAS, 0) is None
    data = b"".join(map(pack_frame, rows_of(1, LEAST + 5)))
    group, end = taken(data[:-3])
    assert (len(group), end) == (LEAST + 4, len(data) * (LEAST + 4) // (LEAST + 5))


def test_times_past_64_bits_with_a_sign_are_left_out(tmp_path):
    payloads = [_encode([2, 1000 + i, 2**63 + i, [1.0]]) for i in range(50)]
    data = b"".join(map(pack_frame, payloads))
    found = read(tmp_path, data)
    assert same(found, expected(tmp_path, data))
    assert found[3] == 50


def test_columns_are_contiguous_and_native():
    data = b"".join(map(pack_frame, rows_of(1, 100)))
    group, _ = taken(data)
    assert all(v.flags.c_contiguous and v.dtype == np.float64 for v in group.values)
    assert group.step.dtype == group.wall_us.dtype == np.int64


@pytest.mark.parametrize(
    "value", [float, int, lambda i: -i - 1, lambda i: (i / 7, i, 2**40 + i)[i % 3]]
)
def test_runs_of_integers_are_taken_as_arrays_too(value):
    payloads = rows_of(1, 200, value=value)
    data = b"".join(map(pack_frame, payloads[100:]))  # from here on all are of the same sizes
    group, _ = taken(data)
    general, _ = group_rows(decode_payloads(payloads, dict(SCHEMAS), 0, 0).rows, SCHEMAS, 0)
    assert len(group) >= LEAST
    for mine, theirs in zip(group.values, general[0].values, strict=True):
        assert mine.dtype == theirs.dtype
        assert mine.tolist() == theirs[100 : 100 + len(group)].tolist()


@pytest.mark.parametrize("schema", [1, 127, 128, 300])
@pytest.mark.parametrize("width", [1, 15, 16, 70])
def test_a_packed_run_reads_back_in_both_ways(schema, width):
    rows = 50
    step = np.arange(2**40, 2**40 + rows)
    wall = np.arange(WALL, WALL + rows)
    values = [
        np.arange(rows) / 7 if index % 3 else -np.arange(rows) * 10**9 for index in range(width)
    ]
    schemas = {schema: [f"k{index}" for index in range(width)]}
    data = pack_run(schema, step, wall, values)
    scan = scan_frames(data)
    assert (len(scan.payloads), scan.end, scan.damaged) == (rows, len(data), 0)
    general, skipped = group_rows(
        decode_payloads(scan.payloads, dict(schemas), 0, 0).rows, schemas, 0
    )
    assert skipped == 0
    run = take_run(data, 0, schemas, 0)
    assert run is not None
    for group in [*general, *run[0]]:
        assert (group.step == step).all()
        assert (group.wall_us == wall).all()
        for mine, theirs in zip(group.values, values, strict=True):
            assert mine.dtype == theirs.dtype
            assert (mine == theirs).all()
