"""Lightning's own loggers, unchanged: their runs are here as well."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch.loggers import MLFlowLogger, TensorBoardLogger

import epochal
from epochal.imports.tensorboard import import_directory
from tests.integrations import boring
from tests.server.processes import serving

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def test_the_mlflow_logger_logs_to_a_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics, hyperparameters and the end of the run, through the unmodified client."""
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
    logger = TensorBoardLogger(tmp_path, name="lines")
    boring.trainer(logger).fit(boring.model(lr=0.25), boring.data(), boring.data())
    logger.experiment.close()
    import_directory(home, tmp_path / "lines")
    (run,) = epochal.runs("lines")
    assert run.name == "version_0"
    assert run.series("train/loss").step.tolist() == [0, 1, 2, 3]
    assert run.config["lr"] == 0.25
