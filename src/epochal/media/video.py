"""Moving pictures."""

from __future__ import annotations

from typing import Any

from epochal.errors import InvalidInput
from epochal.media.arrays import CHANNELS, MAX_PIXELS, array_part, is_array, to_bytes, to_numpy
from epochal.media.draft import Draft
from epochal.media.files import check_file, file_part, is_path, read_caption

SUFFIXES = ("mp4", "webm", "gif", "mov", "apng")
FPS = 4


class Video:
    """A video to log.

    Args:
        data_or_path: an array (T, C, H, W) or (T, H, W, C) with 1, 3 or 4 channels, or a batch of
            such, which gives several videos; or the path of an MP4, WebM, GIF, MOV or APNG file.
        caption: a line below it.
        fps: frames per second of an array; 4 by default.
        format: accepted for compatibility: arrays are kept without loss, as APNG.

    Raises:
        InvalidInput: it is no video; the message says what came.
    """

    def __init__(
        self,
        data_or_path: Any,
        caption: str | None = None,
        fps: float | None = None,
        format: str | None = None,
    ) -> None:
        del format
        meta: dict[str, Any] = read_caption(caption)
        if is_path(data_or_path):
            path, suffix = check_file(data_or_path, "Video", SUFFIXES)
            if fps is not None:
                meta["fps"] = float(fps)
            self._drafts = [Draft("video", meta, {"data": file_part(path, suffix)})]
            return
        rate = FPS if fps is None else fps
        if not 0.001 <= rate <= 1000:
            raise InvalidInput(f"Video: fps lies between 0.001 and 1000, got {fps!r}")
        self._drafts = [_draft(frames, rate, meta) for frames in _read(data_or_path)]

    def __epochal_media__(self) -> list[Draft]:
        """See `epochal.media.draft`."""
        return self._drafts


def _draft(frames: Any, fps: float, meta: dict[str, Any]) -> Draft:
    count, height, width = (int(n) for n in frames.shape[:3])
    size = {"width": width, "height": height, "frames": count, "fps": fps}
    return Draft("video", {**size, **meta}, {"data": array_part(f"video.{fps:g}", frames)})


def _read(value: Any) -> list[Any]:
    """(T, H, W, C) of bytes for every video."""
    if not is_array(value) and not isinstance(value, (list, tuple)):
        raise InvalidInput(f"Video takes an array or a path, got {type(value).__name__}")
    array = to_numpy(value, "Video")
    videos = list(array) if array.ndim == 5 else [array]
    if not videos:
        raise InvalidInput(f"Video: there is no video in an array of shape {array.shape}")
    return [to_bytes(_frames_last(one)) for one in videos]


def _frames_last(array: Any) -> Any:
    shape = tuple(int(n) for n in array.shape)
    if array.ndim == 4 and shape[1] in CHANNELS:  # W&B's order wins where both fit
        array = array.transpose(0, 2, 3, 1)
    elif array.ndim != 4 or shape[3] not in CHANNELS:
        array = array[:0]
    if array.ndim != 4 or 0 in array.shape or array.size > MAX_PIXELS:
        raise InvalidInput(
            f"Video has the shape (T, C, H, W) or (T, H, W, C) with 1 to 4 channels, got {shape} "
            f"of {array.dtype}"
        )
    return array
