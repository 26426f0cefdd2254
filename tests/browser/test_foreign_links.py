"""The links that MLflow's client prints after a run lead to the page of that run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.gallery import Gallery
from tests.browser.visitor import Visitor, until

pytestmark = pytest.mark.browser


def test_links_of_mlflow_open_the_run_and_its_project(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Such a link names the run by its uid and the project by the number of its experiment."""
    where = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=resnets"
    number = gallery.ask(where)["experiment"]["experiment_id"]
    uid = gallery.run("resnets", "r18-3")["uid"]
    page = visit(gallery.url).go(f"/#/experiments/{number}/runs/{uid}")
    until(lambda: page.evaluate("location.pathname") == "/p/resnets/r/r18-3")
    page.get_by_role("heading", name="r18-3").wait_for()
    page = visit(gallery.url).go(f"/#/experiments/{number}")
    until(lambda: page.evaluate("location.pathname + location.hash") == "/p/resnets")


def test_any_other_fragment_shows_the_projects(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    page = visit(gallery.url).go("/#/experiments/none")
    page.get_by_role("link", name="resnets").wait_for()
