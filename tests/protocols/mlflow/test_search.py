"""Searches by metrics whose points came in another order than that of their steps.

That is what asynchronous logging does, and a run that went on from a checkpoint.
"""

from __future__ import annotations

import math

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

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
