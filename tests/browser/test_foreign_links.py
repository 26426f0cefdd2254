"""What other trackers' users look for: links that a client prints, what it said of a run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag

from tests.browser.axe import serious
from tests.browser.gallery import Gallery, ask, wait_known
from tests.browser.visitor import Visitor, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

FORK = """
import wandb
with wandb.init(project="told", id="trunk", name="the trunk") as run:
    for step in range(20):
        run.log({"loss": 20 - step})
with wandb.init(project="told", id="branch", fork_from="trunk?_step=9") as run:
    run.log({"loss": 1.0})
"""
MISSING = ("Failed to load resource: the server responded with a status of 404",)


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


def test_the_page_of_a_run_of_mlflows_tells_what_its_client_said(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """Tags, parent, dataset and commit; and nothing about code that nobody told of."""
    client = MlflowClient(server.url)
    experiment = client.create_experiment("told")
    parent = client.create_run(experiment, run_name="mother").info.run_id
    commit = {"mlflow.source.name": "train.py", "mlflow.source.git.commit": "c0ffee0123456789"}
    tags = {**commit, "mlflow.parentRunId": parent, "mlflow.note.content": "why", "team": "vision"}
    uid = client.create_run(experiment, run_name="child", tags=tags).info.run_id
    schema = '{"mlflow_colspec": [{"type": "double", "name": "width", "required": true}]}'
    data = Dataset("digits", "abc123", "local", '{"uri": "digits.csv"}', schema)
    client.log_inputs(uid, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    page = visit(server.url).go(f"/#/experiments/{experiment}/runs/{uid}")
    box = page.get_by_role("region", name="MLflow tags", exact=True)
    box.get_by_text("vision").wait_for()
    assert box.get_by_text("mlflow.source.name").count() == 0
    box.get_by_role("button", name="by MLflow").click()
    box.get_by_text("mlflow.source.name").wait_for()
    sets = page.get_by_role("region", name="Datasets", exact=True)
    sets.get_by_text("training").wait_for()
    sets.get_by_text("digits", exact=True).click()
    sets.get_by_text("digits.csv").wait_for()
    sets.get_by_text("width").wait_for()
    code = page.get_by_role("region", name="Code", exact=True)
    code.get_by_text("c0ffee012345", exact=True).wait_for()
    assert "after the commit" not in code.inner_text()
    assert page.get_by_label("Notes", exact=True).input_value() == "why"
    page.get_by_role("link", name="mother").click()
    page.get_by_role("heading", name="mother").wait_for()
    page.get_by_role("region", name="Notes and tags").wait_for()
    assert page.get_by_role("region", name="Code", exact=True).count() == 0


def test_a_run_that_wandbs_client_forked_says_from_where(
    server: Server, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    """A link to the run that it began as; its id, once that run is not there any more."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    told = {
        "WANDB_BASE_URL": server.url, "WANDB_API_KEY": "local-" + "0" * 40, "HOME": str(tmp_path),
        "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true", "WANDB_DISABLE_GIT": "true",
    }  # fmt: skip
    command = [sys.executable, "-c", FORK]
    subprocess.run(command, env={**own, **told}, cwd=tmp_path, check=True, timeout=150)
    trunk = wait_known(server.url, "told", "trunk")
    wait_known(server.url, "told", "branch", 10)
    visitor = visit(server.url)
    visitor.forgiven = MISSING
    page = visitor.go("/p/told/r/branch")
    said = page.locator("p", has_text="Forked from")
    said.get_by_role("link", name="the trunk").wait_for()
    assert "at step 9" in said.inner_text()
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert serious(page) == [], theme
    said.get_by_role("link", name="the trunk").click()
    page.get_by_role("heading", name="the trunk").wait_for()
    assert page.locator("p", has_text="Forked from").count() == 0
    ask(server.url, f"/api/v1/runs/{trunk['uid']}", method="DELETE")
    visitor.go("/p/told/r/branch")
    said.get_by_text("trunk", exact=True).wait_for()
    assert said.get_by_role("link").count() == 0


def test_tags_that_the_page_changes_are_those_that_mlflows_client_reads(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """One is changed, one is new, one goes; what the server refuses is told beside the form."""
    client = MlflowClient(server.url)
    experiment = client.create_experiment("tagged")
    tags = {"team": "vision", "stage": "draft"}
    uid = client.create_run(experiment, run_name="first", tags=tags).info.run_id
    visitor = visit(server.url)
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 400",)
    page = visitor.go(f"/#/experiments/{experiment}/runs/{uid}")
    box = page.get_by_role("region", name="MLflow tags", exact=True)
    box.get_by_text("vision").wait_for()
    form = page.get_by_role("form", name="Change a tag")
    name, value = form.get_by_label("Name of the tag"), form.get_by_label("Value of the tag")

    name.fill("team")
    assert value.input_value() == "vision"
    value.fill("sound")
    value.press("Enter")
    box.get_by_text("sound").wait_for()
    name.fill("best epoch")
    value.fill("7")
    form.get_by_role("button", name="Set").click()
    box.get_by_text("best epoch").wait_for()
    name.fill("stage")
    form.get_by_role("button", name="Remove").click()
    box.get_by_text("draft").wait_for(state="detached")

    shown = {"team": "sound", "best epoch": "7"}
    kept = client.get_run(uid).data.tags
    assert {key: text for key, text in kept.items() if not key.startswith("mlflow.")} == shown
    found = client.search_runs([experiment], "tags.team = 'sound' and tags.`best epoch` = '7'")
    assert [one.info.run_id for one in found] == [uid]

    name.fill("no//name")
    value.fill("x")
    form.get_by_role("button", name="Set").click()
    page.get_by_role("alert").get_by_text("no//name").wait_for()
    client.set_tag(uid, "team", "text")
    box.get_by_text("text", exact=True).wait_for()
