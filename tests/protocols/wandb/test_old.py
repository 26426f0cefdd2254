"""Old clients, in processes and environments of their own: what people do most works as today.

They lie in ``wandb-<version>`` of the environment, where `make test` puts them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.protocols.wandb.conftest import Seen, environment
from tests.server.processes import Running

SCRIPT = Path(__file__).parent / "old_script.py"


@pytest.mark.slow
@pytest.mark.timeout(480)
@pytest.mark.parametrize("version", ["0.16.6", "0.18.7"])
def test_an_old_client_logs_resumes_hands_over_searches_and_reads(
    server: Running, tmp_path: Path, version: str
) -> None:
    """The last client whose core is Python, and the first line whose core is Go."""
    python = Path(sys.prefix, f"wandb-{version}", "bin", "python")
    if not python.exists() and not os.environ.get("CI"):
        pytest.skip(f"wandb {version} is not installed; `make test` installs it")
    out, err = tmp_path / "out.txt", tmp_path / "err.txt"
    with out.open("w") as told_to, err.open("w") as complained_to:  # its service may outlive it
        done = subprocess.run(
            [python, SCRIPT], env=environment(server, tmp_path), cwd=tmp_path,
            stdout=told_to, stderr=complained_to, timeout=420, check=False,
        )  # fmt: skip
    assert done.returncode == 0, out.read_text() + err.read_text()
    told = json.loads(out.read_text().strip().splitlines()[-1])
    seen = Seen(server, f"old-{version}", told.pop("run"))
    assert told == {
        "client": version, "resumed_at": 21, "sweep": [1, 2],
        "artifact": {"version": "v0", "text": "contents", "metadata": {"rows": 2}},
        "read": {
            "state": "finished", "config": {"lr": 0.1, "net": {"depth": 3}}, "best": 0.05,
            "rows": 22, "sampled": 5, "file": 4, "found": True,
        },
    }  # fmt: skip
    assert seen.detail["state"] == "finished"
    assert seen.metric("loss")["last"] == 0.25
    assert seen.metric("acc.val")["last"] == 19
    assert "hello from the script" in seen.lines()
    [table] = seen.media("table")
    assert table["items"][0]["meta"]["preview"] == [[1, "one"], [2, "two"]]
