import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.columns import MAGIC, pack_columns, unpack_columns
from epochal.errors import InvalidInput

DTYPES = [np.uint8, np.uint16, np.uint32, np.int64, np.float32, np.float64]


@st.composite
def column_lists(draw):
    names = draw(st.lists(st.text(max_size=8), unique=True, max_size=5))
    columns = []
    for name in names:
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        raw = draw(st.binary(max_size=64))
        columns.append((name, np.frombuffer(raw[: len(raw) // 8 * 8], dtype)))
    return columns


@given(column_lists())
def test_columns_come_back_with_the_same_bits(columns):
    """Every dtype of the format survives, empty columns and NaN payloads too."""
    head, found = unpack_columns(pack_columns({"x": "step"}, columns))
    assert head == {"x": "step"}
    assert list(found) == [name for name, _ in columns]
    for name, column in columns:
        assert found[name].dtype == column.dtype
        assert found[name].tobytes() == column.tobytes()


def test_the_layout_is_the_one_on_the_wire_page():
    """Magic, length of the padded head, zero, head, then columns on multiples of 8."""
    message = pack_columns(
        {"a": 1}, [("n", np.array([1, 2, 3], np.uint8)), ("v", np.array([0.5]))]
    )
    magic, length, zero = struct.unpack_from("<8sII", message)
    assert (magic, zero, length % 8) == (MAGIC, 0, 0)
    head = json.loads(message[16 : 16 + length])
    assert head["columns"] == [
        {"name": "n", "dtype": "u8", "length": 3, "offset": 0},
        {"name": "v", "dtype": "f64", "length": 1, "offset": 8},
    ]
    assert message[16 + length :] == b"\1\2\3\0\0\0\0\0" + struct.pack("<d", 0.5)


def test_numbers_of_the_head_that_json_cannot_carry_become_words():
    """NaN never turns into null."""
    head, _ = unpack_columns(pack_columns({"lo": float("nan"), "hi": [float("-inf")]}, []))
    assert head == {"lo": "NaN", "hi": ["-Infinity"]}


def test_big_endian_arrays_are_written_little_endian():
    """The bytes on the wire do not depend on the machine."""
    _, found = unpack_columns(pack_columns({}, [("v", np.array([1, 2], ">i8"))]))
    assert found["v"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "columns",
    [
        [("v", np.zeros(2, np.complex128))],
        [("v", np.zeros((2, 2)))],
        [("v", np.zeros(2)), ("v", np.zeros(2))],
    ],
)
def test_what_the_format_does_not_have_is_refused(columns):
    """Unknown dtypes, shapes and repeated names are errors of the caller."""
    with pytest.raises(InvalidInput):
        pack_columns({}, columns)


def forge(head: object, body: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<8sII", MAGIC, len(text), 0) + text + body


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"EPCOLS01",
        b"EPCOLS02" + bytes(8),
        struct.pack("<8sII", MAGIC, 2**32 - 1, 0),
        forge(b"not json"),
        forge(b"\xff\xfe"),
        forge([1]),
        forge({}),
        forge(b"[" * 100_000),
        forge({"columns": [{"name": "a", "dtype": "f64", "length": 1}]}),
        forge({"columns": [{"name": "a", "dtype": "O", "length": 1, "offset": 0}]}, bytes(8)),
        forge({"columns": [{"name": "a", "dtype": "f64", "length": 2, "offset": 0}]}, bytes(8)),
        forge({"columns": [{"name": "a", "dtype": "f64", "length": -1, "offset": 0}]}, bytes(8)),
        forge({"columns": [{"name": "a", "dtype": "f64", "length": 1, "offset": -8}]}, bytes(8)),
        forge({"columns": [{"name": "a", "dtype": "u8", "length": 1, "offset": 1}]}, bytes(8)),
        forge({"columns": [{"name": "a", "dtype": "u8", "length": 2**70, "offset": 0}]}, bytes(8)),
        forge({"columns": [{"name": "a", "dtype": "u8", "length": 1, "offset": 0}] * 2}, bytes(8)),
    ],
)
def test_a_hostile_message_ends_in_invalid_input(message):
    """No message reaches outside of its own bytes or raises anything else."""
    with pytest.raises(InvalidInput):
        unpack_columns(message)


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 255))
def test_no_bytes_raise_anything_but_invalid_input(noise, at, byte):
    """Random bytes, and a good message with one byte changed, are read or refused."""
    good = bytearray(pack_columns({"run": "a"}, [("v", np.arange(4.0)), ("n", np.arange(3))]))
    good[at % len(good)] = byte
    for message in (noise, MAGIC + noise, bytes(good), bytes(good)[:at]):
        try:
            unpack_columns(message)
        except InvalidInput:
            continue


def test_unpacked_columns_cannot_be_written():
    """They are views of the message."""
    _, found = unpack_columns(pack_columns({}, [("v", np.arange(3))]))
    with pytest.raises(ValueError, match="read-only"):
        found["v"][0] = 1
