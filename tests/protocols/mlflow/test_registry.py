"""MLflow's model registry, which is Epochal's: by the real client, and by hostile sources."""

from __future__ import annotations

import json
import time
import warnings
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from tests.server.processes import Running

BASE = "/api/2.0/mlflow"
JSON = {"Content-Type": "application/json"}
MLMODEL = """\
artifact_path: net
flavors:
  python_function:
    loader_module: mlflow.sklearn
    python_version: 3.11.7
  sklearn:
    sklearn_version: 1.9.1
mlflow_version: 3.17.2
signature:
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 4]}}]'
  outputs: null
"""


@pytest.fixture
def run(client: MlflowClient) -> str:
    """A run with a model's files in the folder ``net``."""
    uid = str(client.create_run("0").info.run_id)
    client.log_text(uid, MLMODEL, "net/MLmodel")
    client.log_text(uid, f"weights of {uid}", "net/data/weights.txt")
    return uid


def ask(server: Running, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """One request with a JSON body; status and decoded answer."""
    status, answer = server.ask(method, path, json.dumps(body).encode(), JSON)
    return status, json.loads(answer)


def test_a_version_is_a_version_of_our_registry(
    client: MlflowClient, server: Running, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Registered by MLflow, shown by our API with its artifact and signature, fetched by both."""
    client.create_registered_model("citizen", tags={"team": "a b"}, description="first")
    made = client.create_model_version(
        "citizen", f"runs:/{run}/net", run, tags={"k": "v"}, description="d", run_link="http://x"
    )
    assert (made.version, made.status, made.run_id) == ("1", "READY", run)
    assert (made.source, made.run_link) == (f"runs:/{run}/net", "http://x")
    assert (made.tags, made.description, made.current_stage) == ({"k": "v"}, "d", "None")
    ours = server.json("GET", "/api/v1/models/citizen")
    assert (ours["versions"], ours["latest"], ours["tags"]) == (1, 1, {"team": "a b"})
    (version,) = ours["all_versions"]
    assert version["run"]["uid"] == run
    found = server.json("GET", f"/api/v1/artifacts/resolve?name={version['artifact']}:v0")
    shown = found["metadata"]["model"]
    assert (found["type"], shown["format"]) == ("model", "mlflow sklearn")
    assert "float32" in shown["signature"]["inputs"]
    assert shown["versions"] == {"mlflow": "3.17.2", "python": "3.11.7", "sklearn": "1.9.1"}
    uri = client.get_model_version_download_uri("citizen", "1")
    assert uri == f"mlflow-artifacts:/contents/{version['digest']}"
    url = server.address.url
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", url)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)  # else it makes a database right here
    path = download_artifacts("models:/citizen/1/data", tracking_uri=url)
    with open(f"{path}/weights.txt") as file:
        assert file.read() == f"weights of {run}"


def test_what_was_registered_does_not_change_with_its_run(
    client: MlflowClient, server: Running, run: str
) -> None:
    """A version keeps its bytes when the run's file is replaced; its files take no changes."""
    client.create_registered_model("kept")
    client.create_model_version("kept", f"mlflow-artifacts:/0/{run}/artifacts/net", run)
    client.log_text(run, "other", "net/data/weights.txt")
    path = "/model-versions/get-artifact?name=kept&version=1&path=data/weights.txt"
    assert server.ask("GET", path) == (200, f"weights of {run}".encode())
    uri = client.get_model_version_download_uri("kept", "1").removeprefix("mlflow-artifacts:/")
    for method in ("PUT", "DELETE"):
        target = f"/api/2.0/mlflow-artifacts/artifacts/{uri}/x.txt"
        status, answer = server.ask(method, target, b"x" if method == "PUT" else None)
        assert (status, json.loads(answer)["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    again = client.create_model_version("kept", f"runs:/{run}/net", run)
    same = client.create_model_version("kept", f"runs:/{run}/net", run)
    assert (again.version, same.version) == ("2", "3")
    copied = client.copy_model_version("models:/kept/1", "copied")
    digests = [
        client.get_model_version_download_uri(name, number)
        for name, number in (("kept", "1"), (copied.name, copied.version), ("kept", "2"))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_equal_models_of_two_runs_keep_their_runs(client: MlflowClient) -> None:
    """The same bytes are one version of an artifact, and still each model has its own run."""
    client.create_registered_model("twins")
    runs = [str(client.create_run("0").info.run_id) for _ in range(2)]
    for uid in runs:
        client.log_text(uid, "the same", "twin/w.txt")
        assert client.create_model_version("twins", f"runs:/{uid}/twin", uid).run_id == uid
    assert [client.get_model_version("twins", n).run_id for n in ("1", "2")] == runs
    assert len({client.get_model_version_download_uri("twins", n) for n in ("1", "2")}) == 1


def test_aliases_tags_and_stages(client: MlflowClient, run: str) -> None:
    """An alias moves, a reserved or missing one is INVALID_PARAMETER_VALUE, stages archive."""
    client.create_registered_model("words")
    for _ in range(3):
        client.create_model_version("words", f"runs:/{run}/net", run)
    client.set_registered_model_alias("words", "champion", "1")
    client.set_registered_model_alias("words", "champion", "2")
    assert client.get_model_version_by_alias("words", "champion").version == "2"
    assert client.get_model_version_by_alias("words", "latest").version == "3"
    assert client.get_registered_model("words").aliases == {"champion": "2"}
    assert client.get_model_version("words", "2").aliases == ["champion"]
    for alias in ("latest", "v3", "a b", ""):
        with pytest.raises(MlflowException) as refused:
            client.set_registered_model_alias("words", alias, "1")
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    client.delete_registered_model_alias("words", "champion")
    client.delete_registered_model_alias("words", "champion")
    with pytest.raises(MlflowException, match="alias champion not found") as missing:
        client.get_model_version_by_alias("words", "champion")
    assert missing.value.error_code == "INVALID_PARAMETER_VALUE"
    client.set_model_version_tag("words", "1", "a", "b")
    client.set_registered_model_tag("words", "c", "d")
    assert client.get_model_version("words", "1").tags == {"a": "b"}
    client.delete_model_version_tag("words", "1", "a")
    client.delete_registered_model_tag("words", "c")
    assert client.get_registered_model("words").tags == {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # stages are on their way out
        client.transition_model_version_stage("words", "1", "Production")
        moved = client.transition_model_version_stage(
            "words", "2", "production", archive_existing_versions=True
        )
        newest = client.get_latest_versions("words")
        staged = client.get_latest_versions("words", ["Production"])
    assert moved.current_stage == "Production"
    stages = {one.version: one.current_stage for one in newest}
    assert stages == {"1": "Archived", "2": "Production", "3": "None"}
    assert [one.version for one in newest] == ["1", "2", "3"]
    assert [one.version for one in staged] == ["2"]
    with pytest.warns(FutureWarning), pytest.raises(MlflowException, match="Value must be one of"):
        client.transition_model_version_stage("words", "1", "unknown")


def test_rename_describe_and_delete(client: MlflowClient, run: str) -> None:
    """A deleted version's number is not used again; a deleted model is gone, its name free."""
    client.create_registered_model("before")
    with pytest.raises(MlflowException) as taken:
        client.create_registered_model("before")
    assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.create_model_version("before", f"runs:/{run}/net", run)
    client.rename_registered_model("before", "after")
    client.update_registered_model("after", "words")
    client.update_model_version("after", "1", "more words")
    assert client.get_registered_model("after").description == "words"
    assert client.get_model_version("after", "1").description == "more words"
    client.delete_model_version("after", "1")
    with pytest.raises(MlflowException) as gone:
        client.get_model_version("after", "1")
    assert gone.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert client.create_model_version("after", f"runs:/{run}/net", run).version == "2"
    client.delete_registered_model("after")
    for call in (client.get_registered_model, client.delete_registered_model):
        with pytest.raises(MlflowException) as missing:
            call("after")
        assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.create_registered_model("after")


def test_search_filters_orders_and_pages(client: MlflowClient, run: str) -> None:
    for name, tag in (("find-a", "x"), ("find-b", "y"), ("find-c", "x")):
        client.create_registered_model(name, tags={"t": tag})
        client.create_model_version(name, f"runs:/{run}/net", run, tags={"n": name[-1]})
        time.sleep(0.002)  # times are milliseconds
    client.create_model_version("find-b", f"runs:/{run}/net", run)

    def models(text: str, **more: Any) -> list[str]:
        return [one.name for one in client.search_registered_models(text, **more)]

    assert models("name LIKE 'find-%'") == ["find-a", "find-b", "find-c"]
    assert models("name ILIKE 'FIND-_' AND tags.t = 'x'") == ["find-a", "find-c"]
    assert models("name LIKE 'find%'", order_by=["name DESC"]) == ["find-c", "find-b", "find-a"]
    assert models("name = 'find-b' and tag.t != 'x'") == ["find-b"]
    newest = models("name LIKE 'find-%'", order_by=["last_updated_timestamp DESC"])
    assert newest == ["find-b", "find-c", "find-a"]
    page = client.search_registered_models("name LIKE 'find-%'", max_results=2)
    assert [one.name for one in page] == ["find-a", "find-b"]
    rest = client.search_registered_models(
        "name LIKE 'find-%'", max_results=2, page_token=page.token
    )
    assert ([one.name for one in rest], rest.token) == (["find-c"], "")

    def versions(text: str, **more: Any) -> list[tuple[str, str]]:
        return [(one.name, one.version) for one in client.search_model_versions(text, **more)]

    assert versions("name = 'find-b'") == [("find-b", "2"), ("find-b", "1")]
    assert versions(f"run_id = '{run}' AND tag.n = 'c'") == [("find-c", "1")]
    assert versions("name = 'find-b'", order_by=["version_number ASC"])[0] == ("find-b", "1")
    assert versions(f"source_path = 'runs:/{run}/net' AND version_number > 1") == [("find-b", "2")]
    for wrong in ("name ~ 'x'", "stage = 'x'", "name = 'a' OR name = 'b'"):
        with pytest.raises(MlflowException) as refused:
            client.search_registered_models(wrong)
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


SOURCES = (
    "file:///etc", "FILE:/etc", "file:etc", "file://localhost/etc", "file:///%2e%2e/etc",
    "/etc", "//proc/self/root", "etc", "http://h/x#/../../etc/", "http://h/x?../etc",
    "http://h/;../etc", "s3://bucket/x", "dbfs:/x", "\\\\host\\x", "", "runs:/{run}/../../x",
    "runs:/{run}/%2e%2e/x", "runs:/{run}/%252e%252e/x", "runs://evil/{run}/net", "runs:/x/net",
    "runs:/{run}/net#x", "mlflow-artifacts:/0/{run}/artifacts/../x",
    "mlflow-artifacts://evil/0/{run}/artifacts/net", "mlflow-artifacts:/../{run}/artifacts/net",
    "mlflow-artifacts:/etc/passwd", "mlflow-artifacts:/contents/../x", "models:/a/b/c",
)  # fmt: skip


@pytest.mark.parametrize("source", SOURCES, ids=range(len(SOURCES)))
def test_a_source_that_is_not_of_this_server_is_refused(
    client: MlflowClient, server: Running, run: str, source: str
) -> None:
    """SRC-01 to SRC-09: 400 whatever the tags say, and no version is made."""
    if not client.search_registered_models("name = 'sources'"):
        client.create_registered_model("sources")
    prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    for tags in ([], prompt):
        body = {"name": "sources", "source": source.format(run=run), "tags": tags}
        for also in ({}, {"run_id": run}):
            status, answer = ask(server, "POST", f"{BASE}/model-versions/create", body | also)
            assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer
    assert client.search_model_versions("name = 'sources'") == []


def test_a_source_of_another_run_or_without_files_is_refused(
    client: MlflowClient, server: Running, run: str
) -> None:
    """SRC-08, SRC-10, SRC-11, SRC-12."""
    client.create_registered_model("others")
    other = client.create_run("0").info.run_id
    create = f"{BASE}/model-versions/create"
    for source, given, expected in (
        (f"runs:/{run}/net", {"run_id": other}, "INVALID_PARAMETER_VALUE"),
        (f"mlflow-artifacts:/0/{run}/artifacts/net", {"run_id": other}, "INVALID_PARAMETER_VALUE"),
        (f"models:/m-{run}", {"model_id": f"m-{other}"}, "INVALID_PARAMETER_VALUE"),
        (f"models:/m-{run}", {}, "RESOURCE_DOES_NOT_EXIST"),
        (f"runs:/{other}/net", {}, "RESOURCE_DOES_NOT_EXIST"),
        (f"runs:/{'f' * 32}/net", {}, "RESOURCE_DOES_NOT_EXIST"),
        ("models:/others/7", {}, "RESOURCE_DOES_NOT_EXIST"),
        (f"mlflow-artifacts:/contents/{'0' * 64}", {}, "RESOURCE_DOES_NOT_EXIST"),
    ):
        body = {"name": "others", "source": source} | given
        status, answer = ask(server, "POST", create, body)
        assert answer["error_code"] == expected, (source, answer)
        assert status == (400 if expected.startswith("INVALID") else 404)
    status, answer = ask(server, "POST", create, {"name": "nobody", "source": f"runs:/{run}/net"})
    assert (status, answer["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    for path in ("../..", "%2e%2e/x", "..\\x"):
        assert server.ask("GET", f"/get-artifact?run_uuid={run}&path={path}")[0] == 400
    assert server.ask("GET", f"/get-artifact?run_id={run}&path=nothing")[0] == 404
    status, answer = server.ask("GET", f"/get-artifact?run_id={run}&path=net/MLmodel")
    assert (status, answer.decode()) == (200, MLMODEL)


def test_prompts_are_told_to_be_missing(client: MlflowClient, server: Running) -> None:
    """A prompt is no model: it is not kept as one, and none is found."""
    body = {"name": "p", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}
    status, answer = ask(server, "POST", f"{BASE}/registered-models/create", body)
    assert (status, answer["error_code"]) == (501, "NOT_IMPLEMENTED")
    query = "filter=tag.%60mlflow.prompt.is_prompt%60%20%3D%20%27true%27"
    assert server.json("GET", f"{BASE}/registered-models/search?{query}") == {
        "registered_models": []
    }
    for name in ("", " ", "a/b", "a:b", "a@b", "x" * 129):
        status, answer = ask(server, "POST", f"{BASE}/registered-models/create", {"name": name})
        assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), name
