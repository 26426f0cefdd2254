"""With a server elsewhere, runs, logs and outputs are sent there as those of any run are."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import pytest

import epochal
from epochal.errors import NotFound
from epochal.pipelines import pipeline, step
from tests.conftest import Server

DEADLINE_S = 60.0


def test_step_runs_and_their_outputs_reach_the_server(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The version is committed there, with its bytes, and names the run that made it."""
    monkeypatch.setenv("EPOCHAL_URL", server.url)
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path / "training side"))

    @step
    def load() -> Annotated[list[int], "rows"]:
        print("loading")
        return [1, 2, 3]

    @step
    def fit(rows: list[int]) -> int:
        epochal.log({"loss": 0.5})
        return len(rows)

    @pipeline
    def training() -> None:
        fit(load())

    run = training()
    reader = epochal.connect(server.url)
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            version = reader.artifact("training/rows:latest")
            if version.state == "committed":
                break
        except NotFound:
            pass
        assert time.monotonic() < deadline, "the output did not arrive"
        time.sleep(0.05)
    assert version.get_path("value.json").read() == b"[1,2,3]"
    found = {each.name: each for each in reader.runs("training")}
    assert set(found) == {"load", "fit", f"training-{run.id}"}
    assert list(found["load"].logs()) == ["loading"]
    assert found["fit"].summary["loss"] == 0.5


def helper(n: int) -> int:
    return n + 1


@step
def count(n: int) -> int:
    return helper(n)


@pipeline
def counting(n: int = 1) -> None:
    count(n)


def ask(url: str, path: str) -> Any:
    with urllib.request.urlopen(f"{url}/api/v1/pipelines{path}", timeout=30) as answer:
        return json.load(answer)


def test_the_server_knows_the_steps_and_why_they_ran(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It never sees the home of the driver: the course of a run is part of the run."""
    monkeypatch.setenv("EPOCHAL_URL", server.url)
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path / "training side"))
    first = counting()
    monkeypatch.setattr("tests.pipelines.test_remote.helper", lambda n: n + 2)
    second = counting()
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            rows = ask(server.url, "?project=counting")["pipelines"]
            found = {row["id"]: row for row in rows}
            if all(found[run.id]["state"] == "finished" for run in (first, second)):
                step = f"/{found[second.id]['uid']}/step?name=count"
                why = ask(server.url, step)["why"]
                if "was not kept" not in why:
                    break
        except (urllib.error.HTTPError, KeyError):
            pass
        assert time.monotonic() < deadline, "the course of the runs did not arrive"
        time.sleep(0.05)
    assert found[second.id]["counts"] == {"finished": 1}
    assert why == second.why_ran("count")
    assert "helper" in why
