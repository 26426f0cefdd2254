"""What MLflow's users do all day with its fluent API is read back as it was logged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.protocols.mlflow.test_models import python
from tests.server.processes import Running

SCRIPT = Path(__file__).with_name("daily_script.py")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_what_a_day_brings_is_read_back(server: Running) -> None:
    """Experiment tags, images by step, tables, datasets, logging behind the script's back, nested
    runs in threads, and models that are searched, copied, renamed and loaded.
    """
    lines = [line for line in python(server, str(SCRIPT)).splitlines() if line.startswith("{")]
    told: dict[str, Any] = {}
    for line in lines:
        told |= json.loads(line)
    assert told == {
        "experiment": [{"team": "vision", "year": "2026"}, {"team": "vision"}],
        "images": [6, ["0", "1", "2"], 6, [4, 4]],
        "tables": [
            [1, 2, 3], True,
            [{"path": "t.json", "type": "table"}, {"path": "i.json", "type": "table"}],
        ],
        "datasets": [["array", "frame"], "https://x/y.csv", 1],
        "behind": [200, {"p": "1"}, "x"],
        "threads": [6, True, ["FINISHED"]],
        "models": [
            [True], "new", {"lr": "1", "depth": "3"}, ["1", "2"], [[2, 4]] * 3, "READY",
        ],
    }  # fmt: skip
