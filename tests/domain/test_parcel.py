"""A parcel gives back what was packed, and nothing of one that is torn or changed."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.parcel import MAX_SMALL, open_parcel, pack_parcel
from epochal.errors import InvalidInput

BLOBS = st.lists(st.binary(max_size=50), max_size=8)


def packed(blobs: list[bytes]) -> bytes:
    return pack_parcel((hashlib.sha256(data).hexdigest(), data) for data in blobs)


@given(BLOBS)
def test_what_was_packed_comes_back_in_order(blobs: list[bytes]) -> None:
    assert [data for _, data in open_parcel(packed(blobs))] == blobs


@given(BLOBS.filter(bool), st.data())
def test_a_changed_byte_is_found(blobs: list[bytes], data: st.DataObject) -> None:
    """Whatever byte it is: of a digest, of a size, of a blob."""
    body = bytearray(packed(blobs))
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1
    with pytest.raises(InvalidInput):
        open_parcel(bytes(body))


def test_a_size_past_the_limit_is_refused_before_it_is_read() -> None:
    body = packed([bytes(MAX_SMALL + 1)])
    with pytest.raises(InvalidInput, match="at most"):
        open_parcel(body)


def test_without_the_check_the_caller_sees_what_was_told() -> None:
    body = pack_parcel([("0" * 64, b"x")])
    assert open_parcel(body, check=False) == [("0" * 64, b"x")]
