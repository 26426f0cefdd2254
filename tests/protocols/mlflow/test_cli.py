"""MLflow's own commands against our server, and its scoring of a model that lies there."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

from tests.protocols.mlflow.test_models import python
from tests.server.processes import Running

SCRIPT = Path(__file__).parent / "cli_script.py"


@pytest.mark.timeout(400)
def test_commands_of_mlflow_work(
    server: Running, client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """List, describe, export, upload, download, score, delete and restore."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address.url)
    experiment = client.create_experiment("commands")
    x = np.array([[1.0], [2.0]])
    with mlflow.start_run(experiment_id=experiment, run_name="line") as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_metric("loss", 0.25)
        mlflow.sklearn.log_model(
            LinearRegression().fit(x, [3.0, 5.0]), name="net", pip_requirements=["scikit-learn"],
            registered_model_name="commanded", signature=infer_signature(x, np.ones(2)),
        )  # fmt: skip
    uid = run.info.run_id
    (tmp_path / "got").mkdir()
    lines = python(server, str(SCRIPT), experiment, uid, str(tmp_path), "models:/commanded/1")
    told = json.loads(lines.splitlines()[-1])
    assert "commands" in told["experiments"]
    assert uid in told["runs"]
    assert json.loads(told["described"])["data"]["params"] == {"lr": "0.1"}
    (row,) = csv.DictReader(io.StringIO(told["table"]))
    assert (row["run_id"], row["metrics.loss"], row["params.lr"]) == (uid, "0.25", "0.1")
    assert (tmp_path / "in" / "rows.csv").read_text() == "x\n1.0\n2.0\n"
    assert json.loads(told["scores"])["predictions"] == pytest.approx([3.0, 5.0])
    assert client.get_run(uid).info.lifecycle_stage == "active"
    assert client.get_experiment(experiment).name == "renamed"
