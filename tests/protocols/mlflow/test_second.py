"""The client of MLflow 2, and the whole package of today, in processes of their own.

What people do most works as with the small client that all other tests use. They lie in
``mlflow2`` and ``mlflow-full`` of the environment, where `make test` puts them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.protocols.mlflow.test_models import python
from tests.server.processes import Running

SCRIPT = Path(__file__).parent / "second_script.py"


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("folder", "version"), [("mlflow2", "2.22."), ("mlflow-full", "3.")])
def test_another_client_tracks_registers_and_loads(
    server: Running, folder: str, version: str
) -> None:
    """Runs, histories, searches, artifacts, a registered model by number, alias and stage."""
    place = Path(sys.prefix) / folder
    if not place.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"{folder} is not installed; `make test` installs it")
    told = json.loads(python(server, str(SCRIPT), PYTHONPATH=str(place)).splitlines()[-1])
    assert told["client"].startswith(version)
    assert Path(told["file"]).is_relative_to(place)
    track = told["track"]
    detail = server.json("GET", f"/api/v1/runs/{track.pop('run')}")
    assert (detail["state"], detail["last_step"]) == ("finished", 98)
    assert track == {
        "status": "FINISHED", "params": {"lr": "0.1", "depth": "3"}, "loss": 0.2, "nan": True,
        "history": [1.0, 0.5, 1 / 3, 0.25, 0.2], "many": 99, "found": ["outer"], "text": "hello",
        "refused": "INVALID_PARAMETER_VALUE", "files": ["notes/hello.txt"],
    }  # fmt: skip
    name = told["register"].pop("name")
    assert told["register"] == {"loaded": [[2, 4]] * 4, "stage": "Production", "version": "1"}
    [made] = server.json("GET", f"/api/v1/models/{name}")["all_versions"]
    assert (made["stage"], made["aliases"]) == ("production", ["champion"])
