"""The files of a run: found, looked into and taken away, and nothing in them is ever run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.belongings import HOSTILE_FILES
from tests.browser.clients import run_script
from tests.browser.gallery import Gallery, wait_known
from tests.browser.visitor import Visitor, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

FILES = "/p/belongings/r/files/files"
IMAGE_SIZE = "(img) => [img.naturalWidth, img.naturalHeight]"


def open_file(visitor: Visitor, path: str) -> Page:
    """The Files tab with one file chosen."""
    page = visitor.go(f"{FILES}?file={path}")
    page.get_by_label("Preview").get_by_text(path, exact=True).wait_for()
    return page


def test_the_tree_is_searched_and_a_file_is_in_the_address(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Folders come first and fold; a search leaves what contains it; a reload shows the same."""
    page = visit(gallery.url).go(FILES)
    tree = page.get_by_role("region", name="Files")
    tree.get_by_role("button", name="results/").wait_for()
    first = tree.get_by_role("button").first.inner_text()
    assert first.startswith("hostile/")
    tree.get_by_role("button", name="results/").click()
    assert tree.get_by_role("button", name="scores.csv").count() == 0
    page.get_by_label("Search the files").fill("scores")
    tree.get_by_role("button", name="scores.csv").click()
    page.get_by_role("cell", name="fine, so far").first.wait_for()
    assert page.url.endswith("?file=results/scores.csv")
    page.reload()
    page.get_by_role("cell", name="fine, so far").first.wait_for()
    assert tree.get_by_role("button", name="train.py").count() == 1


def test_a_long_table_draws_only_what_is_seen(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """3,000 rows of a CSV file are scrolled with a few dozen elements."""
    page = open_file(visit(gallery.url), "results/scores.csv")
    table = page.get_by_role("table", name="Rows of results/scores.csv")
    table.wait_for()
    assert table.get_attribute("aria-rowcount") == "3001"
    assert 10 < table.get_by_role("row").count() < 80
    box = page.get_by_role("region", name="Rows of results/scores.csv")
    box.evaluate("(e) => (e.scrollTop = e.scrollHeight)")
    table.get_by_role("cell", name="2999", exact=True).first.wait_for()


def test_a_large_text_shows_its_first_megabyte_and_says_so(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """No more is asked for than is shown, and the lines are virtual."""
    visitor = visit(gallery.url)
    sizes: list[int] = []
    visitor.page.on(
        "response",
        lambda answer: sizes.append(int(answer.headers["content-length"]))
        if "large.log" in answer.url and "/api/" in answer.url else None,
    )  # fmt: skip
    page = open_file(visitor, "results/large.log")
    page.get_by_text("line 0 of a long log").wait_for()
    assert page.get_by_text("the first 1.00 MB are shown").is_visible()
    assert sizes == [1024 * 1024]
    assert (
        page.get_by_role("region", name="Text of results/large.log").locator(".row").count() < 90
    )


@pytest.mark.parametrize(
    "path,shown",
    [
        ("train.py", "def main() -> None:"), ("config.json", "resnet18"),
        ("empty.txt", "The file is empty."),
        ("report.pdf", "There is no preview of this kind of file."),
        ("weights.bin", "There is no preview of this kind of file."),
    ],
)  # fmt: skip
def test_each_kind_is_shown_in_its_way(
    gallery: Gallery, visit: Callable[..., Visitor], path: str, shown: str
) -> None:
    """Text as lines, JSON as a tree; what cannot be shown can be taken away."""
    page = open_file(visit(gallery.url), path)
    page.get_by_label("Preview").get_by_text(shown).first.wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download").click()
    assert waiting.value.suggested_filename == path


def test_markdown_and_images_are_drawn(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """Headings and tables of Markdown, and the picture in its own size."""
    visitor = visit(gallery.url)
    page = open_file(visitor, "README.md")
    page.get_by_role("heading", name="Digits").wait_for()
    assert page.locator(".markdown td").count() == 4
    page.get_by_role("button", name="Text", exact=True).click()
    page.get_by_text("# Digits").wait_for()
    page = open_file(visitor, "images/gradient.png")
    picture = page.locator("img[alt='images/gradient.png']")
    until(lambda: picture.evaluate(IMAGE_SIZE) == [160, 90], what="the picture in its own size")


def is_drawn(picture: Locator) -> bool:
    """Whether the picture has the size of its file."""
    return bool(picture.evaluate(IMAGE_SIZE) == [40, 40])


def test_nothing_in_a_file_is_run(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """Scripts in HTML, SVG, Markdown, JSON and CSV stay text; no request leaves the machine."""
    visitor = visit(gallery.url)
    for path in HOSTILE_FILES:
        page = open_file(visitor, path)
        if path.endswith(".svg"):
            picture = page.locator("img[alt$='.svg']")
            until(partial(is_drawn, picture), what=path)
        else:
            page.get_by_label("Preview").get_by_text("window.__owned").first.wait_for()
        assert page.evaluate("window.__owned") is None, path
        assert page.locator("main script, main iframe, main img[src='x']").count() == 0, path
        assert page.locator("a[href^='javascript:']").count() == 0, path


def test_a_file_that_is_saved_appears_by_itself(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """The tab is open and empty; a run saves a file; it is there without a reload."""
    source = """
    import pathlib
    run = epochal.init(project="live", id="saver", name="saver", settings=QUIET, resume="allow")
    run.log({"loss": 1.0}, step=int(sys.argv[1]))
    if sys.argv[1] == "1":
        path = pathlib.Path(sys.argv[2])
        path.write_text("written while somebody looked")
        run.save(str(path), base_path=str(path.parent))
    run.finish()
    """
    run_script(server.home, source, "0", "")
    wait_known(server.url, "live", "saver")
    page = visit(server.url).go("/p/live/r/saver/files")
    page.get_by_role("heading", name="No files").wait_for()
    run_script(server.home, source, "1", str(server.home.parent / "note.txt"))
    page.get_by_role("button", name="note.txt").click()
    page.get_by_text("written while somebody looked").wait_for()
