"""Image files tell what they are and how large; Pillow writes the samples."""

from __future__ import annotations

import io

import PIL.Image
import pytest

from epochal.domain.sniff import sniff_image


def written(form: str, **more: object) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (37, 21), (200, 10, 30)).save(buffer, form, **more)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (written("PNG"), "png"),
        (written("JPEG"), "jpg"),
        (written("JPEG", progressive=True), "jpg"),
        (written("GIF"), "gif"),
        (written("WEBP"), "webp"),
        (written("WEBP", lossless=True), "webp"),
        (written("BMP"), "bmp"),
    ],
)
def test_format_and_size_are_read_from_the_head(data: bytes, suffix: str) -> None:
    assert sniff_image(data) == (suffix, 37, 21)
    for end in range(2, 40):
        sniff_image(data[:end])  # a cut head is no reason to fail


def test_svg_has_no_size_and_a_text_is_no_image() -> None:
    assert sniff_image(b'<?xml version="1.0"?><SVG></SVG>') == ("svg", None, None)
    assert sniff_image(b"hello") is None
    assert sniff_image(b"") is None
