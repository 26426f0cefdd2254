import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochal.errors import StorageError
from epochal.store import codec
from tests.store.arrays import any_floats, any_integers, same_bits


@given(any_floats())
@settings(max_examples=300)
def test_floats_come_back_with_the_same_bits(values):
    """NaN payloads, infinities, negative zeros and denormals survive every codec."""
    assert same_bits(codec.decode(codec.encode(values)), values)


@given(any_integers())
def test_integers_come_back_with_the_same_bits(values):
    """The whole range of int64 is kept."""
    assert same_bits(codec.decode(codec.encode(values)), values)


@given(any_floats(), any_integers())
def test_without_pcodec_blocks_are_just_as_exact(floats, integers):
    """The zstd fallback loses nothing, and both worlds can read it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "standalone", None)
        blocks = [codec.encode(floats), codec.encode(integers)]
        assert all(block[:1] in {b"Z", b"R"} for block in blocks)
        assert same_bits(codec.decode(blocks[0]), floats)
    assert same_bits(codec.decode(blocks[0]), floats)
    assert same_bits(codec.decode(blocks[1]), integers)


def test_a_process_without_pcodec_works_and_says_what_it_cannot_read():
    """An import that fails for real leads to the fallback; a pcodec block names the package."""
    block = codec.encode(np.arange(5000) * 7)
    assert block[:1] == b"P"
    program = f"""
import sys
sys.modules["pcodec"] = None
import numpy as np
from epochal.errors import StorageError
from epochal.store import codec
assert not codec.has_pcodec()
values = np.arange(5000.0)
assert codec.decode(codec.encode(values)).tobytes() == values.tobytes()
try:
    codec.decode({block!r})
except StorageError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install pcodec" in done.stdout


@pytest.mark.parametrize(
    "values, kind",
    [
        (np.linspace(0, 1, 2000).astype(np.float32).astype(np.float64), b"f"),
        (np.linspace(0, 1, 2000), b"d"),
        (np.arange(2000), b"q"),
    ],
)
def test_a_column_is_stored_as_narrow_as_it_can_be(values, kind):
    """Losses born as float32 take half the room; other floats and integers keep their width."""
    block = codec.encode(values)
    assert block[1:2] == kind
    assert len(block) < values.nbytes


def test_a_float32_nan_payload_is_narrow_and_a_wider_one_is_not():
    """Narrowing is decided on bits: a payload that float32 cannot hold keeps the column wide."""
    fits = np.array([0x7FF8000020000000], np.uint64).view(np.float64)
    does_not = np.array([0x7FF8000000000001], np.uint64).view(np.float64)
    assert codec.narrow(fits) is not None
    assert codec.narrow(does_not) is None


def test_no_block_is_larger_than_raw():
    """What cannot be compressed is stored as it is."""
    noise = np.random.default_rng(5).integers(-(2**63), 2**63 - 1, 1000)
    assert len(codec.encode(noise)) <= codec.HEADER_SIZE + noise.nbytes
    assert codec.encode(noise[:1])[:1] == b"R"


@given(any_floats(max_size=40), st.data())
def test_damaged_blocks_end_in_a_clear_error_or_in_values(values, data):
    """A cut-off block never crashes and never yields more values than it should."""
    block = codec.encode(values)
    cut = data.draw(st.integers(0, len(block) - 1))
    with pytest.raises((ValueError, StorageError)):
        codec.decode(block[:cut])


@pytest.mark.parametrize(
    "bad", [np.zeros(3, np.float32), np.zeros((2, 2)), np.zeros(3, np.uint64)]
)
def test_other_arrays_are_refused(bad):
    """Only flat float64 and int64 arrays can be kept bit-exact here."""
    with pytest.raises(ValueError, match="float64 or int64"):
        codec.encode(bad)
