"""The Media tab: every kind is shown as what it is, one scrubber moves all, what is new comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page

import epochal
from epochal.domain.encode import encode, pack_array
from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Header, Media, MediaItem, Stored
from epochal.journal.blobs import Blobs
from epochal.journal.home import run_directory
from epochal.journal.writer import open_journal
from tests.browser.axe import serious
from tests.browser.clients import QUIET
from tests.browser.gallery import Gallery, ask
from tests.browser.studio import HOSTILE_MEDIA, STEPS
from tests.browser.visitor import Visitor, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

MEDIA = "/p/media/r/first/media"
LAST = (STEPS - 1) * 10
FRAMED = (
    "Loading the image",
    "Blocked script execution",
    "Failed to load resource: net::ERR_BLOCKED_BY_RESPONSE",
)
"""What the browser says of what it refuses to the frames of hostile pages."""


def card(page: Page, key: str) -> Locator:
    """The card of a key, on screen, with what it shows; the cards above may push it away first."""
    found = page.locator("[data-media]").filter(
        has=page.get_by_role("heading", name=key, exact=True)
    )
    found.wait_for()

    def loaded() -> bool:
        found.scroll_into_view_if_needed()
        return found.locator(".item, .none").count() > 0 and "loading" not in found.inner_text()

    until(loaded, what=f"{key} is loaded")
    return found


def address(page: Page) -> str:
    """What the address says of the view."""
    found: str = page.evaluate("location.search")
    return found


def wait_run(url: str, project: str) -> None:
    """Wait until a server knows the run of a project."""

    def known() -> bool:
        rows = ask(url, "/api/v1/projects")["projects"]
        return any(row["name"] == project and row["runs"] for row in rows)

    until(known, what=f"the server hears of {project}")


def wait_framed(frame: Locator) -> None:
    """Wait until a frame shows its page."""
    until(lambda: "framed" in frame.content_frame.locator("body").inner_text())


def test_every_kind_is_shown_as_what_it_is(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Pictures are drawn, sounds and films can be played, plots have as many marks as data."""
    page = visit(gallery.url).go(MEDIA)
    image = card(page, "val/scene").locator("img")
    until(lambda: image.evaluate("(i) => i.complete && i.naturalWidth") == 96)
    assert card(page, "val/digits").locator("img").count() == 6
    audio = card(page, "sound/tone").locator("audio")
    audio.evaluate("(a) => a.load()")
    audio.evaluate("(a) => (a.preload = 'metadata')")
    assert until(lambda: audio.evaluate("(a) => a.duration || 0")) == pytest.approx(1.0, abs=0.01)
    film = card(page, "film/blink").locator("img")
    until(lambda: film.evaluate("(i) => i.naturalWidth") == 32)
    assert card(page, "train/weights").locator("rect").count() == 64
    assert card(page, "train/curve").locator("path").count() >= 2
    assert "AUC 0." in card(page, "val/roc").inner_text()
    assert "AP 0." in card(page, "val/pr").inner_text()
    assert card(page, "val/confusion").locator(".count").count() == 9
    assert card(page, "plots/bar").locator("rect").count() == 3
    dots = card(page, "plots/scatter").locator("path.dots").get_attribute("d")
    assert dots is not None
    assert dots.count("M") == 300
    figure = card(page, "plots/plotly")
    assert figure.locator("svg path").count() == 1
    assert "The data of a Plotly figure" in figure.inner_text()
    assert card(page, "pages/markdown").locator("strong").inner_text() == "bold"
    assert "plain text\nof two lines" in card(page, "pages/text").inner_text()
    cloud = card(page, "shapes/ball").locator("canvas")
    painted = "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v)"
    until(lambda: cloud.evaluate(painted), what="the points are painted")


def test_curves_of_runs_lie_over_each_other_and_matrices_side_by_side(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """One plot with the area of each run's classes; apart again where somebody wants it so."""
    page = visit(gallery.url).go(f"{MEDIA}?vs=second")
    roc = card(page, "val/roc")
    roc.locator("svg").wait_for()
    legend = roc.locator("li")
    assert roc.locator("svg").count() == 1
    assert sum("second" in text for text in legend.all_inner_texts()) == 3
    assert sum("first" in text for text in legend.all_inner_texts()) == 3
    assert all("AUC 0." in text for text in legend.all_inner_texts())
    until(lambda: card(page, "val/confusion").locator(".cells").count() == 2)
    roc.get_by_role("button", name="Side by side").click()
    until(lambda: roc.locator("svg").count() == 2)


def test_pages_stand_in_frames_without_our_origin(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Short or long, they run their scripts in an origin of their own."""
    page = visit(gallery.url).go(MEDIA)
    short = card(page, "pages/short").locator("iframe")
    assert short.get_attribute("sandbox") == "allow-scripts"
    assert short.content_frame.locator("h2").inner_text() == "Short"
    assert short.content_frame.locator("body").evaluate("() => origin") == "null"
    long = card(page, "pages/long").locator("iframe")
    assert long.get_attribute("sandbox") == "allow-scripts"
    body = long.content_frame.locator("body")
    until(lambda: body.get_attribute("data-ran") == "yes")
    assert body.evaluate("() => origin") == "null"


def test_one_scrubber_moves_all_media_and_the_address(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Each key shows its nearest step at or before; keys, slider, field and reload agree."""
    visitor = visit(gallery.url)
    page = visitor.go(MEDIA)
    scene, weights = card(page, "val/scene"), card(page, "train/weights")
    until(lambda: f"scene {LAST}" in scene.inner_text())
    page.keyboard.press("ArrowLeft")  # from the step of the table to the last of the images
    page.keyboard.press("ArrowLeft")
    until(lambda: f"scene {LAST - 10}" in scene.inner_text())
    assert f"step {LAST - 10}" in weights.inner_text()
    page.keyboard.press("Shift+ArrowLeft")
    until(lambda: "scene 0" in scene.inner_text())
    page.get_by_role("textbox", name="Step to show").fill("47")
    page.keyboard.press("Enter")
    until(lambda: "scene 40" in scene.inner_text())
    until(lambda: "at=40" in address(page))
    page.reload()
    until(lambda: "scene 40" in card(page, "val/scene").inner_text())
    assert "logged from step 120 on" in card(page, "val/table").inner_text()
    page.get_by_role("slider", name="Step", exact=True).focus()
    page.keyboard.press("ArrowRight")
    until(lambda: "scene 50" in card(page, "val/scene").inner_text())
    page.get_by_role("button", name="newest").click()
    until(lambda: "at=" not in address(page))


def test_masks_and_boxes_are_switched_and_chosen(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The legend names classes with their share; a threshold leaves the weak box out."""
    page = visit(gallery.url).go(MEDIA)
    scene = card(page, "val/scene")
    legend = scene.locator(".legend")
    until(lambda: "disc" in legend.inner_text() and "%" in legend.inner_text())
    pixel = """(c) => [...c.getContext("2d").getImageData(70, 48, 1, 1).data,
                       ...c.getContext("2d").getImageData(2, 2, 1, 1).data]"""
    values = until(lambda: scene.locator("canvas").evaluate(pixel))
    assert values[3] == 255, "the disc is painted"
    assert values[7] == 0, "the background is not"
    assert scene.locator(".box").count() == 2
    scene.get_by_role("slider", name="Least score of a box").fill("0.5")
    until(lambda: scene.locator(".box").count() == 1)
    assert f"disc at {LAST} 0.90" in scene.locator(".label").inner_text().replace("\xa0", " ")
    scene.get_by_role("button", name="mask prediction").click()
    until(lambda: scene.locator("canvas").count() == 0)
    legend.get_by_role("button", name="disc").click()
    until(lambda: scene.locator(".box").count() == 0)


def test_a_picture_opens_large_and_leads_to_the_next(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    page = visit(gallery.url).go(MEDIA)
    card(page, "val/digits").locator("button.picture").first.click()
    dialog = page.get_by_role("dialog")
    assert "28 × 28 · " in dialog.inner_text()
    assert "1 of 6" in dialog.inner_text()
    page.keyboard.press("ArrowRight")
    until(lambda: "digit 1" in dialog.inner_text())
    dialog.get_by_role("button", name="1 : 1").click()
    until(lambda: dialog.locator("img").bounding_box()["width"] == 28)  # type: ignore[index]
    page.keyboard.press("Escape")
    until(lambda: dialog.count() == 0)


def test_a_table_scrolls_and_sorts_with_its_pictures(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """All 150 rows are behind the first 100 that came along; few of them are elements."""
    page = visit(gallery.url).go(MEDIA)
    table = card(page, "val/table")
    grid = table.get_by_role("grid")
    until(lambda: grid.get_attribute("aria-rowcount") == "151")
    assert table.locator(".grid-row:not([hidden])").count() < 30
    until(lambda: table.locator(".thumb img").first.evaluate("(i) => i.naturalWidth") == 16)
    table.get_by_role("button", name="score").click()
    first = table.locator('[data-row="0"]')
    until(lambda: "14.9" in first.inner_text())
    head = table.locator('[aria-sort="descending"]')
    until(lambda: head.all_inner_texts() == ["score ↓"])
    first.scroll_into_view_if_needed()
    number = """(e) => {
      const { x, y, width } = e.getBoundingClientRect();
      return e.contains(document.elementFromPoint(x + width / 2, y + 10));
    }"""
    assert first.locator(".grid-lead").evaluate(number), "the head leaves its number free"
    grid.evaluate("(g) => (g.scrollTop = g.scrollHeight)")
    last = table.locator('[data-row="149"]')
    until(lambda: last.count() == 1 and "NaN" in last.inner_text())
    table.locator(".thumb").first.click()
    page.get_by_role("dialog").get_by_text("val/table").first.wait_for()


def test_a_row_without_a_picture_keeps_none_of_the_row_whose_cells_it_took(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """Only the first rows have pictures: further down there are none, above all of them again."""
    run = epochal.init(project="sparse", id="sparse", settings=QUIET)
    table = epochal.Table(columns=["image", "mixed", "row"])
    for i in range(60):
        image = epochal.Image(np.full((8, 8, 3), i, np.uint8)) if i < 30 else None
        table.add_data(image, image or f"words of row {i}", i)
    run.log({"table": table}, step=0)
    run.finish()
    wait_run(server.url, "sparse")
    shown = card(visit(server.url).go("/p/sparse/r/sparse/media"), "table")
    grid = shown.get_by_role("grid")
    until(lambda: grid.get_attribute("aria-rowcount") == "61")
    first = shown.locator('[data-row="0"]:not([hidden])')
    until(lambda: first.locator("img").count() == 2)
    grid.evaluate("(g) => (g.scrollTop = g.scrollHeight)")
    last = shown.locator('[data-row="59"]:not([hidden])')
    until(lambda: last.count() == 1)
    assert last.locator("img").count() == 0
    assert "words of row 59" in last.inner_text()
    grid.evaluate("(g) => (g.scrollTop = 0)")
    until(lambda: first.count() == 1)
    assert first.locator("img").count() == 2
    assert "words" not in first.inner_text()


def test_runs_stand_side_by_side_at_one_step(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    page = visit(gallery.url).go(MEDIA)
    page.get_by_role("button", name="Compare with").click()
    page.get_by_role("checkbox", name="second").check()
    page.keyboard.press("Escape")
    until(lambda: "vs=second" in address(page))
    scene = card(page, "val/scene")
    until(lambda: scene.locator("img").count() == 2)
    page.keyboard.press("Shift+ArrowLeft")
    until(lambda: scene.get_by_text("scene 20", exact=True).count() == 2)
    sources = scene.locator("img").evaluate_all("(all) => all.map((i) => i.getAttribute('src'))")
    assert len(set(sources)) == 2, "each column has the picture of its own run"


def test_one_key_is_a_film_over_steps_of_several_runs(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Large at one step, small at all; keys, frames, slider, playing and the address agree."""
    page = visit(gallery.url).go(f"{MEDIA}?vs=second")
    card(page, "val/scene").get_by_role("button", name="val/scene over steps").click()
    film = page.get_by_role("dialog", name="val/scene over steps")
    stage = film.get_by_role("region", name="At this step")
    frames = film.get_by_role("region", name="Steps")
    until(lambda: frames.locator("img").count() == 2 * STEPS, what="all frames of both runs")
    until(lambda: stage.get_by_text(f"scene {LAST}", exact=True).count() == 2)
    page.keyboard.press("ArrowLeft")
    until(lambda: stage.get_by_text(f"scene {LAST - 10}", exact=True).count() == 2)
    page.keyboard.press("Shift+ArrowLeft")
    until(lambda: stage.get_by_text("scene 0", exact=True).count() == 2)
    frames.get_by_role("button", name="Step 50 of second").click()
    until(lambda: stage.get_by_text("scene 50", exact=True).count() == 2)
    assert frames.locator("[aria-current=step]").count() == 2
    until(lambda: "at=50" in address(page))
    assert "film=val/scene" in address(page)
    assert serious(page) == []
    page.reload()
    until(lambda: stage.get_by_text("scene 50", exact=True).count() == 2, what="the shared link")
    page.keyboard.press("Home")
    film.get_by_label("Steps a second").select_option("16 / s")
    film.get_by_role("button", name="Play").click()
    until(lambda: stage.get_by_text(f"scene {LAST}", exact=True).count() == 2)
    film.get_by_role("button", name="Play").wait_for()
    page.keyboard.press("Escape")
    until(lambda: "film=" not in address(page))


def test_new_media_come_by_themselves_and_move_nothing(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """At the end the scrubber follows; elsewhere what one looks at stays."""
    run = epochal.init(project="live", id="live", settings=QUIET)

    def log(step: int) -> None:
        image = np.full((8, 8, 3), step, np.uint8)
        run.log({"shot": epochal.Image(image, caption=f"shot {step}")}, step=step)

    try:
        log(0)
        log(10)
        wait_run(server.url, "live")
        page = visit(server.url).go("/p/live/r/live/media")
        shot = card(page, "shot")
        until(lambda: "shot 10" in shot.inner_text())
        log(20)
        until(lambda: "shot 20" in shot.inner_text(), what="the newest is followed")
        page.keyboard.press("ArrowLeft")
        until(lambda: "shot 10" in shot.inner_text())
        log(30)
        count = page.locator(".scrubber .count")
        until(lambda: "of 4" in count.inner_text(), what="the new step is told")
        assert "shot 10" in shot.inner_text()
        page.keyboard.press(".")
        until(lambda: "shot 30" in shot.inner_text())
    finally:
        run.finish()


def test_what_is_on_its_way_says_so_until_it_is_here(
    home: Path, server: Server, visit: Callable[..., Visitor]
) -> None:
    """A record comes before its bytes: here a journal whose writer has not encoded the image."""
    uid, at = run_uid("local", "way", "way"), time.time_ns() // 1000
    writer = open_journal(
        str(run_directory(home, uid)), uid, new_uid(), Header("local", "way", "way", at)
    )
    item = MediaItem(
        "image", {"width": 4, "height": 4, "caption": "late"}, {"data": "1-image.png"}
    )
    writer.append_fact(Media("late", 0, at, [item]))
    writer.sync()
    wait_run(server.url, "way")
    page = visit(server.url).go("/p/way/r/way/media")
    late = page.locator('[data-media="late"]')
    until(lambda: late.count() == 1 and "on its way" in late.inner_text())
    png = encode("image.png", pack_array((4, 4, 3), 1) + bytes(48))
    writer.append_fact(Stored(at, {"1-image.png": Blobs(home).put(png.data, png.type)}))
    writer.sync()
    until(lambda: late.locator("img").count() == 1)
    until(lambda: late.locator("img").evaluate("(i) => i.naturalWidth") == 4)
    writer.close()


def test_hostile_media_are_text_or_locked_up(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Captions, classes, boxes, cells, titles and pages: nothing of them becomes part of ours."""
    visitor = visit(gallery.url)
    visitor.forgiven = FRAMED
    page = visitor.go("/p/hostile-media/r/hostile/media")
    page.locator("[data-media]").first.wait_for()
    for name in ("table", "text", "markdown", "short", "long", "line", "confusion", "plotly"):
        card(page, f"t/{name}")
    assert HOSTILE_MEDIA["series"] in card(page, "t/plotly").locator("ul").inner_text()
    assert "does not draw it" in card(page, "t/pie").inner_text()
    card(page, HOSTILE_MEDIA["key"])
    image = page.locator("[data-media]").first
    for part in ("key", "caption", "label", "box"):
        assert HOSTILE_MEDIA[part] in image.inner_text().replace("\n", ""), part
    assert HOSTILE_MEDIA["cell"] in card(page, "t/table").inner_text()
    assert HOSTILE_MEDIA["text"] in card(page, "t/text").inner_text()
    for key in ("t/short", "t/long"):
        frame = card(page, key).locator("iframe")
        assert "allow-same-origin" not in (frame.get_attribute("sandbox") or "")
        wait_framed(frame)
    found = page.evaluate(
        """() => ({
          owned: window.__owned ?? null,
          handlers: document.querySelectorAll("[onerror], [onload], [onmouseover]").length,
          scripts: document.querySelectorAll("script:not([src])").length,
          sources: [...document.querySelectorAll("img, audio, video, iframe")]
            .map((e) => e.src).filter((s) => s && !s.startsWith(location.origin + "/api/")),
          links: [...document.querySelectorAll("a[href]")].map((a) => a.href)
            .filter((h) => !h.startsWith(location.origin + "/")),
          text: document.body.innerText.includes("owned\\n"),
        })"""
    )
    assert found == {
        "owned": None, "handlers": 0, "scripts": 0, "sources": [], "links": [], "text": False,
    }  # fmt: skip
