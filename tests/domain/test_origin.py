"""What labels of foreign clients tell of a run; what cannot be read costs nothing else."""

from __future__ import annotations

import json

from epochal.domain.origin import LONGEST, Origin, origin_of, used_models

FACTS = {
    "name": "net", "kind": "pytorch", "run": "r", "status": "LOGGED_MODEL_READY",
    "created_us": 5, "updated_us": 6, "params": {"depth": "2"},
}  # fmt: skip


def test_nothing_is_told_of_a_run_without_labels() -> None:
    assert origin_of({}) == Origin()


def test_source_and_user_become_facts_of_the_environment() -> None:
    """Only those that are told; nobody knows whether the code was changed after the commit."""
    told = origin_of(
        {
            "$client": "mlflow", "$user": "ada", "mlflow.source.name": "train.py",
            "mlflow.source.git.commit": "c0ffee", "mlflow.source.git.repoURL": "", "own": "x",
        }
    )  # fmt: skip
    assert told.client == "mlflow"
    assert told.environment == {"user": "ada", "program": "train.py", "git": {"commit": "c0ffee"}}
    assert set(told.labels) == {"mlflow.source.name", "mlflow.source.git.commit",
                                "mlflow.source.git.repoURL", "own"}  # fmt: skip
    assert origin_of({"own": "x"}).environment == {}


def test_datasets_are_told_with_their_use() -> None:
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    entry = {"dataset": {**dataset, "schema": "x" * (LONGEST + 1), "profile": None}, "tags": tags}
    inputs = {"dataset:d\n1": entry, "model:m-1": {"model_id": "m-1"}}
    (told,) = origin_of({"$inputs": json.dumps(inputs)}).datasets
    assert (told.name, told.context, told.source_type) == ("d", "training", "local")
    assert (told.schema, told.profile) == ("", "")


def test_models_are_told_with_step_and_metrics_and_deleted_ones_are_not() -> None:
    metric = {"key": "acc", "value": "nan", "step": 3, "t_us": 1, "run": "r", "dataset": "d"}
    labels = {
        "$model:m-1": json.dumps(FACTS),
        "$model:m-2": json.dumps({**FACTS, "deleted": True}),
        "$metrics:m-1": json.dumps([metric]),
        "$outputs": json.dumps({"m-1\n3": {"model_id": "m-1", "step": 3}}),
        "$inputs": json.dumps({"model:m-3": {"model_id": "m-3"}, "model:m-4": {}}),
    }
    assert used_models(labels) == ["$model:m-3", "$model:m-4"]
    others = {"$model:m-3": json.dumps({**FACTS, "name": "base"})}
    made, used, unknown = origin_of(labels, others).models
    assert (made.id, made.role, made.name, made.status, made.step) == (
        "m-1", "made", "net", "ready", 3,
    )  # fmt: skip
    assert [(one.key, one.value, one.dataset) for one in made.metrics] == [("acc", "nan", "d")]
    assert (used.role, used.name) == ("used", "base")
    assert (unknown.id, unknown.name, unknown.status) == ("m-4", "", "")


def test_labels_that_cannot_be_read_are_left_out() -> None:
    told = origin_of({"$inputs": "{", "$outputs": "7", "$model:m-1": "[]", "own": "x"})
    assert (told.datasets, told.labels) == ([], {"own": "x"})
    assert [(one.id, one.name) for one in told.models] == [("m-1", "")]
