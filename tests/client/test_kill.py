"""What `log` accepted survives SIGKILL of the process (P2, F01)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SEED = int(os.environ.get("EPOCHAL_TEST_SEED", "0")) or int.from_bytes(os.urandom(4), "little")
KILLS = int(os.environ.get("EPOCHAL_TEST_KILLS", "200"))


@pytest.mark.slow
def test_200_kills_lose_no_accepted_call(tmp_path: Path) -> None:
    """Each kill strikes at a random instant of a tight loop; the count was announced before it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.client.killing", str(tmp_path), str(KILLS), str(SEED)],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    seed = f"seed {SEED}"
    assert len(results) == KILLS
    assert sum(result["lost"] for result in results) == 0, seed
    assert all(result["in_order"] for result in results), seed
    assert all(result["held"] is False and not result["finished"] for result in results), seed
    assert sum(result["accepted"] for result in results) > KILLS * 100, seed
