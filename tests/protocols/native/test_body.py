from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.errors import InvalidInput, TooLarge, Unavailable, UnsupportedMediaType
from epochal.protocols.native.body import Budget, collect, expected_size, unpack


def test_the_budget_is_shared_and_given_back() -> None:
    """A second upload that does not fit waits its turn with 503; after the first, it fits."""
    budget = Budget(100)
    with budget.hold(60):
        with pytest.raises(Unavailable), budget.hold(60):
            pass
        with budget.hold(40):
            assert budget.used == 100
    assert budget.used == 0
    with budget.hold(60):
        assert budget.used == 60


def test_one_upload_larger_than_the_budget_is_admitted_alone() -> None:
    """The limit of one body may exceed the budget; nobody waits for ever."""
    budget = Budget(10)
    with budget.hold(1000), pytest.raises(Unavailable), budget.hold(1):
        pass


def test_a_failure_gives_the_budget_back() -> None:
    """Whatever ends an upload, its bytes are free again."""
    budget = Budget(10)
    with pytest.raises(ZeroDivisionError), budget.hold(5):
        1 / 0  # noqa: B018
    assert budget.used == 0


@pytest.mark.parametrize(
    "length,encoding,expected",
    [
        (None, None, 100),
        ("7", None, 7),
        ("7", "gzip", 100),
        ("0", "gzip", 0),
        ("7", "identity", 7),
    ],
)
def test_the_expected_size(length: str | None, encoding: str | None, expected: int) -> None:
    """Known lengths are trusted downwards only: packed bodies may grow to the limit."""
    assert expected_size(length, encoding, 100) == expected


def test_wrong_headers_are_refused() -> None:
    """Each with its own status."""
    with pytest.raises(TooLarge):
        expected_size("101", None, 100)
    with pytest.raises(InvalidInput):
        expected_size("1_0", None, 100)
    with pytest.raises(InvalidInput):
        expected_size("\u0661", None, 100)
    with pytest.raises(UnsupportedMediaType):
        expected_size("1", "br", 100)


def test_collect_stops_reading_at_the_limit() -> None:
    """What comes after the limit is never asked for."""
    asked = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * 10

    with pytest.raises(TooLarge):
        asyncio.run(collect(chunks(), 35))
    assert asked == 4


@given(st.binary(max_size=2000), st.integers(0, 9))
def test_unpack_is_the_inverse_of_gzip(data: bytes, level: int) -> None:
    """Every body that a client packs comes out as it was."""
    assert unpack(gzip.compress(data, level), "gzip", 10_000) == data
    assert unpack(data, None, 10_000) == data


@given(st.binary(max_size=200))
def test_bytes_that_are_no_gzip_raise_only_our_errors(data: bytes) -> None:
    """DOS-20: any input ends in bytes, InvalidInput or TooLarge."""
    with contextlib.suppress(InvalidInput, TooLarge):
        assert isinstance(unpack(data, "gzip", 10_000), bytes)


def test_memory_is_bounded_while_unpacking() -> None:
    """Exactly the limit passes, one byte more does not; the ratio counts past one MiB."""
    for size, limit, passes in ((1000, 1000, True), (1001, 1000, False)):
        packed = gzip.compress(b"x" * size)
        if passes:
            assert len(unpack(packed, "gzip", limit)) == size
        else:
            with pytest.raises(TooLarge):
                unpack(packed, "gzip", limit)
    zeros = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = zeros.compress(bytes(8 << 20)) + zeros.flush()
    with pytest.raises(TooLarge):
        unpack(bomb, "gzip", 64 << 20)
