"""Checkpoints of Lightning's Trainer: where they stay, and when they become artifacts."""

from __future__ import annotations

import importlib
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from epochal.errors import InvalidInput
from epochal.integrations.lightning import EpochalLogger
from tests.client.scripts import read_home
from tests.integrations import boring
from tests.integrations.loggers import Make, checkpointing, commits, points

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def test_checkpoints_stay_where_they_are_by_default(family: str, make: Make, home: Path) -> None:
    boring.trainer(make(), family, callbacks=[checkpointing(family)]).fit(
        boring.model(family), boring.data(), boring.data()
    )
    assert commits(home) == []


def test_the_best_checkpoint_becomes_an_artifact_at_the_end(
    family: str, make: Make, home: Path
) -> None:
    """`log_model=True`: once per training, with its score and settings."""
    logger = make(log_model=True, version="r1")
    saving = checkpointing(family)
    trainer = boring.trainer(logger, family, max_epochs=2, callbacks=[saving])
    trainer.fit(boring.model(family), boring.data(), boring.data())
    trainer.validate(dataloaders=boring.data(), verbose=False)
    (commit,) = commits(home)
    assert (commit.name, commit.kind, commit.aliases) == ("model-r1", "model", ["best"])
    assert commit.metadata["score"] == pytest.approx(float(saving.best_model_score))
    assert commit.metadata["original_filename"] == Path(saving.best_model_path).name
    assert commit.metadata["ModelCheckpoint"]["monitor"] == "val/loss"
    found = logger.use_artifact("model-r1:best")
    loaded = torch.load(Path(found.download()) / "model.ckpt", weights_only=False)
    assert loaded["global_step"] == 8
    assert [file.path for file in found.files()] == ["model.ckpt"]
    assert found.aliases == ["best", "latest"]


@pytest.mark.parametrize(
    ("log_model", "top"), [("all", 1), (True, -1)], ids=["all", "true and top -1"]
)
def test_every_checkpoint_becomes_a_version_at_once(
    log_model: Any, top: int, make: Make, home: Path
) -> None:
    family = boring.FAMILIES[0]
    logger = make(log_model=log_model, checkpoint_name="net")
    seen = []

    class Looks(importlib.import_module(family).Callback):  # type: ignore[misc]
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            seen.append(len(commits(home)))

    callbacks = [checkpointing(family, save_top_k=top), Looks()]
    trainer = boring.trainer(logger, family, max_epochs=3, callbacks=callbacks)
    trainer.fit(boring.model(family), boring.data(), boring.data())
    assert seen == [0, 1, 2]
    assert [commit.name for commit in commits(home)] == ["net"] * 3


def test_a_checkpoint_that_is_gone_costs_a_warning(make: Make, home: Path, tmp_path: Path) -> None:
    class Callback:
        best_model_path = str(tmp_path / "gone.ckpt")
        state_key = "x"

    logger = make(log_model=True)
    logger.log_metrics({"a": 1.0}, 0)
    callback = Callback()
    logger.after_save_checkpoint(callback)
    logger.finalize("success")
    (tmp_path / "gone.ckpt").mkdir()
    (tmp_path / "gone.ckpt" / "part").write_bytes(b"sharded")
    logger.finalize("success")
    assert [commit.files for commit in commits(home)] == [1]


def test_another_word_for_log_model_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'all'"):
        EpochalLogger(log_model="best")


class Stop:
    """Raises in the third training step."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __call__(self, family: str) -> Any:
        error = self.error

        class Raises(importlib.import_module(family).Callback):  # type: ignore[misc]
            def on_train_batch_end(self, trainer: Any, *rest: Any) -> None:
                if trainer.current_epoch == 1:
                    raise error

        return Raises()


@pytest.mark.parametrize(
    ("error", "raised", "state"),
    [(KeyboardInterrupt, SystemExit, "killed"), (RuntimeError, RuntimeError, "running")],
)
def test_checkpoints_are_kept_however_training_ends(
    error: type[BaseException], raised: type[BaseException], state: str, make: Make, home: Path
) -> None:
    """Ctrl-C kills the run; an exception that somebody may catch leaves the run to go on."""
    family = boring.FAMILIES[0]
    logger = make(log_model=True)
    callbacks = [checkpointing(family), Stop(error)(family)]
    trainer = boring.trainer(logger, family, max_epochs=3, callbacks=callbacks)
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(raised):
            trainer.fit(boring.model(family), boring.data(), boring.data())
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(commits(home)) == 1
    (told,) = read_home(home)
    assert (told.finish.state if told.finish else "running") == state
    logger.log_metrics({"after": 1.0}, 99)
    assert points(home, "after") == [(99, 1.0)]
    assert len({told.header.run_id for told in read_home(home)}) == 1
