"""Between wandb's client and the server lies a bad line: nothing is lost, nothing comes twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.protocols.wandb.conftest import Seen, environment
from tests.protocols.wandb.faulty import FAULTS, faulty
from tests.server.processes import Running

LOG = """
import os, pathlib, time
import wandb
soon = dict.fromkeys((
    "x_file_stream_retry_wait_min_seconds", "x_file_stream_retry_wait_max_seconds",
    "x_graphql_retry_wait_min_seconds", "x_graphql_retry_wait_max_seconds",
    "x_file_transfer_retry_wait_min_seconds", "x_file_transfer_retry_wait_max_seconds"), 0.1)
settings = wandb.Settings(x_file_stream_transmit_interval=0.1, **soon)
open("data.bin", "wb").write(os.urandom(300_000))
with wandb.init(project="faults", id="r", settings=settings, config={"lr": 0.5}) as run:
    rows = 0
    while not pathlib.Path("enough").exists():
        run.log({"loss": rows, "half": rows / 2})
        print(f"line {rows}")
        rows += 1
        time.sleep(0.02)
    run.save("data.bin", policy="now")
    artifact = wandb.Artifact("ds", type="dataset")
    artifact.add_file("data.bin")
    run.log_artifact(artifact, aliases=["best"])
    run.summary["word"] = "end"
print(rows)
"""


def test_a_bad_line_loses_and_repeats_nothing(server: Running, tmp_path: Path) -> None:
    """Connections cut before and after, 503, torn and slow answers, on every kind of request."""
    with faulty(urlsplit(server.address.url).port or 0) as proxy:
        client = subprocess.Popen(
            [sys.executable, "-c", LOG], cwd=tmp_path, text=True,
            env=environment(server, tmp_path, WANDB_BASE_URL=proxy.url),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        with client:
            deadline = time.monotonic() + 90
            while not proxy.faults_of("file_stream") >= set(FAULTS) and client.poll() is None:
                assert time.monotonic() < deadline, proxy.met
                time.sleep(0.05)
            (tmp_path / "enough").touch()
            said, _ = client.communicate(timeout=90)
    assert client.returncode == 0, said
    rows = int(said.split()[-1])
    assert proxy.faults_of("file_stream") >= set(FAULTS)
    assert proxy.faults_of("graphql") >= {"cut before", "cut after"}
    seen = Seen(server, "faults", "r")
    assert (seen.detail["state"], seen.detail["config"]["lr"]) == ("finished", 0.5)
    for key in ("loss", "half"):
        query = f"/api/2.0/mlflow/metrics/get-history?metric_key={key}&run_id={seen.uid}"
        found = [(point["step"], point["value"]) for point in server.json("GET", query)["metrics"]]
        assert found == [(n, n if key == "loss" else n / 2) for n in range(rows)]
    lines = [line for line in seen.lines() if line.startswith("line ")]
    assert lines == [f"line {n}" for n in range(rows)]
    assert seen.detail["summary"]["word"] == "end"
    files = {row["path"]: row["size"] for row in seen.get("files")["files"]}
    assert files["data.bin"] == 300_000
    assert {"config.yaml", "output.log", "wandb-metadata.json", "requirements.txt"} <= set(files)
    (version,) = server.json("GET", "/api/v1/artifacts/versions?name=faults/ds")["versions"]
    assert (version["version"], version["size"]) == (0, 300_000)


def without_times(body: bytes) -> bytes:
    """A request in which no line of the history tells its time."""
    message = json.loads(body)
    for name, chunk in (message.get("files") or {}).items():
        if name == "wandb-history.jsonl":
            rows = [json.loads(line) for line in chunk["content"]]
            for row in rows:
                row.pop("_timestamp", None)
            chunk["content"] = [json.dumps(row) for row in rows]
    return json.dumps(message).encode()


REPEATED = """
import pathlib, time
import wandb
settings = wandb.Settings(x_file_stream_transmit_interval=0.1)
with wandb.init(project="faults", id="twice", settings=settings) as run:
    rows = 0
    while not pathlib.Path("enough").exists():
        run.log({"loss": rows % 7, "nan": float("nan"), "half": rows / 2, "word": f"w{rows}"})
        rows += 1
        time.sleep(0.02)
print(rows)
"""


def test_requests_that_come_twice_count_once_also_where_lines_tell_no_time(
    server: Running, tmp_path: Path
) -> None:
    """Most requests of a real client are heard twice; their lines are known by content."""
    port = urlsplit(server.address.url).port or 0
    with faulty(port, ("twice", "twice"), without_times) as proxy:
        client = subprocess.Popen(
            [sys.executable, "-c", REPEATED], cwd=tmp_path, text=True,
            env=environment(server, tmp_path, WANDB_BASE_URL=proxy.url),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        with client:
            deadline = time.monotonic() + 60
            while proxy.met["file_stream", "twice"] < 2 and client.poll() is None:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            (tmp_path / "enough").touch()
            said, _ = client.communicate(timeout=60)
    assert client.returncode == 0, said
    assert proxy.met["file_stream", "twice"] >= 2, proxy.met
    rows = int(said.split()[-1])
    seen = Seen(server, "faults", "twice")
    for key, value in (("loss", lambda n: n % 7), ("half", lambda n: n / 2)):
        query = f"/api/2.0/mlflow/metrics/get-history?metric_key={key}&run_id={seen.uid}"
        found = [(one["step"], one["value"]) for one in server.json("GET", query)["metrics"]]
        assert sorted(found) == [(n, value(n)) for n in range(rows)]
    assert seen.metric("nan")["count"] == rows
