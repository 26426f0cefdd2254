"""A run of wandb's own client that is asked to stop on our page ends, as with W&B's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.protocols.wandb.conftest import environment
from tests.server.processes import Running

DEADLINE_S = 120.0
JSON = {"Content-Type": "application/json"}
LOOP = """
import time, wandb
with wandb.init(project="stops", id="r") as run:
    while True:
        run.log({"loss": 0.5})
        time.sleep(0.1)
"""


def test_an_unmodified_script_is_interrupted(server: Running, tmp_path: Path) -> None:
    """wandb asks whether it is stopped every few seconds, and interrupts its main thread."""
    resolve = "/api/v1/runs/resolve?project=stops&id=r"
    with subprocess.Popen(
        [sys.executable, "-c", LOOP], env=environment(server, tmp_path), cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            deadline = time.monotonic() + DEADLINE_S
            status = 404
            while status != 200:
                assert time.monotonic() < deadline
                assert process.poll() is None
                status, body = server.ask("GET", resolve)
                time.sleep(0.1)
            uid = json.loads(body)["uid"]
            assert server.ask("POST", f"/api/v1/runs/{uid}/stop", b"{}", JSON)[0] == 202
            assert process.wait(DEADLINE_S) != 0
        finally:
            if process.poll() is None:
                process.kill()
    state = "running"
    while state == "running" and time.monotonic() < deadline + DEADLINE_S:
        state = server.json("GET", resolve)["state"]
        time.sleep(0.1)
    assert state == "killed"
