"""Hugging Face's real Trainer and Accelerator, on a model that is made here.

Both are imported by the tests: what they import takes seconds, and every worker collects this.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import epochal
from epochal.client.exit import exits
from epochal.domain.record import ArtifactCommit
from epochal.errors import InvalidInput
from tests.client.scripts import QUIET, read_home


class Sentences(torch.utils.data.Dataset[dict[str, Any]]):
    """Eight sentences of four tokens, in two classes."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, Any]:
        tokens = torch.tensor([1, 2, 3, index % 8])
        return {"input_ids": tokens, "labels": torch.tensor(index % 2)}


def new_callback(**arguments: Any) -> Any:
    from epochal.integrations.transformers import EpochalCallback

    return EpochalCallback(**arguments)


def tiny_model() -> Any:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8, max_position_embeddings=4,
    )  # fmt: skip
    return BertForSequenceClassification(config)


def trainer(tmp_path: Path, callbacks: list[Any] | None = None, **more: Any) -> Any:
    from transformers import Trainer, TrainingArguments

    importlib.import_module("epochal.integrations.transformers")  # makes `report_to` know us
    arguments = TrainingArguments(
        output_dir=str(tmp_path / "out"), num_train_epochs=2, per_device_train_batch_size=4,
        logging_steps=1, use_cpu=True, disable_tqdm=True, save_total_limit=2,
        **{"report_to": "none", "eval_strategy": "epoch", "save_strategy": "epoch", **more},
    )  # fmt: skip
    data = Sentences()
    model = tiny_model()
    return Trainer(model, arguments, train_dataset=data, eval_dataset=data, callbacks=callbacks)


def commits(home: Path) -> list[ArtifactCommit]:
    return [commit for told in read_home(home) for commit in told.all(ArtifactCommit)]


def test_report_to_epochal_records_a_training(home: Path, tmp_path: Path) -> None:
    """Metrics at global steps, what is told once in the summary, arguments in the config."""
    run = epochal.init(project="glue", settings=QUIET)
    training = trainer(tmp_path, report_to="epochal", run_name="bert")
    training.train()
    training.evaluate()
    run.finish()
    assert commits(home) == []
    (found,) = epochal.runs("glue")
    assert found.series("train/loss").step.tolist() == [1, 2, 3, 4]
    assert found.series("eval/loss").step.tolist() == [2, 4, 4]
    assert found.config["num_train_epochs"] == 2
    assert found.config["model"]["hidden_size"] == 8
    assert found.config["model_parameters"] == training.model.num_parameters()
    assert found.summary["train_runtime"] > 0


def test_checkpoints_become_versions_of_a_model(home: Path, tmp_path: Path) -> None:
    """Each as it is saved, with the newest as `latest` and the best as `best`."""
    callback = new_callback(project="glue", log_model="checkpoint", settings=QUIET)
    training = trainer(tmp_path, [callback], load_best_model_at_end=True, run_name="bert")
    training.train()
    run = callback.run
    assert run is not None
    run.finish()
    first, second = commits(home)
    assert [commit.metadata["step"] for commit in (first, second)] == [2, 4]
    assert {"best"} in ({*first.aliases}, {*second.aliases})
    (found,) = epochal.runs("glue")
    assert found.name == "bert"
    version = epochal.artifact(f"glue/model-{run.id}:latest")
    assert {"config.json", "model.safetensors"} <= {file.path for file in version.files()}


def test_the_model_of_the_end_becomes_an_artifact(home: Path, tmp_path: Path) -> None:
    callback = new_callback(log_model="end", settings=QUIET)
    trainer(tmp_path, [callback], save_strategy="no").train()
    assert callback.run is not None
    callback.run.finish()
    (commit,) = commits(home)
    assert commit.metadata == {"step": 4}
    with pytest.raises(InvalidInput, match="'checkpoint'"):
        new_callback(log_model="best")


def test_other_processes_than_the_main_one_record_nothing(home: Path, tmp_path: Path) -> None:
    callback = new_callback(settings=QUIET)
    training = trainer(tmp_path)
    training.state.is_world_process_zero = False
    callback.on_log(training.args, training.state, training.control, {"loss": 1.0})
    callback.on_save(training.args, training.state, training.control)
    assert callback.run is None
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("by_name", [False, True], ids=["as an object", "by name"])
def test_accelerate_logs_through_the_tracker(by_name: bool, home: Path) -> None:
    from accelerate import Accelerator

    from epochal.integrations.accelerate import EpochalTracker

    given: Any = "epochal" if by_name else EpochalTracker("mnist", settings=QUIET)
    accelerator = Accelerator(cpu=True, log_with=given)
    accelerator.init_trackers("mnist", {"lr": 0.1}, {"epochal": {"settings": QUIET}})
    accelerator.log({"loss": 0.5}, step=3)
    tracker = accelerator.get_tracker("epochal")
    tracker.log_images({"seen": [np.zeros((2, 3, 3), np.uint8)]}, step=4, caption="one")
    tracker.log_table("guesses", ["a"], [[1]], step=4)
    accelerator.end_training()
    (found,) = epochal.runs("mnist")
    assert (found.state, found.config["lr"]) == ("finished", 0.1)
    assert found.series("loss").step.tolist() == [3]
    assert found.media("seen")[0].meta["caption"] == "one"
    assert {media.key for media in found.media_keys()} == {"seen", "guesses"}


def test_each_trial_of_a_search_is_a_run(home: Path, tmp_path: Path) -> None:
    """With the trial's parameters in its config, in one group."""
    training = trainer(tmp_path, [], report_to="none", run_name="search")
    training.model_init = tiny_model
    training.add_callback(new_callback(project="glue", settings=QUIET))
    training.hyperparameter_search(
        hp_space=lambda trial: {"learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2)},
        hp_name=lambda trial: f"try {trial.number}",
        n_trials=2,
        backend="optuna",
    )
    for run in list(exits._runs):
        run.end(0, interrupted=False)
    runs = sorted(epochal.runs("glue"), key=lambda run: run.name)
    assert [(run.name, run.group) for run in runs] == [("try 0", "search"), ("try 1", "search")]
    assert all(run.series("train/loss").step.tolist() == [1, 2, 3, 4] for run in runs)
    rates = [run.config["learning_rate"] for run in runs]
    assert len(set(rates)) == 2
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
