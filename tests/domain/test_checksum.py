"""Checksums of many rows at once, beside those of one row at a time."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from epochal.domain.checksum import AT_ONCE, CRC32, CRC32C, Checksum, crc32_rows

KNOWN: dict[Checksum, Callable[[bytes], int]] = {CRC32: zlib.crc32, CRC32C: CRC32C.of_bytes}


def rows_of(count: int, length: int, same: int, seed: int) -> NDArray[np.uint8]:
    """Rows whose first ``same`` columns do not differ, as those of records of one kind."""
    rows = np.random.default_rng(seed).integers(0, 256, (count, length), np.uint8)
    rows[:, :same] = rows[:1, :same]
    return rows


def test_the_published_example_holds() -> None:
    """Both polynomials' check value, of the digits from 1 to 9."""
    digits = b"123456789"
    assert (CRC32.of_bytes(digits), CRC32C.of_bytes(digits)) == (0xCBF43926, 0xE3069283)


@pytest.mark.parametrize("checksum", KNOWN, ids=["crc32", "crc32c"])
@given(st.integers(0, 40), st.integers(1, 90), st.integers(0, 90), st.integers(0, 2**32))
def test_rows_have_the_checksums_that_each_has_alone(
    checksum: Checksum, count: int, length: int, same: int, seed: int
) -> None:
    """Whichever columns are the same, all and none included."""
    rows = rows_of(count, length, same, seed)
    alone = [KNOWN[checksum](row.tobytes()) for row in rows]
    assert checksum.of_rows(rows).tolist() == alone


@pytest.mark.parametrize("length", [1, 29, 300, 5000])
def test_more_rows_than_are_summed_in_one_go(length: int) -> None:
    """And rows that stand apart in memory."""
    rows = rows_of(AT_ONCE // length + 3, 2 * length, 0, 1)[:, length // 2 : length // 2 + length]
    alone = [zlib.crc32(row.tobytes()) for row in rows]
    assert CRC32.of_rows(rows).tolist() == alone
    assert crc32_rows(rows).tolist() == alone


@given(st.integers(0, 2**32), st.integers(0, 499), st.integers(0, 26 * 8 - 1))
def test_one_bit_changes_the_checksum_of_its_row_alone(seed: int, row: int, bit: int) -> None:
    """Also in a column that is otherwise the same everywhere."""
    rows = rows_of(500, 26, 20, seed)
    before = crc32_rows(rows)
    rows[row, bit // 8] ^= np.uint8(1 << bit % 8)
    assert np.flatnonzero(crc32_rows(rows) != before).tolist() == [row]
