"""What MLflow's own client promises its users holds against this server."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunStatus, RunTag, ViewType
from mlflow.exceptions import MlflowException

from tests.server.processes import Running


@pytest.fixture
def experiment(client: MlflowClient) -> str:
    """A new experiment."""
    return client.create_experiment(f"e-{uuid.uuid4().hex[:8]}")


def code(failure: pytest.ExceptionInfo[MlflowException]) -> str:
    return str(failure.value.error_code)


# ---------------------------------------------------------------------------------------- fluent
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


# ----------------------------------------------------------------------------------------- metrics
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


# -------------------------------------------------------------------------------------------- runs
def test_eight_clients_at_once_lose_nothing(
    server: Running, client: MlflowClient, experiment: str
) -> None:
    """On one run and on their own."""
    shared = client.create_run(experiment).info.run_id

    def work(number: int) -> str:
        mine = MlflowClient(server.address.url)
        uid = str(mine.create_run(experiment).info.run_id)
        for step in range(25):
            mine.log_metric(uid, "own", step, step=step)
            mine.log_metric(shared, f"m{number}", step, step=step)
            mine.log_param(shared, f"p{number}.{step}", step)
        return uid

    with ThreadPoolExecutor(8) as pool:
        uids = list(pool.map(work, range(8)))
    for number, uid in enumerate(uids):
        assert len(client.get_metric_history(uid, "own")) == 25
        assert len(client.get_metric_history(shared, f"m{number}")) == 25
    assert len(client.get_run(shared).data.params) == 200


def test_a_deleted_run_takes_nothing_until_it_is_restored(
    client: MlflowClient, experiment: str
) -> None:
    uid = client.create_run(experiment).info.run_id
    client.delete_run(uid)
    assert client.get_run(uid).info.lifecycle_stage == "deleted"
    assert client.search_runs([experiment]) == []
    assert len(client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)) == 1
    for refused in (
        lambda: client.log_metric(uid, "m", 1.0),
        lambda: client.set_tag(uid, "k", "v"),
        lambda: client.log_param(uid, "k", "v"),
    ):
        with pytest.raises(MlflowException, match="must be in the 'active' state") as failure:
            refused()
        assert code(failure) == "INVALID_PARAMETER_VALUE"
    client.restore_run(uid)
    client.log_metric(uid, "m", 1.0)
    assert client.get_run(uid).data.metrics == {"m": 1.0}


def test_a_finished_run_takes_tags_and_stays_finished(
    client: MlflowClient, experiment: str
) -> None:
    """And its end stays where it was, also when it goes on; names and statuses can be changed."""
    uid = client.create_run(experiment, start_time=1_000, run_name="one").info.run_id
    client.set_terminated(uid, "KILLED", end_time=2_000)
    client.set_tag(uid, "k", "v")
    client.set_tag(uid, "mlflow.runName", "two")
    info = client.get_run(uid).info
    assert (info.status, info.start_time, info.end_time) == ("KILLED", 1_000, 2_000)
    assert info.run_name == "two"
    client.update_run(uid, status=RunStatus.to_string(RunStatus.RUNNING), name="three")
    info = client.get_run(uid).info
    assert (info.status, info.end_time, info.run_name) == ("RUNNING", 2_000, "three")
    client.log_metric(uid, "m", 1.0)
    client.set_terminated(uid, "FINISHED", end_time=3_000)
    assert client.get_run(uid).info.end_time == 3_000
    client.delete_tag(uid, "k")
    assert "k" not in client.get_run(uid).data.tags
    with pytest.raises(MlflowException, match="No tag with name: k") as failure:
        client.delete_tag(uid, "k")
    assert code(failure) == "RESOURCE_DOES_NOT_EXIST"


def test_datasets_and_models_are_kept_once(client: MlflowClient, experiment: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    uid = client.create_run(experiment).info.run_id
    for source in ("s", "other"):
        dataset = Dataset(name="d", digest="1", source_type="local", source=source)
        client.log_inputs(uid, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
    inputs = client.get_run(uid).inputs
    assert inputs is not None
    found = inputs.dataset_inputs
    assert [(one.dataset.name, one.dataset.source) for one in found] == [("d", "s")]
    assert found[0].tags[0].value == "train"


# ------------------------------------------------------------------------------------------ search
@pytest.fixture(scope="module")
def filled(server: Running) -> tuple[MlflowClient, str]:
    """Ten runs: r0 to r9, with loss i, NaN for r8 and none for r9."""
    client = MlflowClient(server.address.url)
    experiment = client.create_experiment("filled")
    for i in range(10):
        uid = client.create_run(experiment, start_time=1_000 + i, run_name=f"r{i}").info.run_id
        metrics = [] if i == 9 else [Metric("val loss", math.nan if i == 8 else i, 1, 0)]
        client.log_batch(
            uid, metrics, [Param("opt", "Adam" if i % 2 else "sgd")], [RunTag("t.x", f"v{i}")]
        )
        if i < 3:
            client.set_terminated(uid)
    return client, experiment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "9876543210"),
        ("metrics.`val loss` < 3", "210"),
        ('metric."val loss" >= 6.5', "7"),
        ("metrics.`val loss` != 1", "8765432" + "0"),
        ("params.opt = 'sgd' and metrics.`val loss` > 3", "64"),
        ("params.opt LIKE 'A%'", "97531"),
        ("params.opt LIKE 'a%'", ""),
        ("params.opt ILIKE 'a%'", "97531"),
        ("params.none != 'x'", ""),
        ("params.none IS NULL AND tags.t.x IS NOT NULL", "9876543210"),
        ("tags.`t.x` = 'v4'", "4"),
        ('tags.t.x = "v4"', "4"),
        ("attributes.status = 'FINISHED'", "210"),
        ("status != 'FINISHED' AND start_time <= 1004", "43"),
        ("attributes.run_name LIKE 'r%' and run_name != 'r1' and created < 1003", "20"),
        ("run.user_id = 'nobody'", ""),
    ],
)
def test_filters_find_what_they_say(
    filled: tuple[MlflowClient, str], text: str, expected: str
) -> None:
    client, experiment = filled
    found = client.search_runs([experiment], text)
    assert "".join(run.info.run_name[1:] for run in found) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["metrics.`val loss`"], "0123456789"),
        (["metrics.`val loss` DESC"], "7654321089"),
        (["params.opt", "start_time ASC"], "1357902468"),
        (["attributes.run_name desc"], "9876543210"),
        (["tags.t.x"], "0123456789"),
    ],
)
def test_runs_come_in_the_order_asked_for(
    filled: tuple[MlflowClient, str], order: list[str], expected: str
) -> None:
    """Missing values are last in both directions, NaN just before them."""
    client, experiment = filled
    found = client.search_runs([experiment], order_by=order)
    assert "".join(run.info.run_name[1:] for run in found) == expected


def test_pages_join_to_the_whole(filled: tuple[MlflowClient, str]) -> None:
    client, experiment = filled
    names: list[str] = []
    token = None
    while True:
        page = client.search_runs([experiment], max_results=3, page_token=token)
        names += [run.info.run_name for run in page]
        token = page.token
        if not token:
            break
    assert names == [f"r{i}" for i in range(9, -1, -1)]
    with pytest.raises(MlflowException, match="Invalid page token") as failure:
        client.search_runs([experiment], page_token="nonsense")
    assert code(failure) == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics.x > 'a'", "Expected numeric value type for metric. Found 'a', at position 12"),
        ("params.x = 1", "Expected a quoted string value for parameter.*position 11"),
        ("params.x > 'a'", "Invalid comparator"),
        ("metrics.x = 1 OR metrics.x = 2", "Invalid clause.*position 14"),
        ("(metrics.x = 1)", "Invalid clause"),
        ("metrics.x", "expected an operator"),
        ("planets.x = 1", "Invalid entity type 'planets'"),
        ("color = 'red'", "Invalid attribute key 'color'"),
        ("params.x = 'a'; drop table run", "Invalid clause"),
        ("metrics.x = 1 AND ", "Invalid clause"),
    ],
)
def test_a_bad_filter_is_refused_with_its_position(
    filled: tuple[MlflowClient, str], text: str, message: str
) -> None:
    client, experiment = filled
    with pytest.raises(MlflowException, match=message) as failure:
        client.search_runs([experiment], text)
    assert code(failure) == "INVALID_PARAMETER_VALUE"


# ------------------------------------------------------------------------------------- experiments
def test_experiments_live_and_die_as_in_mlflow(client: MlflowClient) -> None:
    assert client.get_experiment("0").name == "Default"
    name = f"/Users/x/{uuid.uuid4().hex} é"
    id = client.create_experiment(name, tags={"a": "1"})
    found = client.get_experiment_by_name(name)
    assert found is not None
    assert (found.experiment_id, found.tags) == (id, {"a": "1"})
    client.set_experiment_tag(id, "b", "2")
    with pytest.raises(MlflowException, match="already exists") as failure:
        client.create_experiment(name)
    assert code(failure) == "RESOURCE_ALREADY_EXISTS"
    client.rename_experiment(id, name + " renamed")
    assert client.get_experiment_by_name(name) is None
    uid = client.create_run(id).info.run_id
    client.delete_experiment(id)
    assert client.get_run(uid).info.lifecycle_stage == "deleted"
    with pytest.raises(MlflowException, match="active"):
        client.create_run(id)
    with pytest.raises(MlflowException, match="active"):
        client.log_metric(uid, "m", 1)
    assert client.get_experiment(id).lifecycle_stage == "deleted"
    client.restore_experiment(id)
    client.log_metric(uid, "m", 1)
    found = client.get_experiment(id)
    assert (found.name, found.tags) == (name + " renamed", {"a": "1", "b": "2"})


def test_experiments_are_searched_by_name_and_tag(client: MlflowClient) -> None:
    mark = uuid.uuid4().hex[:8]
    ids = [client.create_experiment(f"{mark}-{i}", tags={"i": str(i)}) for i in range(3)]
    names = f"name LIKE '{mark}%'"
    found = client.search_experiments(filter_string=names, order_by=["name ASC"])
    assert [one.experiment_id for one in found] == ids
    found = client.search_experiments(filter_string=f"{names} AND tags.i = '1'")
    assert [one.experiment_id for one in found] == [ids[1]]
    first = client.search_experiments(filter_string=names, max_results=2)
    second = client.search_experiments(filter_string=names, page_token=first.token)
    assert sorted(one.experiment_id for one in [*first, *second]) == sorted(ids)


@pytest.mark.parametrize(
    "location", ["file:///etc", "s3://b/x", "/etc", "http:///#/../../etc/", "mlflow-artifacts:/.."]
)
def test_artifacts_are_kept_nowhere_else(client: MlflowClient, location: str) -> None:
    """SRC-06, SRC-07: a client does not choose where this server reads and writes."""
    with pytest.raises(MlflowException):
        client.create_experiment(uuid.uuid4().hex, artifact_location=location)


# ------------------------------------------------------------------------------------------ errors
def ask(server: Running, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    status, answer = server.ask(method, path, None if method == "GET" else data, headers)
    return status, json.loads(answer)


def test_a_param_never_changes(client: MlflowClient, experiment: str, server: Running) -> None:
    """The same value again is fine; another one names both, and nothing of its batch is kept."""
    uid = client.create_run(experiment).info.run_id
    client.log_param(uid, "p", "1")
    body = {"run_id": uid, "key": "p", "value": "1"}
    assert ask(server, "POST", "/api/2.0/mlflow/runs/log-parameter", body)[0] == 200
    body = {
        "run_id": uid,
        "params": [{"key": "q", "value": "1"}, {"key": "p", "value": "2"}],
        "metrics": [{"key": "m", "value": 1, "timestamp": 1}],
    }
    status, answer = ask(server, "POST", "/api/2.0/mlflow/runs/log-batch", body)
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "Changing param values is not allowed" in answer["message"]
    run = client.get_run(uid)
    assert (run.data.params, run.data.metrics) == ({"p": "1"}, {})


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("runs/log-metric", {"value": 1, "timestamp": 1}, "required parameter 'key'"),
        ("runs/log-metric", {"key": "k", "timestamp": 1}, "required parameter 'value'"),
        ("runs/log-metric", {"key": "k", "value": True, "timestamp": 1}, "Invalid value true"),
        ("runs/log-metric", {"key": "k", "value": 1, "timestamp": -1}, "Invalid value -1"),
        ("runs/log-metric", {"key": "k" * 251, "value": 1, "timestamp": 1}, "maximum length"),
        ("runs/log-metric", {"key": "../k", "value": 1, "timestamp": 1}, "Invalid value"),
        ("runs/log-batch", {"metrics": [1]}, "metrics\\[0\\]"),
        ("runs/log-batch", {"params": [{"key": "a"}] * 101}, "at most 100 params"),
        ("runs/log-batch", {"params": [{"key": "a"}] * 2}, "Duplicate parameter keys"),
        ("runs/set-tag", {"key": 5, "value": "x"}, "Invalid value 5"),
        ("runs/update", {"status": "ASLEEP"}, "Invalid value"),
    ],
)
def test_what_cannot_be_used_is_named(
    server: Running, client: MlflowClient, experiment: str, path: str, body: Any, message: str
) -> None:
    """And nothing is logged."""
    import re

    uid = client.create_run(experiment).info.run_id
    status, answer = ask(server, "POST", f"/api/2.0/mlflow/{path}", {"run_id": uid, **body})
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert re.search(message, answer["message"]), answer["message"]
    data = client.get_run(uid).data
    assert (data.metrics, data.params) == ({}, {})


def test_numbers_may_be_texts_and_bodies_texts_of_json(
    server: Running, client: MlflowClient, experiment: str
) -> None:
    """As old clients send them; ``run_uuid`` is the run, too."""
    uid = client.create_run(experiment).info.run_id
    body = {"run_uuid": uid, "key": "m", "value": "2.5", "timestamp": "7", "step": "3"}
    text = json.dumps(json.dumps(body)).encode()
    assert ask(server, "POST", "/ajax-api/2.0/mlflow/runs/log-metric", text) == (200, {})
    point = client.get_metric_history(uid, "m")[0]
    assert (point.value, point.timestamp, point.step) == (2.5, 7, 3)


def test_unknown_things_are_told_in_mlflows_shape(server: Running) -> None:
    """404 with a code for what does not exist, 501 with its name for what is not offered."""
    base = "/api/2.0/mlflow"
    for path in (
        f"runs/get?run_id={'f' * 32}",
        "runs/get?run_id=..%2f..",
        "experiments/get?experiment_id=17",
        "experiments/get-by-name?experiment_name=nobody",
    ):
        status, answer = ask(server, "GET", f"{base}/{path}")
        assert (status, answer["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), path
    for path in ("/api/2.0/mlflow/prompts/create", "/api/3.0/mlflow/traces/search",
                 "/ajax-api/2.0/mlflow/gateway/x"):  # fmt: skip
        status, answer = ask(server, "POST", path, {})
        assert (status, answer["error_code"]) == (501, "NOT_IMPLEMENTED")
        assert path in answer["message"]
    status, answer = ask(server, "POST", f"{base}/runs/create", b"{nonsense")
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert server.ask("GET", "/health") == (200, b"OK")


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


@pytest.mark.parametrize("prefix", ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"])
def test_what_is_refused_before_any_route_has_mlflows_shape(server: Running, prefix: str) -> None:
    """WEB-01, WEB-10, WEB-16: wrong host, other site, wrong kind of body, unknown method; native
    routes keep their own shape.
    """
    line = f"POST {prefix}/runs/create HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n"
    plain = "Content-Type: text/plain\r\n"
    as_json = "Content-Type: application/json\r\n"
    for head, status, code in (
        (f"{line}Host: evil.com\r\n{as_json}", 403, "PERMISSION_DENIED"),
        (
            f"{line}Host: localhost\r\nOrigin: http://evil.com\r\n{as_json}",
            403,
            "PERMISSION_DENIED",
        ),
        (f"{line}Host: localhost\r\n{plain}", 415, "BAD_REQUEST"),
        (line.replace("POST", "TRACE") + "Host: localhost\r\n", 405, "ENDPOINT_NOT_FOUND"),
        (
            line.replace("/runs/create", "") + f"Host: localhost\r\n{as_json}",
            501,
            "NOT_IMPLEMENTED",
        ),
    ):
        answer = server.raw(f"{head}\r\n{{}}".encode())
        assert int(answer.split(b" ")[1]) == status, answer
        told = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert told["error_code"] == code, answer
        assert told["message"]
    native = line.replace(f"{prefix}/runs/create", "/api/v1/runs/query")
    answer = server.raw(f"{native}Host: evil.com\r\n{as_json}\r\n{{}}".encode())
    assert b'"error":{"code"' in answer


def test_a_body_that_is_too_large_is_refused(server: Running) -> None:
    """One byte more than the server takes, in MLflow's shape."""
    body = b"x" * (4 * 1024 * 1024 + 1)
    headers = {"Content-Type": "application/json"}
    status, answer = server.ask("POST", "/api/2.0/mlflow/runs/log-batch", body, headers)
    assert (status, json.loads(answer)["error_code"]) == (400, "BAD_REQUEST")
