"""Experiments live, die and are found as MLflow's own client expects."""

from __future__ import annotations

import uuid

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tests.protocols.mlflow.asking import code


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
