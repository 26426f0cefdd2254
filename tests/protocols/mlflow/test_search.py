"""Searches by metrics whose points came in another order than that of their steps, by datasets and
by places.

The first is what asynchronous logging does, and a run that went on from a checkpoint.
"""

from __future__ import annotations

import math

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric
from mlflow.exceptions import MlflowException

from tests.server.processes import Running

LATEST = {"a": 1.0, "b": 5.0, "c": math.nan, "d": math.inf, "e": 3.0, "f": -math.inf}
"""The value at the greatest step, by run; ``e`` alone came in order."""


@pytest.fixture(scope="module")
def mixed(server: Running) -> tuple[MlflowClient, str]:
    """A run for each of `LATEST`, and ``g``, which has no such metric."""
    client = MlflowClient(server.address.url)
    experiment = client.create_experiment("mixed")
    for start, (name, value) in enumerate([*LATEST.items(), ("g", None)], 1):
        uid = client.create_run(experiment, start_time=start, run_name=name).info.run_id
        if value is not None:
            client.log_batch(uid, metrics=[Metric("loss", value, 9, 7)])
        if value is not None and name != "e":
            client.log_batch(uid, metrics=[Metric("loss", 4.0, 9, 2)])
    return client, experiment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.loss = 4", ""),
        ("metrics.loss = 5", "b"),
        ("metrics.loss != 4", "fedcba"),
        ("metrics.loss < 3", "fa"),
        ("metrics.loss <= 3", "fea"),
        ("metrics.loss > 1", "edb"),
        ("metrics.loss >= 3 and metrics.loss < 6", "eb"),
        ("metrics.none > 0", ""),
    ],
)
def test_conditions_hold_for_the_value_of_the_greatest_step(
    mixed: tuple[MlflowClient, str], text: str, expected: str
) -> None:
    """Whatever was written last; NaN meets none but ``!=``."""
    client, experiment = mixed
    found = client.search_runs([experiment], text)
    assert "".join(run.info.run_name for run in found) == expected


@pytest.mark.parametrize(
    ("order", "expected"), [("metrics.loss ASC", "faebdcg"), ("metrics.loss DESC", "dbeafcg")]
)
def test_orders_go_by_the_value_of_the_greatest_step(
    mixed: tuple[MlflowClient, str], order: str, expected: str
) -> None:
    """NaN comes after all numbers, missing values after it, over pages too."""
    client, experiment = mixed
    first = client.search_runs([experiment], order_by=[order], max_results=3)
    rest = client.search_runs([experiment], order_by=[order], page_token=first.token)
    found = [*first, *rest]
    assert "".join(run.info.run_name for run in found) == expected
    shown = {run.info.run_name: run.data.metrics.get("loss") for run in found}
    assert (shown["a"], shown["b"], shown["e"], shown["g"]) == (1.0, 5.0, 3.0, None)


@pytest.fixture(scope="module")
def using(server: Running) -> tuple[MlflowClient, str]:
    """Runs ``a`` to ``c`` with datasets, and ``d`` without."""
    client = MlflowClient(server.address.url)
    experiment = client.create_experiment("using")
    used = {
        "a": [("mnist", "d1", "train"), ("cifar", "d2", "test")],
        "b": [("MNIST", "d1", "train")],
        "c": [("mnist", "d3", "")],
        "d": [],
    }
    for start, (name, inputs) in enumerate(used.items(), 1):
        uid = client.create_run(experiment, start_time=start, run_name=name).info.run_id
        given = [
            DatasetInput(
                Dataset(dataset, digest, "local", "{}"),
                [InputTag("mlflow.data.context", context)] if context else [],
            )
            for dataset, digest, context in inputs
        ]
        if given:
            client.log_inputs(uid, given)
    return client, experiment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dataset.name = 'mnist'", "ca"),
        ("datasets.name != 'mnist'", "ba"),
        ("dataset.name LIKE '%NIST'", "b"),
        ("dataset.name ILIKE 'mnist'", "cba"),
        ("dataset.name IN ('cifar', 'x')", "a"),
        ("dataset.name NOT IN ('cifar', 'mnist')", "b"),
        ("dataset.digest = 'd1'", "ba"),
        ("dataset.context = 'train' AND dataset.digest = 'd2'", "a"),
        ("dataset.context != 'train'", "a"),
        ("dataset.name = 'mnist' AND attributes.run_name = 'c'", "c"),
        ("dataset.name = 'none'", ""),
    ],
)
def test_runs_are_found_by_the_datasets_that_they_used(
    using: tuple[MlflowClient, str], text: str, expected: str
) -> None:
    """Each condition may be met by another dataset of the run, as on MLflow's server."""
    client, experiment = using
    found = client.search_runs([experiment], text)
    assert "".join(run.info.run_name for run in found) == expected


def test_runs_are_found_by_the_place_of_their_artifacts(using: tuple[MlflowClient, str]) -> None:
    client, experiment = using
    runs = client.search_runs([experiment])
    for run in runs:
        place = run.info.artifact_uri
        assert place == f"mlflow-artifacts:/{experiment}/{run.info.run_id}/artifacts"
        for text in (f"= '{place}'", f"LIKE '%{run.info.run_id}%'", f"ILIKE '{place.upper()}'"):
            found = client.search_runs([experiment], f"attributes.artifact_uri {text}")
            assert [one.info.run_id for one in found] == [run.info.run_id], text
    others = client.search_runs([experiment], f"attributes.artifact_uri != '{place}'")
    assert len(others) == len(runs) - 1
    ordered = client.search_runs([experiment], order_by=["attributes.artifact_uri"])
    assert [run.info.run_id for run in ordered] == sorted(run.info.run_id for run in runs)


@pytest.mark.parametrize("text", ["dataset.color = 'x'", "dataset.name > 'x'", "dataset.name = 1"])
def test_a_condition_on_datasets_that_cannot_be_is_refused(
    using: tuple[MlflowClient, str], text: str
) -> None:
    client, experiment = using
    with pytest.raises(MlflowException) as failure:
        client.search_runs([experiment], text)
    assert failure.value.error_code == "INVALID_PARAMETER_VALUE"
