"""What MLflow's own client promises its users of metrics holds against this server."""

from __future__ import annotations

import json
import math
import subprocess
import sys

from mlflow import MlflowClient
from mlflow.entities import Metric

from tests.protocols.mlflow.asking import ask
from tests.server.processes import Running

FLUENT = """
import json, sys
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("fluent")
with mlflow.start_run(run_name="outer", tags={"team": "a"}) as outer:
    mlflow.log_params({"lr": 0.1, "optimizer": "adam"})
    for step in range(10):
        mlflow.log_metrics({"loss": 1 / (step + 1), "acc": step / 10}, step=step)
    mlflow.set_tags({"note": "hi"})
    with mlflow.start_run(nested=True, run_name="inner") as inner:
        mlflow.log_metric("loss", 5.0, step=1)
try:
    with mlflow.start_run(run_name="broken") as broken:
        raise RuntimeError
except RuntimeError:
    pass
found = mlflow.search_runs(
    experiment_names=["fluent"], filter_string=f"tags.mlflow.parentRunId = '{outer.info.run_id}'",
    output_format="list",
)
print(json.dumps([outer.info.run_id, inner.info.run_id, broken.info.run_id,
                  [run.info.run_id for run in found]]))
"""


def test_a_script_as_in_the_tutorials_runs_unmodified(
    server: Running, client: MlflowClient
) -> None:
    """In a process of its own: params, metrics, tags, nested runs, a failure, a search."""
    done = subprocess.run(
        [sys.executable, "-c", FLUENT, server.address.url],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outer, inner, broken, children = json.loads(done.stdout.splitlines()[-1])
    run = client.get_run(outer)
    assert run.info.status == "FINISHED"
    assert run.info.end_time >= run.info.start_time
    assert run.data.params == {"lr": "0.1", "optimizer": "adam"}
    assert run.data.metrics == {"loss": 0.1, "acc": 0.9}
    assert run.data.tags["team"] == "a"
    assert run.data.tags["mlflow.runName"] == run.info.run_name == "outer"
    assert children == [inner]
    assert client.get_run(broken).info.status == "FAILED"


def test_a_batch_of_a_thousand_is_read_back_bit_for_bit(
    client: MlflowClient, experiment: str
) -> None:
    uid = client.create_run(experiment).info.run_id
    values = [math.sin(i) * 10.0 ** (i % 300 - 150) for i in range(1000)]
    points = [Metric("m", value, 1000 + i, i) for i, value in enumerate(values)]
    client.log_batch(uid, metrics=points)
    found = client.get_metric_history(uid, "m")
    assert [(p.value, p.timestamp, p.step) for p in found] == [
        (p.value, p.timestamp, p.step) for p in points
    ]
    last = client.get_run(uid).data._metric_objs[0]
    assert (last.value, last.timestamp, last.step) == (values[-1], 1999, 999)


def test_points_of_one_step_are_kept_and_equal_ones_vanish(
    client: MlflowClient, experiment: str
) -> None:
    """Duplicates of a step stay; the very same point sent again does not count."""
    uid = client.create_run(experiment).info.run_id
    for value, time_ms in ((1.0, 5), (2.0, 5), (2.0, 9), (2.0, 9), (1.0, 5)):
        client.log_metric(uid, "m", value, timestamp=time_ms, step=3)
    client.log_batch(uid, metrics=[Metric("m", 1.0, 5, 3), Metric("m", 7.0, 1, 0)])
    found = [(p.value, p.timestamp, p.step) for p in client.get_metric_history(uid, "m")]
    assert found == [(7.0, 1, 0), (1.0, 5, 3), (2.0, 5, 3), (2.0, 9, 3)]
    assert client.get_run(uid).data.metrics == {"m": 2.0}


def test_what_is_no_finite_number_comes_back_as_mlflow_sends_it(
    client: MlflowClient, experiment: str
) -> None:
    uid = client.create_run(experiment).info.run_id
    for step, value in enumerate((math.nan, math.inf, -math.inf)):
        client.log_metric(uid, "m", value, step=step)
    nan, high, low = [p.value for p in client.get_metric_history(uid, "m")]
    assert math.isnan(nan)
    assert (high, low) == (sys.float_info.max, -sys.float_info.max)
    assert client.get_metric_history(uid, "none") == []
    assert client.get_metric_history("f" * 32, "m") == []


def test_samples_of_several_runs_hold_their_last_points(
    server: Running, client: MlflowClient, experiment: str
) -> None:
    uids = [client.create_run(experiment).info.run_id for _ in range(2)]
    for uid in uids:
        client.log_batch(uid, metrics=[Metric("m", i, 1000 + i, i) for i in range(1000)])
    query = "&".join(f"run_ids={uid}" for uid in uids)
    path = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
    _, answer = ask(server, "GET", f"{path}?{query}&metric_key=m&max_results=10")
    steps = [point["step"] for point in answer["metrics"] if point["run_id"] == uids[1]]
    assert steps == [0, 100, 200, 300, 400, 500, 600, 700, 800, 999]
    _, answer = ask(
        server, "GET", f"{path}?{query}&metric_key=m&max_results=10&start_step=7&end_step=9"
    )
    assert [point["step"] for point in answer["metrics"]] == [7, 8, 9] * 2
