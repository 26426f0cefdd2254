"""Images, from whatever holds pixels."""

from __future__ import annotations

import io
from typing import Any

from epochal.domain.encode import pack_array, type_of
from epochal.domain.sniff import HEAD, sniff_image
from epochal.errors import InvalidInput
from epochal.media.annotations import read_boxes, read_classes, read_masks
from epochal.media.arrays import array_part, channels_last, is_array, to_bytes, to_numpy
from epochal.media.draft import Draft, Part
from epochal.media.figures import as_figure, draw
from epochal.media.files import check_file, file_part, is_path, read_caption, read_head
from epochal.media.optional import comes_from, numpy, pillow

SUFFIXES = ("png", "jpg", "jpeg", "gif", "webp", "svg", "bmp")
_CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


class Image:
    """A picture to log.

    Args:
        data_or_path: an array (H, W), (H, W, C) or (C, H, W) with 1 to 4 channels; a batch
            (N, H, W, C) or (N, C, H, W), which gives N pictures; a Pillow image; a Matplotlib
            figure; the bytes or the path of a PNG, JPEG, GIF, WebP, SVG or BMP. Bytes stay as
            they are; floats are 0..1 or 0..255, see `epochal.media.arrays.to_bytes`.
        mode: Pillow's name for the channels: L, LA, RGB or RGBA.
        caption: a line below it.
        grouping: accepted for compatibility.
        classes: a list of ``{"id": number, "name": text}``.
        boxes: see `epochal.media.annotations.read_boxes`.
        masks: see `epochal.media.annotations.read_masks`.
        file_type: ``png``, or ``jpg``, ``webp`` and others that Pillow can write.
        normalize: False leaves floats unstretched.

    Raises:
        InvalidInput: it is no picture; the message says what came.

    Example:
        >>> run.log({"sample": epochal.Image(batch[0], caption="step 3")})
    """

    def __init__(
        self,
        data_or_path: Any,
        mode: str | None = None,
        caption: str | None = None,
        grouping: int | None = None,
        classes: Any = None,
        boxes: Any = None,
        masks: Any = None,
        file_type: str | None = None,
        normalize: bool = True,
    ) -> None:
        del grouping
        meta: dict[str, Any] = read_caption(caption)
        parts: dict[str, Part] = {}
        if classes is not None:
            meta["classes"] = read_classes(classes)
        if boxes:
            meta["boxes"] = read_boxes(boxes)
        if masks:
            meta["masks"], parts = read_masks(masks)
        pictures = _read(data_or_path, mode, normalize)
        if file_type is not None and file_type.lower() != "png":
            pictures = [_convert(picture, file_type.lower()) for picture in pictures]
        self._drafts = [
            Draft("image", {**size, **meta}, {"data": part, **parts}) for size, part in pictures
        ]

    def __epochal_media__(self) -> list[Draft]:
        """See `epochal.media.draft`."""
        return self._drafts

    def __repr__(self) -> str:
        sizes = [f"{d.meta.get('width', '?')}x{d.meta.get('height', '?')}" for d in self._drafts]
        return f"<epochal.Image {', '.join(sizes[:4])}>"


Picture = tuple[dict[str, Any], Part]


def _read(value: Any, mode: str | None, normalize: bool) -> list[Picture]:
    """The pictures in whatever was given: width and height, and the bytes."""
    if isinstance(value, Image):
        return [
            ({k: d.meta[k] for k in ("width", "height") if k in d.meta}, d.parts["data"])
            for d in value.__epochal_media__()
        ]
    if is_path(value):
        path, suffix = check_file(value, "Image", SUFFIXES)
        found = sniff_image(read_head(path))
        if found is None:
            raise InvalidInput(f"Image: {path!r} is no picture, whatever its name says")
        return [(_size(found.width, found.height), file_part(path, suffix))]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return [_from_file_bytes(bytes(value))]
    if comes_from(value, "PIL"):
        return [_from_pillow(value, mode)]
    figure = as_figure(value)
    if figure is not None:
        return [_from_file_bytes(draw(figure))]
    if is_array(value) or isinstance(value, (list, tuple)):
        return _from_array(value, mode, normalize)
    raise InvalidInput(
        f"Image takes an array, tensor, Pillow image, Matplotlib figure, bytes or path, got "
        f"{type(value).__name__}"
    )


def _from_array(value: Any, mode: str | None, normalize: bool) -> list[Picture]:
    first = comes_from(value, "torch")
    array = to_numpy(value, "Image")
    pictures = array if array.ndim == 4 else [array]
    if len(pictures) == 0:
        raise InvalidInput(f"Image: there is no picture in an array of shape {array.shape}")
    out: list[Picture] = []
    for one in pictures:
        pixels = channels_last(one, first=first, what="Image")
        channels = int(pixels.shape[2])
        wanted = _CHANNELS.get(mode) if mode is not None else None
        if wanted is not None and wanted != channels:
            raise InvalidInput(
                f"Image: mode {mode} has {wanted} channels, the array has {channels}: {one.shape}"
            )
        shown = array_part("image.png", to_bytes(pixels, normalize))
        out.append((_size(int(pixels.shape[1]), int(pixels.shape[0])), shown))
    return out


def _from_pillow(image: Any, mode: str | None) -> Picture:
    target = mode if mode in _CHANNELS else image.mode
    if target not in _CHANNELS:
        clear = "transparency" in getattr(image, "info", {}) or target in ("PA", "La", "RGBa")
        target = "RGBA" if clear else "L" if target == "1" else "RGB"
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        array = to_bytes(numpy().asarray(image) / (256 if image.mode.startswith("I;16") else 1))
        return _size(*image.size), array_part("image.png", array[:, :, None])
    if image.mode != target:
        image = image.convert(target)
    width, height = image.size
    if not width or not height:
        raise InvalidInput(f"Image: the picture is empty: {width}x{height}")
    header = pack_array((height, width, _CHANNELS[target]), 1)
    return _size(width, height), Part("image.png", (header, image.tobytes()))


def _from_file_bytes(data: bytes) -> Picture:
    found = sniff_image(data[:HEAD])
    if found is None:
        raise InvalidInput(
            f"Image: these {len(data):,} bytes are no PNG, JPEG, GIF, WebP, BMP or SVG file"
        )
    return _size(found.width, found.height), Part(f"copy.{found.suffix}", (data,))


def _convert(picture: Picture, file_type: str) -> Picture:
    """The same picture in another format, by Pillow."""
    size, part = picture
    if not part.encoding.startswith("image."):
        return picture
    if file_type not in SUFFIXES or file_type == "svg":
        raise InvalidInput(f"file_type is one of {', '.join(SUFFIXES)}, got {file_type!r}")
    module = pillow(f"file_type={file_type!r}")
    shape = (size["width"], size["height"])
    pixels = part.chunks[1]
    channels = len(pixels) // (shape[0] * shape[1])
    mode = {count: name for name, count in _CHANNELS.items()}[channels]
    image = module.frombytes(mode, shape, bytes(pixels))
    lossy = type_of(file_type) == "image/jpeg"
    if lossy and mode in ("RGBA", "LA"):
        image = image.convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG" if lossy else file_type.upper())
    return size, Part(f"copy.{file_type}", (buffer.getvalue(),))


def _size(width: int | None, height: int | None) -> dict[str, Any]:
    return {} if width is None or height is None else {"width": width, "height": height}
