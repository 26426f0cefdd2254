"""Runs of wandb's own client through deaths of the server, and offline: nothing lost or twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.protocols.wandb.conftest import Seen, environment, run_script
from tests.server.processes import Running, serving, start

ROWS = 300
LOG = """
import pathlib, sys, time
import wandb
settings = wandb.Settings(x_file_stream_transmit_interval=0.2,
                          x_file_stream_retry_wait_min_seconds=0.5,
                          x_file_stream_retry_wait_max_seconds=1)
with wandb.init(project="lives", id="r", settings=settings) as run:
    for i in range(300):
        run.log({"loss": i, "word": f"w{i}"})
        print(f"line {i}")
        if i == 150:
            while not pathlib.Path("go").exists():
                time.sleep(0.02)
"""


def points(server: Running, uid: str) -> list[tuple[int, float]]:
    query = f"/api/2.0/mlflow/metrics/get-history?metric_key=loss&run_id={uid}"
    found = server.json("GET", query)["metrics"]
    return [(point["step"], point["value"]) for point in found]


def count(server: Running) -> int:
    """How many rows are there; 0 as long as there is no run."""
    status, body = server.ask("GET", "/api/v1/runs/resolve?project=lives&id=r")
    if status != 200:
        return 0
    metrics: list[dict[str, Any]] = json.loads(body)["metrics"]
    return next((int(m["count"]) for m in metrics if m["key"] == "loss"), 0)


def test_a_server_that_is_killed_twice_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """SIGKILL in the middle of a run, and again: every row and line is there once."""
    home, port = tmp_path / "home", free_port()
    running = start(home, quiet=True, port=port)
    try:
        with subprocess.Popen(
            [sys.executable, "-c", LOG], env=environment(running, tmp_path), cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as client:  # fmt: skip
            deadline = time.monotonic() + 120
            while count(running) < 50 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert count(running) >= 50
            running.kill()
            (tmp_path / "go").touch()
            running = start(home, quiet=True, port=port)
            while count(running) < 160 and time.monotonic() < deadline:
                time.sleep(0.05)
            running.kill()
            running = start(home, quiet=True, port=port)
            said, _ = client.communicate(timeout=120)
            assert client.returncode == 0, said
        seen = Seen(running, "lives", "r")
        assert seen.detail["state"] == "finished"
        assert points(running, seen.uid) == [(n, n) for n in range(ROWS)]
        assert seen.detail["summary"]["word"] == f"w{ROWS - 1}"
        lines = [line for line in seen.lines() if line.startswith("line ")]
        assert sorted(lines) == sorted(f"line {n}" for n in range(ROWS))
    finally:
        running.kill()


OFFLINE = """
import wandb
with wandb.init(project="lives", id="off", mode="offline", config={"a": 1}) as run:
    for i in range(30):
        run.log({"loss": i})
    artifact = wandb.Artifact("offline-data", type="dataset")
    open("x.txt", "w").write("x")
    artifact.add_file("x.txt")
    run.log_artifact(artifact)
"""


TIMES = """
import datetime, json, wandb
run = wandb.Api().run("lives/off")
rows = [row["_runtime"] for row in run.scan_history(keys=["_runtime", "loss"])]
print(json.dumps([rows[0], rows[-1], run.summary["_runtime"]]))
"""


def test_an_offline_run_is_synced_once_however_often(tmp_path: Path) -> None:
    """``wandb sync``, and the same again: rows, config and artifact are there once.

    The run began and ended when its script did, not when it was synced.
    """
    with serving(tmp_path / "home", quiet=True) as server:
        run_script(server, tmp_path, OFFLINE)
        before = time.time_ns() // 1000
        directory = next((tmp_path / "wandb").glob("offline-run-*"))
        for more in ([], ["--include-synced"]):
            done = subprocess.run(
                [sys.executable, "-m", "wandb", "sync", *more, str(directory)],
                env=environment(server, tmp_path), cwd=tmp_path, capture_output=True, text=True,
                timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
        seen = Seen(server, "lives", "off")
        assert seen.detail["state"] == "finished"
        assert seen.detail["config"] == {"a": 1}
        assert points(server, seen.uid) == [(n, n) for n in range(30)]
        assert seen.detail["created_us"] <= before < seen.detail["updated_us"]
        assert seen.detail["ended_us"] <= before
        first, last, whole = run_script(server, tmp_path, TIMES)
        assert 0 <= first <= last <= whole
        version = server.json("GET", "/api/v1/artifacts/resolve?name=lives/offline-data")
        assert (version["version"], version["files"]) == (0, 1)
