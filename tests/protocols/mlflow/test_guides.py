"""The code of MLflow's two guides for PyTorch runs against this server, with today's client.

Every line that has to change is in `CHANGES`, and none of them because of the server: the test
fails when a line is not there, so that the table stays what is told in docs/mlflow.md. The images
are Fashion-MNIST's own where this machine has them, a small part of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from mlflow import MlflowClient

from tests.server.processes import Running

HERE: Final = Path(__file__).parent
QUICKSTART: Final = "Quickstart with MLflow PyTorch Flavor"
WITHIN: Final = "PyTorch within MLflow"
IMAGES: Final = 192
STAND_INS: Final = HERE.parent.parent / "stand_ins"
RUN: Final = """
import runpy, sys
import torchmetrics  # looks for all of torchvision when there is one
sys.path.insert(0, sys.argv[1])
runpy.run_path("guide.py", run_name="__main__")
"""
BLOCK: Final = re.compile(r"^## .*?\n\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

CHANGES: Final = {
    QUICKSTART: [
        # For notebooks.
        ("%pip install -q mlflow torchmetrics torchinfo\n", ""),
        # Asks for an address of Databricks; MLFLOW_TRACKING_URI says where this server is.
        ("mlflow.login()\n", ""),
        # Line ends within a text, which the printed page has made of `\n`.
        ('print(f"Eval metrics: \nAcc', 'print(f"Eval metrics: \\nAcc'),
        ('{eval_loss:2f} \n")', '{eval_loss:2f} \\n")'),
        ("{t + 1}\n---", "{t + 1}\\n---"),
        # MLflow 3.17 saves as torch.export does, and wants to see an input for that.
        (
            'log_model(model, name="model")',
            'log_model(model, name="model", input_example=training_data[0][0][None].numpy())',
        ),
    ],
    WITHIN: [
        # The same; or the format from before. Thrice, once with a signature.
        ('log_model(model, "model")', 'log_model(model, "model", serialization_format="pickle")'),
        (
            'log_model(model, "model", signature=signature)',
            'log_model(model, "model", signature=signature, serialization_format="pickle")',
        ),
        # A module takes tensors, and of the dtype of its weights.
        (
            "input = np.random.uniform(size=[1, 28, 28])\n",
            "input = np.random.uniform(size=[1, 28, 28]).astype(np.float32)\n",
        ),
        ("    model(input).detach()", "    model(torch.from_numpy(input)).detach()"),
        # An import that only a later block has.
        (
            "import numpy as np\nfrom mlflow.types",
            "import numpy as np\nfrom mlflow.models import ModelSignature\nfrom mlflow.types",
        ),
    ],
}  # fmt: skip


def guide(title: str) -> str:
    """The blocks of a guide as one script, with what has to be changed."""
    _, _, rest = (HERE / "guides.txt").read_text().partition(f"\n# {title}\n")
    for other in CHANGES:
        rest = rest.partition(f"\n# {other}\n")[0]
    code = "\n".join(BLOCK.findall(rest))
    for printed, changed in CHANGES[title]:
        assert printed in code, printed
        code = code.replace(printed, changed)
    return code


def run(server: Running, title: str, folder: Path, images: Path) -> str:
    """Run a guide as a user would; what it printed."""
    (folder / "guide.py").write_text(guide(title))
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": server.address.url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "OMP_NUM_THREADS": "1",
        "IMAGES": str(images),
        "IMAGES_LIMIT": str(IMAGES),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, str(STAND_INS)], cwd=folder,
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_quickstart_runs(
    server: Running, client: MlflowClient, tmp_path: Path, images: Path
) -> None:
    """Its experiment has a name with slashes and angle brackets; its metrics come as texts."""
    told = run(server, QUICKSTART, tmp_path, images)
    assert "Epoch 3" in told
    assert f"View experiment at: {server.address.url}/#/experiments/" in told
    found = client.get_experiment_by_name("/Users/<your email>/mlflow-pytorch-quickstart")
    assert found is not None
    (made,) = client.search_runs([found.experiment_id])
    assert made.info.status == "FINISHED"
    assert made.data.params == {
        "epochs": "3", "learning_rate": "0.001", "batch_size": "64", "optimizer": "SGD",
        "loss_function": "CrossEntropyLoss", "metric_function": "MulticlassAccuracy",
    }  # fmt: skip
    uid = made.info.run_id
    assert [p.step for p in client.get_metric_history(uid, "loss")] == [0, 0, 0]
    assert len(client.get_metric_history(uid, "eval_accuracy")) == 3
    assert [one.path for one in client.list_artifacts(uid)] == ["model_summary.txt"]
    detail = server.json("GET", f"/api/v1/runs/{uid}")
    assert [(one["name"], one["status"]) for one in detail["logged_models"]] == [
        ("model", "ready")
    ]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_guide_of_pytorch_within_mlflow_runs(
    server: Running, client: MlflowClient, tmp_path: Path, images: Path
) -> None:
    """Three runs: a training, a model that is loaded, and one with the signature that was set."""
    run(server, WITHIN, tmp_path, images)
    made = client.search_runs(["0"], order_by=["start_time ASC"])
    assert [one.info.status for one in made] == ["FINISHED"] * 3
    assert made[0].data.params["epochs"] == "3"
    assert len(client.get_metric_history(made[0].info.run_id, "accuracy")) == 3
    (described,) = server.json("GET", f"/api/v1/runs/{made[2].info.run_id}/artifacts")["made"]
    assert '"shape": [-1, 10]' in described["metadata"]["model"]["signature"]["outputs"]
