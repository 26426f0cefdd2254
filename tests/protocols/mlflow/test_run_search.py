"""What MLflow's own client asks of runs is found, in order, page by page."""

from __future__ import annotations

import math

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from tests.protocols.mlflow.asking import code
from tests.server.processes import Running


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
