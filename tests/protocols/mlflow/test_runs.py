"""Runs live, die and come back as MLflow's own client expects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, RunStatus, ViewType
from mlflow.exceptions import MlflowException

from tests.protocols.mlflow.asking import code
from tests.server.processes import Running


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
    uid = client.create_run(experiment).info.run_id
    for source in ("s", "other"):
        dataset = Dataset(name="d", digest="1", source_type="local", source=source)
        client.log_inputs(uid, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
    inputs = client.get_run(uid).inputs
    assert inputs is not None
    found = inputs.dataset_inputs
    assert [(one.dataset.name, one.dataset.source) for one in found] == [("d", "s")]
    assert found[0].tags[0].value == "train"


def test_tags_of_a_new_run_may_have_any_characters(client: MlflowClient, experiment: str) -> None:
    """As MLflow's server has it: only later tags follow its rule. Names of ours are refused."""
    odd = {"model(lr)": "0.1", "url?": "x", "größe": "", "k" * 250: "long"}
    uid = client.create_run(experiment, tags=odd).info.run_id
    tags = client.get_run(uid).data.tags
    assert {key: tags[key] for key in odd} == odd
    with pytest.raises(MlflowException, match="Names may only contain"):
        client.set_tag(uid, "url?", "y")
    for key in ("$client", "k" * 251, ""):
        with pytest.raises(MlflowException) as refused:
            client.create_run(experiment, tags={key: "x"})
        assert code(refused) == "INVALID_PARAMETER_VALUE", key


def test_an_id_that_no_experiment_can_have_is_of_none(client: MlflowClient) -> None:
    """However long it is: no mistake of a user is a failure of the server."""
    for id in ("9" * 19, "9" * 60, "-1"):
        for ask in (client.get_experiment, client.create_run, client.delete_experiment):
            with pytest.raises(MlflowException, match=f"No Experiment with id={id} ") as missing:
                ask(id)
            assert code(missing) == "RESOURCE_DOES_NOT_EXIST"
