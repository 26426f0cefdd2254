"""CRC-32C in numpy, beside TensorBoard's own."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub import pywrap_tensorflow as reference

from epochal.imports.tensorboard.checksum import crc32c, masked, masked_columns


@given(st.binary(max_size=1500))
def test_a_checksum_is_that_of_tensorboard(data: bytes) -> None:
    """Short records and long ones, which are joined from halves, give the known checksum."""
    assert crc32c(data) == reference.crc32c(data)
    assert masked(crc32c(data)) == reference.masked_crc32c(data)


def test_the_published_examples_hold() -> None:
    """RFC 3720, appendix B.4."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1))
def test_many_are_masked_as_each_is_alone(sums: list[int]) -> None:
    found = masked_columns(np.array(sums, np.uint32))
    assert found.tolist() == [masked(crc) for crc in sums]
