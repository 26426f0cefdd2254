"""The client of MLflow 2, in a process of its own: what people do most works as with MLflow 3.

It lies in ``mlflow2`` of the environment, where `make test` puts it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.protocols.mlflow.test_models import python
from tests.server.processes import Running

CLIENT = Path(sys.prefix) / "mlflow2"
SCRIPT = Path(__file__).parent / "second_script.py"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_client_of_mlflow_2_tracks_registers_and_loads(server: Running) -> None:
    """Runs, histories, searches, artifacts, a registered model by number, alias and stage."""
    if not CLIENT.is_dir() and not os.environ.get("CI"):
        pytest.skip("the client of MLflow 2 is not installed; `make test` installs it")
    told = json.loads(python(server, str(SCRIPT), PYTHONPATH=str(CLIENT)).splitlines()[-1])
    assert told["client"].startswith("2.22.")
    track = told["track"]
    detail = server.json("GET", f"/api/v1/runs/{track.pop('run')}")
    assert (detail["state"], detail["last_step"]) == ("finished", 98)
    assert track == {
        "status": "FINISHED", "params": {"lr": "0.1", "depth": "3"}, "loss": 0.2, "nan": True,
        "history": [1.0, 0.5, 1 / 3, 0.25, 0.2], "many": 99, "found": ["outer"], "text": "hello",
        "refused": "INVALID_PARAMETER_VALUE", "files": ["notes/hello.txt"],
    }  # fmt: skip
    assert told["register"] == {"loaded": [[2, 4]] * 4, "stage": "Production", "version": "1"}
    [version] = server.json("GET", "/api/v1/models/double")["all_versions"]
    assert (version["stage"], version["aliases"]) == ("production", ["champion"])
