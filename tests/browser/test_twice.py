"""The address is the whole state: reloaded, or opened by somebody else, a page looks the same."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Page

from tests.browser.gallery import Gallery
from tests.browser.places import everywhere
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

MOST_DIFFERENT = 0.001
"""Of all pixels."""
SETTLE_SECONDS = 60
PAUSE_MS = 400


@pytest.mark.timeout(1800)
def test_every_page_is_the_same_reloaded_and_for_somebody_else(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Less than a thousandth of the pixels differs, with the clock at one time."""
    now = time.time()
    one, other = visit(gallery.url), visit(gallery.url)
    odd: list[str] = []
    for visitor in (one, other):
        visitor.context.clock.set_fixed_time(now * 1000)
        visitor.forgiven = ("Loading the image ",)
    for path, landmark in everywhere(gallery).items():
        first = _picture(one.go(path), landmark)
        one.page.reload(wait_until="load")
        for page, how in ((one.page, "reloaded"), (other.go(path), "for somebody else")):
            share = _difference(first, _picture(page, landmark, like=first))
            if share >= MOST_DIFFERENT:
                odd.append(f"{path} {how}: {share:.2%} of the pixels differ")
    assert odd == []


def _picture(page: Page, landmark: str, like: bytes | None = None) -> bytes:
    """What is on screen, once nothing moves any more, or once it is what came to rest before."""
    page.locator(landmark).first.wait_for()
    end = time.monotonic() + SETTLE_SECONDS
    before = _shot(page)
    while before != like:
        page.wait_for_timeout(PAUSE_MS)
        after = _shot(page)
        if after == before:
            return after
        assert time.monotonic() < end, f"{page.url} never comes to rest"
        before = after
    return before


def _shot(page: Page) -> bytes:
    return page.screenshot(animations="disabled", caret="hide")


def _difference(first: bytes, second: bytes) -> float:
    """The share of pixels that are not the same color."""
    if first == second:
        return 0.0
    one, other = (Image.open(io.BytesIO(shot)).convert("RGB") for shot in (first, second))
    if one.size != other.size:
        return 1.0
    marked = ImageChops.difference(one, other).convert("L").point(lambda value: 255 * (value > 2))
    return marked.histogram()[255] / (one.width * one.height)
