"""Where there is nothing to show, the page says what there is not and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.clients import Client
from tests.browser.gallery import Gallery, wait_known
from tests.browser.visitor import Visitor, until, wait_drawn
from tests.conftest import Server

pytestmark = pytest.mark.browser

MISSING = ("Failed to load resource: the server responded with a status of 404",)


def test_an_empty_home_shows_how_to_log_and_then_the_first_project_by_itself(
    server: Server, client: Callable[..., Client], visit: Callable[..., Visitor]
) -> None:
    """The example can be copied; the first project appears without a reload."""
    page = visit(server.url).go("/")
    page.get_by_role("heading", name="No projects yet").wait_for()
    example = page.locator("pre").inner_text()
    compile(example, "example", "exec")
    assert "epochal.init(" in example
    client(project="the first", id="r").log(0, loss=1.0)
    page.get_by_role("link", name="the first").wait_for()


def test_an_unknown_project_is_named_and_leads_home(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """No blank page: which project is missing, and a link to those there are."""
    visitor = visit(gallery.url)
    visitor.forgiven = MISSING
    page = visitor.go("/p/nothing-like-it")
    page.get_by_role("heading", name="There is no such project").wait_for()
    assert "nothing-like-it" in page.locator("main").inner_text()
    page.get_by_role("link", name="All projects", exact=True).click()
    page.get_by_role("link", name="resnets").wait_for()


def test_an_unknown_run_is_named_and_leads_home(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The same for a run of a project that exists."""
    visitor = visit(gallery.url)
    visitor.forgiven = MISSING
    page = visitor.go("/p/resnets/r/nobody")
    page.locator("main h1").wait_for()
    assert "nobody" in page.locator("main").inner_text()
    assert page.get_by_role("link", name="All projects", exact=True).count() == 1


def test_an_unknown_path_is_named(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """An address that means nothing says so."""
    page = visit(gallery.url).go("/p/resnets/what/is/this")
    page.get_by_role("heading", name="There is no such page").wait_for()


def test_a_run_without_metrics_has_its_pages(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A run that logged nothing: the table lists it, each tab says what is not there."""
    visitor = visit(gallery.url)
    page = visitor.workspace("silent")
    page.get_by_role("heading", name="No curves yet").wait_for()
    page.get_by_role("link", name="says nothing").click()
    page.get_by_text("This run has logged no numbers.").wait_for()
    for tab, (heading, call) in {
        "Charts": ("No curves yet", "run.log("),
        "System": ("No system metrics", "system_interval"),
        "Logs": ("Nothing was printed", "print("), "Media": ("No media yet", "epochal.Image("),
        "Gradients": ("No model is watched", "epochal.watch("), "Files": ("No files", "run.save("),
        "Model": ("No model", "log_model("), "Notes": ("No notes yet", "notes="),
    }.items():  # fmt: skip
        page.get_by_role("tab", name=tab).click()
        page.get_by_role("heading", name=heading).wait_for()
        assert call in page.locator(".empty").inner_text(), f"{tab} does not say what to call"


def test_a_page_opened_before_its_run_exists_shows_it_when_it_comes(
    server: Server, client: Callable[..., Client], visit: Callable[..., Visitor]
) -> None:
    """The link that init() prints may be opened at once: the run appears without a reload."""
    visitor = visit(server.url)
    visitor.forgiven = MISSING
    workspace = visitor.go("/p/early")
    workspace.get_by_role("heading", name="There is no such project").wait_for()
    run_page = visitor.go("/p/early/r/bird/charts", visitor.open_tab())
    run_page.locator("main h1").wait_for()
    training = client(project="early", id="bird")
    training.log(0, loss=1.0)
    wait_known(server.url, "early", "bird")
    until(lambda: workspace.locator("#runs-grid").count() == 1, seconds=30, what="the workspace")
    wait_drawn(workspace, "loss")
    wait_drawn(run_page, "loss")
