"""Protocol buffers: the known messages, and any bytes at all."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.util import tensor_util

from epochal.imports.tensorboard.dense import find_scalar
from epochal.imports.tensorboard.event import TENSOR, read_event, read_tensor
from epochal.imports.tensorboard.histograms import read_histogram
from epochal.imports.tensorboard.hparams import read_session
from epochal.imports.tensorboard.plugins import read_layout, read_mesh_part
from epochal.imports.tensorboard.wire import Malformed, read_fields


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_malformed(data: bytes) -> None:
    """No reader fails in any other way, whatever it is given."""
    readers = (read_fields, read_event, read_tensor, read_histogram, read_session, read_layout)
    for reader in (*readers, read_mesh_part, find_scalar):
        try:
            reader(data)
        except Malformed:
            continue


@given(
    st.text(max_size=30),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(width=32),
    st.floats(0, 4e9),
)
def test_an_event_is_read_as_it_was_written(
    tag: str, step: int, value: float, wall: float
) -> None:
    """Tags, negative steps, NaN, infinities and every float32 come back exactly."""
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    data = Event(wall_time=wall, step=step, summary=summary).SerializeToString()
    event = read_event(data)
    (found,) = event.values
    assert (event.step, found.tag) == (step, tag)
    assert abs(event.wall_us - wall * 1e6) <= 1
    assert struct.pack("<d", found.scalar) == struct.pack("<d", value) or (
        math.isnan(value) and math.isnan(found.scalar)
    )
    place = find_scalar(data)
    assert place is not None
    assert struct.unpack_from("<f", data, place.start)[0] == value or math.isnan(value)


@given(st.data())
def test_bits_that_flip_in_an_event_never_do_worse_than_malformed(data: st.DataObject) -> None:
    """Checksums may be right and the content wrong all the same."""
    good = Event(
        wall_time=1.0, step=5, summary=Summary(value=[Summary.Value(tag="a", simple_value=2.0)])
    ).SerializeToString()
    bit = data.draw(st.integers(0, len(good) * 8 - 1))
    broken = bytearray(good)
    broken[bit // 8] ^= 1 << bit % 8
    try:
        read_event(bytes(broken))
    except Malformed:
        return


@pytest.mark.parametrize(
    "dtype",
    ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "bool", "c8", "c16"],
)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
def test_tensors_of_every_type_are_read(dtype: str, shape: tuple[int, ...]) -> None:
    """As TensorBoard's own writer lays them out."""
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    found = read_tensor(tensor_util.make_tensor_proto(array).SerializeToString())
    assert found.shape == shape
    assert found.array is not None
    assert found.array.dtype == array.dtype
    assert np.array_equal(found.array, array)


def test_tensors_of_strings_keep_their_bytes() -> None:
    """Bytes that are no text, too."""
    array = np.array([[b"a", b"\xff"], [b"", b"d"]], dtype=object)
    found = read_tensor(tensor_util.make_tensor_proto(array).SerializeToString())
    assert (found.shape, found.strings) == ((2, 2), [b"a", b"\xff", b"", b"d"])


def test_the_last_value_stands_for_those_that_are_left_out() -> None:
    """A tensor of equal numbers may be written as one number."""
    proto = tensor_util.make_tensor_proto(np.zeros((3,), "f4"))
    proto.ClearField("tensor_content")
    proto.float_val[:] = [1.0, 7.0]
    found = read_tensor(proto.SerializeToString())
    assert found.array is not None
    assert found.array.tolist() == [1.0, 7.0, 7.0]


def test_a_field_of_another_wire_type_is_malformed() -> None:
    """A tag that is a number is no tag."""
    with pytest.raises(Malformed):
        read_event(b"\x2a\x04\x0a\x02\x08\x01")


def test_a_tensor_is_no_dense_scalar_without_its_metadata() -> None:
    """What a tag without metadata means depends on earlier records."""
    tensor = tensor_util.make_tensor_proto(np.float32(1.5))
    bare = Event(step=1, summary=Summary(value=[Summary.Value(tag="a", tensor=tensor)]))
    assert find_scalar(bare.SerializeToString()) is None
    assert read_event(bare.SerializeToString()).values[0].field == TENSOR
