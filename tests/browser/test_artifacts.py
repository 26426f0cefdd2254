"""Artifacts on the page: found, compared, followed back, edited and deleted."""

from __future__ import annotations

import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.belongings import HOSTILE_NAME
from tests.browser.clients import run_script
from tests.browser.gallery import Gallery, ask
from tests.browser.test_login import Team, log_in
from tests.browser.visitor import Visitor, copied, until
from tests.conftest import Server, end_process

pytestmark = pytest.mark.browser

LIST = "/p/belongings/artifacts"
VERSIONS = """
import pathlib, tempfile
root = pathlib.Path(tempfile.mkdtemp())
run = epochal.init(project="mine", id="maker", name="maker", settings=QUIET)
run.log({"loss": 1.0}, step=0)
for version in range(2):
    (root / "a.txt").write_text(f"version {version}")
    data = epochal.Artifact("data", type="dataset")
    data.add_dir(str(root))
    logged = run.log_artifact(data)
    logged.wait(30)
run.link_artifact(logged, "kept")
other = epochal.Artifact("other", type="dataset")
other.add_dir(str(root))
run.log_artifact(other).wait(30)
run.finish()
"""


@pytest.fixture
def stored(server: Server) -> Callable[..., Any]:
    """``stored("data:v1")``: the version as the store has it now; None when there is none."""
    run_script(server.home, VERSIONS)

    def find(name: str) -> Any:
        try:
            return ask(server.url, f"/api/v1/artifacts/resolve?project=mine&name={quote(name)}")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    until(lambda: find("data:v1") and find("data:v1")["state"] == "committed")
    return find


@pytest.fixture
def page(server: Server, stored: Callable[..., Any], visit: Callable[..., Visitor]) -> Page:
    visitor = visit(server.url)
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 4",)
    page = visitor.go("/p/mine/artifacts/data@v1")
    page.get_by_role("heading", name="data", exact=True).wait_for()
    return page


def test_the_list_is_grouped_by_type_and_searched(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Runs and artifacts lead to each other; the search stands in the address."""
    page = visit(gallery.url).go("/p/belongings")
    page.get_by_role("link", name="Artifacts").click()
    page.get_by_role("table", name="Artifacts of the type dataset").wait_for()
    assert page.get_by_role("table").count() == 4
    page.get_by_label("Search the artifacts").fill("digi")
    until(lambda: page.get_by_role("table").count() == 1)
    page.reload()
    page.get_by_role("link", name="digits").click()
    page.wait_for_url("**/artifacts/digits@latest")
    page.get_by_text("cut to 8x8").wait_for()
    page.get_by_role("link", name="maker").click()
    page.get_by_label("Artifacts", exact=True).get_by_role("link", name="digits:v2").click()
    page.wait_for_url("**/artifacts/digits@v2")


def test_versions_are_told_and_compared(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """Number, alias, tags, files, run; then what was added, removed and changed between two."""
    page = visit(gallery.url).go(f"{LIST}/digits@latest/versions")
    row = page.get_by_role("row").filter(has_text="best")
    row.wait_for()
    assert row.get_by_role("link", name="v1", exact=True).count() == 1
    assert row.get_by_text("clean").is_visible()
    assert row.get_by_role("cell", name="12", exact=True).count() == 1
    page.get_by_role("row").filter(has_text="v0").get_by_role("link", name="diff with v2").click()
    page.get_by_text("from v0 to v2").wait_for()
    assert page.get_by_role("table", name="Added").get_by_text("new.txt").is_visible()
    assert page.get_by_role("table", name="Removed").get_by_text("part-11.txt").is_visible()
    assert page.get_by_role("table", name="Changed").get_by_text("part-00.txt").is_visible()
    page.get_by_label("Compare v2 with").select_option("1")
    page.get_by_text("from v1 to v2").wait_for()
    until(lambda: page.get_by_role("table", name="Removed").count() == 0)


def test_the_files_of_a_version_are_shown(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """The same tree and preview as for a run; an older version shows its own bytes."""
    visitor = visit(gallery.url)
    page = visitor.go(f"{LIST}/digits@v0/files?file=part-00.txt")
    page.get_by_text("version 0").wait_for()
    page.get_by_label("Version", exact=True).select_option("2")
    page.get_by_role("button", name="new.txt").wait_for()
    page.get_by_role("button", name="part-00.txt").click()
    page.get_by_text("version 2").wait_for()


def test_lineage_leads_from_run_to_run(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """Left to right: who made it, what it is, who read it, what came of that."""
    page = visit(gallery.url).go(f"{LIST}/digits@latest/lineage")
    names = ["maker", "digits:v2", "reader", "scores:v0"]
    boxes = [page.locator(f'[data-box="{name}"]') for name in names]
    for box in boxes:
        box.wait_for()
    lefts = [(box.bounding_box() or {"x": -1.0})["x"] for box in boxes]
    assert lefts == sorted(lefts)
    assert len(set(lefts)) == 4
    page.get_by_label("Steps").select_option("1")
    page.wait_for_url("**/lineage?depth=1")
    boxes[2].locator("[role=button]").click()
    page.wait_for_url("**/r/reader")


def test_hostile_names_and_texts_are_text(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """Type, tags, metadata and description are shown as they were written, and do nothing."""
    page = visit(gallery.url).go(f"{LIST}/{quote(HOSTILE_NAME, safe='')}@latest")
    page.get_by_label("Metadata").get_by_text("onerror").first.wait_for()
    assert page.get_by_role("heading", name=HOSTILE_NAME, exact=True).is_visible()
    assert page.evaluate("window.__owned") is None
    assert page.locator("img, a[href^='javascript:']").count() == 0
    page.get_by_role("tab", name="Files").click()
    page.get_by_role("button", name="page.html").click()
    page.get_by_text("<script>window.__owned=1</script><h1>page</h1>").wait_for()
    assert page.evaluate("window.__owned") is None


def test_the_snippet_is_copied(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """What is copied is what stands there."""
    visitor = visit(gallery.url)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.go(f"{LIST}/digits@v1")
    button = page.get_by_role("button", name="Copy the Python snippet")
    snippet = copied(page, button.click)
    assert 'run.use_artifact("belongings/digits:best", type="dataset")' in snippet
    page.get_by_role("button", name="Shell", exact=True).click()
    page.get_by_text("epochal artifact get belongings/digits:best").wait_for()


def test_aliases_tags_and_description_are_saved(page: Page, stored: Callable[..., Any]) -> None:
    """Each edit reaches the store; an alias moves from the version that had it."""
    page.get_by_role("button", name="Add an alias").click()
    page.get_by_label("Add an alias").fill("good")
    page.keyboard.press("Enter")
    until(lambda: set(stored("data:v1")["aliases"]) == {"latest", "good"})
    page.get_by_role("button", name="Add a tag").click()
    page.get_by_label("Add a tag").fill("checked")
    page.keyboard.press("Enter")
    until(lambda: stored("data:v1")["tags"] == ["checked"])
    page.get_by_role("button", name="Edit the description").click()
    page.get_by_label("Description of data:v1").fill("**two** words")
    page.get_by_role("heading", name="data", exact=True).click()
    until(lambda: stored("data:v1")["description"] == "**two** words")
    page.get_by_role("button", name="Remove the alias good").click()
    until(lambda: stored("data:v1")["aliases"] == ["latest"])
    assert page.get_by_role("button", name="Remove the alias latest").count() == 0


def test_an_artifact_is_renamed_and_found_under_its_former_name(
    page: Page, stored: Callable[..., Any]
) -> None:
    """A name that another artifact has is refused, and the reason is told."""
    for wanted, told in (("a/b", "not saved: artifact name 'a/b'"), ("other", "has an artifact")):
        page.get_by_role("button", name="Rename data").click()
        page.get_by_label("Name of the artifact").fill(wanted)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text(told)
    page.get_by_role("button", name="Rename data").click()
    page.get_by_label("Name of the artifact").fill("corpus")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="corpus", exact=True).wait_for()
    page.wait_for_url("**/p/mine/artifacts/corpus*")
    assert stored("data:v1")["name"] == "corpus"
    page.goto(page.url.replace("corpus", "data"))
    page.get_by_role("heading", name="corpus", exact=True).wait_for()


def test_a_version_is_deleted_only_after_its_name_was_typed(
    page: Page, stored: Callable[..., Any]
) -> None:
    """A wrong name deletes nothing; one that a model stands on is kept, and the reason is told."""
    page.get_by_role("button", name="Delete v1").click()
    dialog = page.get_by_role("dialog")
    sure = dialog.get_by_role("button", name="Delete", exact=True)
    assert sure.is_disabled()
    dialog.get_by_role("textbox").fill("data:v0")
    assert sure.is_disabled()
    dialog.get_by_role("textbox").fill("data:v1")
    sure.click()
    dialog.get_by_role("alert").wait_for()
    assert stored("data:v1")["state"] == "committed"
    dialog.get_by_role("button", name="Keep it").click()
    page.get_by_label("Version", exact=True).select_option("0")
    page.get_by_role("button", name="Delete v0").click()
    dialog.get_by_role("textbox").fill("data:v0")
    sure.click()
    until(lambda: (stored("data:v0") or {"state": "deleted"})["state"] == "deleted")


@pytest.fixture
def team(home: Path, tmp_path: Path) -> Iterator[Team]:
    run_script(home, VERSIONS)
    team = Team(home, tmp_path / "server.log")
    yield team
    end_process(team.server.process)


def test_a_reader_sees_everything_and_edits_nothing(
    team: Team, visit: Callable[..., Visitor]
) -> None:
    """No control for what would be refused, on artifacts as on models."""
    visitor = visit(team.url)
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 4",)
    page = visitor.go("/p/mine/artifacts/data@latest")
    log_in(page, team.key("rita", "reader"))
    page.get_by_role("heading", name="data", exact=True).wait_for()
    page.get_by_label("Made and used").get_by_role("link", name="maker").wait_for()
    for name in ("Delete", "Add", "Remove", "Edit", "Rename"):
        assert page.get_by_role("button", name=name).count() == 0, name
    visitor.go("/models/kept")
    page.get_by_label("History").get_by_role("listitem").first.wait_for()
    for name in ("Delete", "Add", "Remove", "Edit", "Rename"):
        assert page.get_by_role("button", name=name).count() == 0, name
    assert page.get_by_label("Stage of version 1").count() == 0
