"""The bytes of a journal: what was written whole is read, and nothing else ever is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.errors import CorruptFile, NewerFormat
from epochal.journal.frame import (
    FILE_HEADER_SIZE,
    FileHeader,
    pack_file_header,
    pack_frame,
    scan_frames,
    unpack_file_header,
)

payload_lists = st.lists(st.binary(min_size=1, max_size=200), max_size=20)


@given(payload_lists, st.integers(0, 4096))
def test_frames_come_back_in_order_and_zeros_end_them(payloads: list[bytes], zeros: int) -> None:
    """The preallocated tail of a living journal is no data."""
    packed = b"".join(map(pack_frame, payloads))
    scan = scan_frames(packed + b"\0" * zeros)
    assert (scan.payloads, scan.end, scan.damaged) == (payloads, len(packed), 0)


@given(payload_lists, st.data())
def test_a_cut_journal_gives_a_prefix(payloads: list[bytes], data: st.DataObject) -> None:
    """A torn tail costs the record that was torn, and nothing before it."""
    packed = b"".join(map(pack_frame, payloads))
    cut = data.draw(st.integers(0, len(packed)))
    scan = scan_frames(packed[:cut])
    assert scan.payloads == payloads[: len(scan.payloads)]
    assert scan.end <= cut
    whole, size = 0, 0
    for payload in payloads:
        if size + len(pack_frame(payload)) > cut:
            break
        size += len(pack_frame(payload))
        whole += 1
    assert len(scan.payloads) == whole


@given(st.lists(st.binary(min_size=1, max_size=64), min_size=1, max_size=8), st.data())
def test_a_flipped_bit_never_invents_a_record(payloads: list[bytes], data: st.DataObject) -> None:
    """Whatever is damaged, every payload that is read is one that was written, in order."""
    packed = bytearray(b"".join(map(pack_frame, payloads)))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    written = iter(payloads)
    assert all(any(read == one for one in written) for read in scan_frames(bytes(packed)).payloads)


def test_a_damaged_frame_between_good_ones_is_stepped_over() -> None:
    packed = bytearray(pack_frame(b"first") + pack_frame(b"second") + pack_frame(b"third"))
    packed[len(pack_frame(b"first")) + 9] ^= 0xFF
    scan = scan_frames(bytes(packed))
    assert (scan.payloads, scan.damaged, scan.end) == ([b"first", b"third"], 1, len(packed))


def test_a_budget_stops_after_the_frame_that_reaches_it() -> None:
    packed = b"".join(pack_frame(bytes([65 + i]) * 10) for i in range(5))
    assert len(scan_frames(packed, 0, 15).payloads) == 2


def test_the_file_header_round_trips() -> None:
    header = FileHeader(run="0f" * 16, writer="a0" * 16, created_us=2**50)
    packed = pack_file_header(header)
    assert len(packed) == FILE_HEADER_SIZE
    assert unpack_file_header(packed, "x") == header


@pytest.mark.parametrize("data", [b"", b"EPOCHALJ", b"x" * 64])
def test_no_journal_is_said_to_be_one(data: bytes) -> None:
    with pytest.raises(CorruptFile, match="journal"):
        unpack_file_header(data, "file.ej")


def test_a_newer_format_is_refused_politely() -> None:
    packed = bytearray(pack_file_header(FileHeader("00" * 16, "11" * 16, 1)))
    packed[8] = 2
    with pytest.raises(NewerFormat, match="upgrade"):
        unpack_file_header(bytes(packed), "file.ej")
