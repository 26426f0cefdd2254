"""Sound."""

from __future__ import annotations

from typing import Any

from epochal.errors import InvalidInput
from epochal.media.arrays import array_part, to_numpy
from epochal.media.draft import Draft
from epochal.media.files import check_file, file_part, is_path, read_caption
from epochal.media.optional import numpy

SUFFIXES = ("wav", "mp3", "ogg", "flac", "m4a")
MAX_CHANNELS = 32


class Audio:
    """A sound to log.

    Args:
        data_or_path: an array (frames,), (frames, channels) or (channels, frames) of floats in
            -1..1 or of 16- or 32-bit integers; or the path of a WAV, MP3, OGG, FLAC or M4A file.
        sample_rate: frames per second; needed with an array.
        caption: a line below it.

    Raises:
        InvalidInput: it is no sound, or its rate is missing.
    """

    def __init__(
        self, data_or_path: Any, sample_rate: int | None = None, caption: str | None = None
    ) -> None:
        meta: dict[str, Any] = read_caption(caption)
        if is_path(data_or_path):
            path, suffix = check_file(data_or_path, "Audio", SUFFIXES)
            part = file_part(path, suffix)
            if sample_rate is not None:
                meta["sample_rate"] = int(sample_rate)
        else:
            rate = _check_rate(sample_rate)
            samples = _samples(data_or_path)
            part = array_part(f"audio.{rate}", samples)
            meta |= {"sample_rate": rate, "duration": len(samples) / rate}
            meta["channels"] = int(samples.shape[1])
        self._draft = Draft("audio", meta, {"data": part})

    def __epochal_media__(self) -> list[Draft]:
        """See `epochal.media.draft`."""
        return [self._draft]


def _check_rate(rate: Any) -> int:
    if rate is None or not 1 <= int(rate) <= 10_000_000:
        raise InvalidInput(f"Audio of an array needs sample_rate, frames per second, got {rate!r}")
    return int(rate)


def _samples(value: Any) -> Any:
    """(frames, channels) of 16-bit samples."""
    np = numpy()
    array = to_numpy(value, "Audio")
    given = array.shape
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2 and array.shape[1] > MAX_CHANNELS >= array.shape[0]:
        array = array.T
    if array.ndim != 2 or 0 in array.shape or array.shape[1] > MAX_CHANNELS:
        raise InvalidInput(
            f"Audio has the shape (frames,) or (frames, channels) with at most {MAX_CHANNELS} "
            f"channels, got {given} of {array.dtype}"
        )
    if array.dtype == np.int16:
        return array
    if array.dtype == np.uint8:
        return (array.astype(np.int16) - 128) * np.int16(256)
    if array.dtype == np.int32:
        return (array >> 16).astype(np.int16)
    if array.dtype.kind != "f":
        raise InvalidInput(f"Audio holds floats in -1..1 or 16-bit integers, got {array.dtype}")
    return np.rint(np.clip(np.nan_to_num(array), -1.0, 1.0) * 32767.0).astype(np.int16)
