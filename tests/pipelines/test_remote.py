"""With a server elsewhere, runs, logs and outputs are sent there as those of any run are."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

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
