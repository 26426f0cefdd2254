"""What an address asks for and the page cannot do is told in one line, and the rest is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.axe import serious
from tests.browser.gallery import Gallery
from tests.browser.visitor import Visitor, rows, until, wait_drawn

pytestmark = pytest.mark.browser

BAD = "?sort=name&z=5,1&sm=0.6&colour=red&cols=config.nope,config.lr"


def test_an_address_with_parts_that_make_no_sense_says_so_and_shows_the_rest(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Each part with what is expected; one click takes them out, and a reload is quiet."""
    page = visit(gallery.url).workspace("resnets", BAD)
    wait_drawn(page, "train/loss")
    line = page.get_by_role("status").filter(has_text="Of this address")
    expect(line).to_contain_text("z=5,1 is no range: two numbers")
    expect(line).to_contain_text("sm=0.6 is no smoothing: ema: and a weight between 0 and 1")
    expect(line).to_contain_text("colour=red is nothing that this page knows")
    expect(line).to_contain_text("and 1 more cannot be used")
    assert len(rows(page)) > 5
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        assert serious(page) == [], theme
    line.get_by_role("button", name="Leave out").click()
    expect(line).to_have_count(0)
    until(lambda: "cols=config.lr" in page.url, what="the address without them")
    assert not any(part in page.url for part in ("z=", "sm=", "colour", "nope"))
    page.reload()
    wait_drawn(page, "train/loss")
    assert line.count() == 0


def test_columns_that_no_run_has_are_told_in_the_table_alone_too(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The order and groups of an address as well; keys inside of others are known."""
    visitor = visit(gallery.url)
    page = visitor.go("/p/resnets/runs?cols=config.optim.name,last(gone),median(val/loss)")
    line = page.get_by_role("status").filter(has_text="Of this address")
    expect(line).to_contain_text("last(gone), median(val/loss) are columns that no run")
    line.get_by_role("button", name="Leave out").click()
    until(lambda: page.url.endswith("?cols=config.optim.name"), what="the column that is left")
    page = visitor.go("/p/resnets/runs?cols=config.optim.name,name,created,last(train/loss)", page)
    until(lambda: len(rows(page)) > 5)
    assert line.count() == 0


def test_other_pages_tell_it_as_well(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    page = visit(gallery.url).go("/p/resnets/r/r18-0/charts?x=purple")
    line = page.get_by_role("status").filter(has_text="Of this address")
    expect(line).to_contain_text("x=purple is no axis: step, time, rel, or m: and the key")
    line.get_by_role("button", name="Leave out").click()
    until(lambda: page.url.endswith("/charts"))
