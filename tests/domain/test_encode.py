"""Raw arrays become files that others read: Pillow and the standard library are the judges."""

from __future__ import annotations

import io
import wave

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.encode import encode, pack_array, type_of, unpack_array
from epochal.errors import InvalidInput


def packed(array: np.ndarray) -> bytes:
    return pack_array(array.shape, array.itemsize) + array.tobytes()


def picture(height: int, width: int, channels: int, kind: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    y, x = np.mgrid[:height, :width]
    ramp = (x * 3 + y * 5)[..., None] * np.arange(1, channels + 1)
    return (ramp * (kind == "ramp")).astype(np.uint8)


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.integers(1, 4),
    kind=st.sampled_from(["noise", "ramp", "flat"]),
    quick=st.booleans(),
    seed=st.integers(0, 9),
)
def test_a_png_shows_exactly_the_pixels(
    height: int, width: int, channels: int, kind: str, quick: bool, seed: int
) -> None:
    """Whatever filter was chosen, Pillow reads back what was given."""
    pixels = picture(height, width, channels, kind, seed)
    made = encode("image.png", packed(pixels), quick=quick)
    assert made.type == "image/png"
    read = np.asarray(PIL.Image.open(io.BytesIO(made.data)))
    assert np.array_equal(read.reshape(pixels.shape), pixels)


def test_a_large_png_is_filtered_in_stripes_without_seams() -> None:
    """The row above the first one of a stripe is that of the stripe before."""
    pixels = picture(1500, 700, 3, "ramp", 1)
    made = encode("image.png", packed(pixels))
    assert np.array_equal(np.asarray(PIL.Image.open(io.BytesIO(made.data))), pixels)
    assert len(made.data) < pixels.nbytes / 20


def test_16_bit_masks_keep_their_numbers() -> None:
    """Class numbers past 255 need PNG's 16 bits, most significant byte first."""
    mask = np.arange(35 * 40, dtype=np.uint16).reshape(35, 40, 1) * 40
    read = np.asarray(PIL.Image.open(io.BytesIO(encode("image.png", packed(mask)).data)))
    assert np.array_equal(read, mask[:, :, 0])


def test_a_video_is_an_apng_with_every_frame_and_its_time() -> None:
    frames = np.stack([picture(9, 7, 3, "noise", seed) for seed in range(6)])
    made = encode("video.8", packed(frames))
    assert made.type == "image/apng"
    movie = PIL.Image.open(io.BytesIO(made.data))
    assert getattr(movie, "n_frames", 1) == 6
    assert movie.info["duration"] == 125.0
    for number in range(6):
        movie.seek(number)
        assert np.array_equal(np.asarray(movie.convert("RGB")), frames[number])


def test_audio_is_a_wav_with_the_samples() -> None:
    samples = np.arange(-400, 400, dtype=np.int16).reshape(400, 2)
    made = encode("audio.22050", packed(samples))
    with wave.open(io.BytesIO(made.data)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getsampwidth()) == (2, 22050, 2)
        assert sound.readframes(1000) == samples.tobytes()


def test_a_copy_is_left_alone_and_gets_the_type_of_its_suffix() -> None:
    assert encode("copy.jpg", b"anything") == (b"anything", "image/jpeg")
    assert type_of(".HTML") == "text/html"
    assert type_of("exe") == "application/octet-stream"


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("zip.x", b""),
        ("image.png", b""),
        ("image.png", b"EPRAW1\x03\x01"),
        ("image.png", pack_array((2, 2, 3), 1) + b"short"),
        ("image.png", pack_array((2, 2), 1) + b"1234"),
        ("image.png", pack_array((0, 2, 1), 1)),
        ("image.png", pack_array((1, 1, 5), 1) + b"12345"),
        ("video.4", pack_array((1, 1, 1), 1) + b"1"),
        ("audio.8000", pack_array((1, 1), 1) + b"1"),
    ],
)
def test_what_is_no_such_array_is_refused(encoding: str, data: bytes) -> None:
    with pytest.raises(InvalidInput):
        encode(encoding, data)


def test_an_array_is_packed_and_unpacked() -> None:
    shape, size, items = unpack_array(pack_array((2, 3), 2) + bytes(12))
    assert (shape, size, len(items)) == ((2, 3), 2, 12)
