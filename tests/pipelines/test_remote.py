"""With a server elsewhere, runs, logs and outputs are sent there as those of any run are."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from typing import Annotated, Any

import pytest

import epochal
from epochal.client import silence
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


def test_a_server_that_cannot_be_reached_is_told_once_with_what_to_do(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Steps wait for it once, not each; the line says where everything lies and how to send it."""
    monkeypatch.setattr(silence, "PATIENCE_S", 1.0)
    monkeypatch.delenv("EPOCHAL_SILENT", raising=False)
    monkeypatch.setenv("EPOCHAL_URL", "http://127.0.0.1:9")
    home = tmp_path / "training side"
    monkeypatch.setenv("EPOCHAL_HOME", str(home))

    @step
    def make(n: int) -> Annotated[int, "made"]:
        return n

    @pipeline
    def lonely() -> None:
        make.map(range(5))

    with warnings.catch_warnings(record=True):
        lonely()
    told = capfd.readouterr().err
    line = (
        f"epochal: http://127.0.0.1:9 does not have all of it yet; everything lies in {home}, and "
        f"`epochal sync {home} --url http://127.0.0.1:9` sends it"
    )
    assert told.count(line) == 1, told
    assert silence.is_known("http://127.0.0.1:9")
    command = [sys.executable, "-m", "epochal", "sync", str(home), "--url", server.url]
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)
    reader = epochal.connect(server.url)
    assert len(list(reader.runs("lonely"))) == 6
    assert len(reader.artifact("lonely/made:latest").get_path("value.json").read()) == 1
