"""One array, one block of bytes: the smallest of three codecs, bit-exact in every case.

NaN payloads, infinities, negative zeros and denormals come back with the same bits. A block says
how it was written, so a reader needs no setting; blocks written without pcodec can be read with it
and the reverse is refused with a clear error.

Layout, little-endian: codec (``P`` pcodec, ``Z`` byte-shuffle and zstd, ``R`` raw), kind (``f``
float32, ``d`` float64, ``q`` int64), two zero bytes, ``u32`` number of values, payload. Float64
values that all survive the way through float32 are stored as float32.
"""

from __future__ import annotations

import struct
from typing import Any, Final, TypeAlias

import numpy as np
import zstandard
from numpy.typing import NDArray

from epochal.errors import StorageError

try:
    from pcodec import ChunkConfig, standalone
except ImportError:  # pragma: no cover - the fallback is tested in a process of its own
    standalone = None

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[Any]
"""float64 or int64; nothing else reaches a segment."""
Bytes: TypeAlias = bytes | memoryview

PCODEC_LEVEL: Final = 4
ZSTD_LEVEL: Final = 1
TINY: Final = 128
"""Arrays up to this many values are tried with every codec."""

_HEADER: Final = struct.Struct("<ccHI")
HEADER_SIZE: Final = _HEADER.size
_KINDS: Final[dict[bytes, np.dtype[Any]]] = {
    b"f": np.dtype("<f4"),
    b"d": np.dtype("<f8"),
    b"q": np.dtype("<i8"),
}
_CODES: Final = {dtype: kind for kind, dtype in _KINDS.items()}


def has_pcodec() -> bool:
    """Whether pcodec is installed; without it blocks are written with zstd."""
    return standalone is not None


def narrow(values: Floats) -> NDArray[np.float32] | None:
    """The values as float32 when that loses no bit of any of them, else None.

    The check compares bits, NaN payloads included; a signaling NaN is never narrowed.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        small = values.astype(np.float32)
        same = np.array_equal(small.astype(np.float64).view(np.int64), values.view(np.int64))
    return small if same else None


def narrows(rows: Floats) -> NDArray[np.bool_]:
    """For each row of a matrix, whether `narrow` gives it as float32."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        back = rows.astype(np.float32).astype(np.float64)
    same: NDArray[np.bool_] = (back.view(np.int64) == rows.view(np.int64)).all(axis=1)
    return same


def encode(values: Values) -> bytes:
    """Write an array as one block.

    Args:
        values: one-dimensional, float64 or int64, shorter than 2**32.

    Raises:
        ValueError: another dtype or shape; nothing else can be kept bit-exact here.
    """
    if values.ndim != 1 or values.dtype not in (np.float64, np.int64):
        raise ValueError(
            f"expected a flat float64 or int64 array; got {values.dtype} {values.shape}"
        )
    values = np.ascontiguousarray(values)
    stored: NDArray[Any] = values
    if values.dtype == np.float64 and (small := narrow(values.view(np.float64))) is not None:
        stored = small
    codec, payload = _smallest(stored.astype(stored.dtype.newbyteorder("<"), copy=False))
    return _HEADER.pack(codec, _CODES[stored.dtype], 0, len(values)) + payload


def decode(block: Bytes) -> Values:
    """Read one block.

    Returns:
        A new float64 or int64 array.

    Raises:
        ValueError: the block is damaged.
        StorageError: it needs pcodec, and pcodec is not installed.
    """
    if len(block) < HEADER_SIZE:
        raise ValueError(f"a block has at least {HEADER_SIZE} bytes; got {len(block)}")
    codec, kind, _, count = _HEADER.unpack_from(block)
    dtype = _KINDS.get(kind)
    if dtype is None:
        raise ValueError(f"a block's kind is one of f, d, q; got {kind!r}")
    stored = _read_payload(codec, dtype, count, memoryview(block)[HEADER_SIZE:])
    if stored.dtype != dtype or len(stored) != count:
        raise ValueError(f"a block should hold {count} {dtype}; got {len(stored)} {stored.dtype}")
    if kind == b"q":
        return stored.astype(np.int64, copy=False)
    with np.errstate(invalid="ignore"):
        return stored.astype(np.float64, copy=False)


def _smallest(stored: NDArray[Any]) -> tuple[bytes, bytes]:
    raw = (b"R", stored.tobytes())
    if not len(stored):
        return raw
    tried = [raw]
    if standalone is not None:
        tried.append((b"P", bytes(standalone.simple_compress(stored, _pcodec_config()))))
    if standalone is None or len(stored) <= TINY:
        tried.append((b"Z", _shuffle_and_compress(raw[1], stored.dtype.itemsize)))
    return min(tried, key=lambda candidate: len(candidate[1]))


def _pcodec_config() -> Any:
    return ChunkConfig(compression_level=PCODEC_LEVEL)


def _shuffle_and_compress(raw: bytes, itemsize: int) -> bytes:
    shuffled = np.frombuffer(raw, np.uint8).reshape(-1, itemsize).T.tobytes()
    # A compressor object must not be shared between threads, and making one is cheap.
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(shuffled)


def _read_payload(
    codec: bytes, dtype: np.dtype[Any], count: int, payload: memoryview
) -> NDArray[Any]:
    size = count * dtype.itemsize
    if codec == b"P":
        return _read_pcodec(payload)
    if codec == b"Z":
        try:
            shuffled = zstandard.ZstdDecompressor().decompress(payload, max_output_size=size)
        except zstandard.ZstdError as error:
            raise ValueError(f"a zstd block cannot be read: {error}") from error
        if len(shuffled) != size:
            raise ValueError(f"a zstd block should hold {size} bytes; got {len(shuffled)}")
        planes = np.frombuffer(shuffled, np.uint8).reshape(dtype.itemsize, count)
        return np.ascontiguousarray(planes.T).reshape(-1).view(dtype)
    if codec == b"R":
        if len(payload) != size:
            raise ValueError(f"a raw block should hold {size} bytes; got {len(payload)}")
        return np.frombuffer(payload, dtype).copy()
    raise ValueError(f"a block's codec is one of P, Z, R; got {codec!r}")


def _read_pcodec(payload: memoryview) -> NDArray[Any]:
    if standalone is None:
        raise StorageError(
            "this block was written with pcodec, which is not installed here; "
            "install it with: pip install pcodec"
        )
    try:
        stored = standalone.simple_decompress(bytes(payload))
    except RuntimeError as error:
        raise ValueError(f"a pcodec block cannot be read: {error}") from error
    if stored is None:
        raise ValueError("a pcodec block holds no values")
    return np.asarray(stored)
