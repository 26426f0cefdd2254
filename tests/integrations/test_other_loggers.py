"""Lightning's own loggers, unchanged: their runs are here as well.

The tests import them: it takes seconds, and every worker collects this file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import epochal
from epochal.cli.redirect import LOCAL_KEY
from epochal.imports.tensorboard import import_directory
from tests.integrations import boring
from tests.server.processes import serving

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def test_the_mlflow_logger_logs_to_a_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics, hyperparameters and the end of the run, through the unmodified client."""
    from lightning.pytorch.loggers import MLFlowLogger

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with serving(home, quiet=True) as server:
        logger = MLFlowLogger("lines", run_name="first", tracking_uri=server.address.url)
        trainer = boring.trainer(logger)
        trainer.fit(boring.model(lr=0.25), boring.data(), boring.data())
        (run,) = epochal.connect(server.address.url).runs("lines")
        assert (run.name, run.state, run.config["lr"]) == ("first", "finished", "0.25")
        assert run.series("train/loss").step.tolist() == [0, 1, 2, 3]
        assert run.series("val/loss").step.tolist() == [3]


def test_the_tensorboard_loggers_files_are_runs(home: Path, tmp_path: Path) -> None:
    from lightning.pytorch.loggers import TensorBoardLogger

    logger = TensorBoardLogger(tmp_path, name="lines")
    boring.trainer(logger).fit(boring.model(lr=0.25), boring.data(), boring.data())
    logger.experiment.close()
    import_directory(home, tmp_path / "lines")
    (run,) = epochal.runs("lines")
    assert run.name == "version_0"
    assert run.series("train/loss").step.tolist() == [0, 1, 2, 3]
    assert run.config["lr"] == 0.25


WITH_WANDB = """
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from tests.integrations import boring
logger = WandbLogger(project="lines", name="first", log_model="all")
trainer = boring.trainer(logger, callbacks=[ModelCheckpoint(monitor="val/loss")])
trainer.fit(boring.model(lr=0.25), boring.data(), boring.data())
logger.experiment.finish()
"""


def test_the_wandb_logger_logs_to_a_server(home: Path, tmp_path: Path) -> None:
    """In a process of its own: the client leaves threads and a service behind."""
    root = str(Path(__file__).parents[2])
    with serving(home, quiet=True) as server:
        variables = client_settings(server.address.url)
        done = subprocess.run(
            [sys.executable, "-c", WITH_WANDB],
            env={**os.environ, **variables, "HOME": str(tmp_path), "PYTHONPATH": root},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (run,) = epochal.connect(server.address.url).runs("lines")
        assert (run.name, run.state, run.config["lr"]) == ("first", "finished", 0.25)
        assert len(run.series("train/loss")) == 4
        assert run.series("trainer/global_step").value.tolist()[-1] == 3.0
        (model,) = epochal.connect(server.address.url).artifacts("lines")
        assert model.name == f"model-{run.id}"


def client_settings(url: str) -> dict[str, str]:
    return {
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": LOCAL_KEY,
        "WANDB_MODE": "online",
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "off",
    }
