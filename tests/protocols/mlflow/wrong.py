"""Requests with a mistake in them, the same for every server of MLflow's protocol.

``python -m tests.protocols.mlflow.wrong URL`` makes what they need there, sends them and prints
the answers as JSON. `wrong.json` is what ``mlflow server`` 3.17.2 answered, on SQLite.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any, NamedTuple

Place = dict[str, str]
"""What was made on a server, by what the cases call it."""


class Told(NamedTuple):
    """What a server answers: status, error code and message; no code when all was well."""

    status: int
    code: str
    message: str


class Case(NamedTuple):
    """A request; ``$run`` and the like stand for what is on the server."""

    name: str
    method: str
    path: str
    body: Any


class Api:
    """Sends requests to a server.

    Args:
        url: of the server.
    """

    def __init__(self, url: str) -> None:
        self.base = f"{url}/api/2.0/mlflow/"

    def ask(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Status and JSON of an answer; ``body`` is bytes, or JSON, of a GET the arguments."""
        url, data = self.base + path, None
        if method == "GET":
            url += "?" + urllib.parse.urlencode(body, doseq=True)
        else:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            try:
                return error.code, json.loads(text)
            except ValueError:
                return error.code, {"error_code": "", "message": text[:200]}

    def make(self, path: str, body: Any) -> dict[str, Any]:
        """The answer to a POST that must succeed."""
        status, answer = self.ask("POST", path, body)
        assert status == 200, (path, answer)
        return answer


def prepare(api: Api) -> Place:
    """Make what the cases are about."""
    tail = uuid.uuid4().hex[:8]

    def experiment(name: str) -> str:
        return str(api.make("experiments/create", {"name": f"{name}-{tail}"})["experiment_id"])

    def run(experiment: str) -> str:
        made = api.make("runs/create", {"experiment_id": experiment, "start_time": 1})
        return str(made["run"]["info"]["run_id"])

    here, gone = experiment("here"), experiment("gone")
    place = {
        "tail": tail, "experiment": here, "gone_experiment": gone, "run": run(here),
        "gone_run": run(here), "run_of_gone": run(gone), "missing": "f" * 32,
        "model": f"model-{tail}",
    }  # fmt: skip
    api.make("runs/delete", {"run_id": place["gone_run"]})
    api.make("experiments/delete", {"experiment_id": gone})
    api.make("runs/log-parameter", {"run_id": place["run"], "key": "p", "value": "1"})
    api.make("runs/set-tag", {"run_id": place["run"], "key": "t", "value": "1"})
    api.make("registered-models/create", {"name": place["model"]})
    return place


def fill(value: Any, place: Place) -> Any:
    """A request with the names of what is on the server in it."""
    if isinstance(value, str):
        return re.sub(r"\$(\w+)", lambda found: place.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [fill(one, place) for one in value]
    if isinstance(value, dict):
        return {key: fill(one, place) for key, one in value.items()}
    return value


def answers(url: str, cases: list[Case]) -> dict[str, Told]:
    """What a server tells, by the names of the cases; what was made there is `$` again."""
    api = Api(url)
    place = prepare(api)
    told: dict[str, Told] = {}
    for case in cases:
        status, answer = api.ask(case.method, fill(case.path, place), fill(case.body, place))
        code, message = str(answer.get("error_code", "")), str(answer.get("message", ""))
        told[case.name] = Told(status, code, _plain(message, place))
    return told


def _plain(message: str, place: Place) -> str:
    """A message without what only this server calls so; ids of experiments may be short."""
    for name, value in sorted(place.items(), key=lambda item: -len(item[1])):
        if value.isdigit():
            message = re.sub(rf"(id=|ID |experiment )'?{value}\b", rf"\g<1>${name}", message)
        else:
            message = message.replace(value, f"${name}")
    return message


RUN = {"run_id": "$run"}
POINT = {"key": "k", "value": 1, "timestamp": 1}


def _post(case: str, path: str, body: Any) -> Case:
    return Case(case, "POST", path, body)


def _get(case: str, path: str, /, **given: Any) -> Case:
    return Case(case, "GET", path, given)


def _search(case: str, **given: Any) -> Case:
    return _post(f"search: {case}", "runs/search", {"experiment_ids": ["$experiment"], **given})


CASES = [
    # ------------------------------------------------------------------------------ experiments
    _post("experiment without a name", "experiments/create", {}),
    _post("experiment with a blank name", "experiments/create", {"name": "  "}),
    _post("experiment with an empty name", "experiments/create", {"name": ""}),
    _post("experiment whose name is a number", "experiments/create", {"name": 7}),
    _post("experiment with a long name", "experiments/create", {"name": "n" * 501}),
    _post("experiment with a taken name", "experiments/create", {"name": "here-$tail"}),
    _post("experiment with a deleted one's name", "experiments/create", {"name": "gone-$tail"}),
    _post("experiment elsewhere", "experiments/create",
          {"name": "e1-$tail", "artifact_location": "http:///#/../../etc/"}),
    _post("experiment with a long tag", "experiments/create",
          {"name": "e2-$tail", "tags": [{"key": "k" * 251, "value": "v"}]}),
    _get("no experiment given", "experiments/get"),
    _get("unknown experiment", "experiments/get", experiment_id="987654321"),
    _get("experiment that is no number", "experiments/get", experiment_id="abc"),
    _get("deleted experiment", "experiments/get", experiment_id="$gone_experiment"),
    _get("no experiment of that name", "experiments/get-by-name", experiment_name="nobody"),
    _get("no name given", "experiments/get-by-name"),
    _get("experiments without a limit", "experiments/search"),
    _get("experiments, limit 0", "experiments/search", max_results=0),
    _get("experiments, limit too large", "experiments/search", max_results=50_001),
    _get("experiments, bad token", "experiments/search", max_results=5, page_token="nonsense"),
    _get("experiments, bad filter", "experiments/search", max_results=5, filter="name LIKES 'x'"),
    _get("experiments, unknown attribute", "experiments/search", max_results=5,
         filter="color = 'x'"),
    _get("experiments, bad order", "experiments/search", max_results=5, order_by="name UP"),
    _post("rename to nothing", "experiments/update", {"experiment_id": "$experiment"}),
    _post("rename a deleted experiment", "experiments/update",
          {"experiment_id": "$gone_experiment", "new_name": "x-$tail"}),
    _post("rename to a taken name", "experiments/update",
          {"experiment_id": "$experiment", "new_name": "gone-$tail"}),
    _post("rename what is no number", "experiments/update",
          {"experiment_id": "abc", "new_name": "x"}),
    _post("delete a deleted experiment", "experiments/delete",
          {"experiment_id": "$gone_experiment"}),
    _post("delete an unknown experiment", "experiments/delete", {"experiment_id": "987654321"}),
    _post("restore an active experiment", "experiments/restore",
          {"experiment_id": "$experiment"}),
    _post("tag a deleted experiment", "experiments/set-experiment-tag",
          {"experiment_id": "$gone_experiment", "key": "k", "value": "v"}),
    _post("tag without a key", "experiments/set-experiment-tag",
          {"experiment_id": "$experiment", "value": "v"}),
    _post("experiment tag, long value", "experiments/set-experiment-tag",
          {"experiment_id": "$experiment", "key": "k", "value": "v" * 20_001}),
    _post("remove an experiment's missing tag", "experiments/delete-experiment-tag",
          {"experiment_id": "$experiment", "key": "none"}),
    # ------------------------------------------------------------------------------------- runs
    _post("run in an unknown experiment", "runs/create", {"experiment_id": "987654321"}),
    _post("run in no number", "runs/create", {"experiment_id": "abc"}),
    _post("run in a deleted experiment", "runs/create", {"experiment_id": "$gone_experiment"}),
    _post("run with two names", "runs/create",
          {"experiment_id": "$experiment", "run_name": "a",
           "tags": [{"key": "mlflow.runName", "value": "b"}]}),
    _post("run with a text for a time", "runs/create",
          {"experiment_id": "$experiment", "start_time": "soon"}),
    _post("run with tags that are no list", "runs/create",
          {"experiment_id": "$experiment", "tags": "x"}),
    _get("no run given", "runs/get"),
    _get("unknown run", "runs/get", run_id="$missing"),
    _get("run that is a path", "runs/get", run_id="../../etc"),
    _post("update an unknown run", "runs/update", {"run_id": "$missing", "status": "FINISHED"}),
    _post("update to no status", "runs/update", {**RUN, "status": "ASLEEP"}),
    _post("update a deleted run", "runs/update", {"run_id": "$gone_run", "status": "FINISHED"}),
    _post("delete an unknown run", "runs/delete", {"run_id": "$missing"}),
    _post("delete a deleted run", "runs/delete", {"run_id": "$gone_run"}),
    _post("restore an active run", "runs/restore", RUN),
    _post("delete no run", "runs/delete", {}),
    # ---------------------------------------------------------------------------------- metrics
    _post("metric of no run", "runs/log-metric", POINT),
    _post("metric of an unknown run", "runs/log-metric", {"run_id": "$missing", **POINT}),
    _post("metric of a deleted run", "runs/log-metric", {"run_id": "$gone_run", **POINT}),
    _post("metric of a deleted experiment's run", "runs/log-metric",
          {"run_id": "$run_of_gone", **POINT}),
    _post("metric without a key", "runs/log-metric", {**RUN, "value": 1, "timestamp": 1}),
    _post("metric without a value", "runs/log-metric", {**RUN, "key": "k", "timestamp": 1}),
    _post("metric without a time", "runs/log-metric", {**RUN, "key": "k", "value": 1}),
    _post("metric whose value is a word", "runs/log-metric", {**RUN, **POINT, "value": "high"}),
    _post("metric whose value is a truth", "runs/log-metric", {**RUN, **POINT, "value": True}),
    _post("metric whose value is a list", "runs/log-metric", {**RUN, **POINT, "value": [1]}),
    _post("metric at a negative time", "runs/log-metric", {**RUN, **POINT, "timestamp": -1}),
    _post("metric at a word", "runs/log-metric", {**RUN, **POINT, "step": "first"}),
    _post("metric at half a step", "runs/log-metric", {**RUN, **POINT, "step": 0.5}),
    _post("metric with a long key", "runs/log-metric", {**RUN, **POINT, "key": "k" * 251}),
    _post("metric with a bad key", "runs/log-metric", {**RUN, **POINT, "key": "a?b"}),
    _post("metric with a key that leads elsewhere", "runs/log-metric",
          {**RUN, **POINT, "key": "../k"}),
    _post("metric with a key of two slashes", "runs/log-metric", {**RUN, **POINT, "key": "a//b"}),
    _post("metric whose key is a number", "runs/log-metric", {**RUN, **POINT, "key": 5}),
    _get("history of no metric", "metrics/get-history", run_id="$run"),
    _get("history of no run", "metrics/get-history", metric_key="k"),
    _get("history of an unknown run", "metrics/get-history", run_id="$missing", metric_key="k"),
    _get("history of an unknown metric", "metrics/get-history", run_id="$run", metric_key="none"),
    _get("history, limit 0", "metrics/get-history", run_id="$run", metric_key="k", max_results=0),
    _get("history, bad token", "metrics/get-history", run_id="$run", metric_key="k",
         max_results=5, page_token="nonsense"),
    # ------------------------------------------------------------------------------ params, tags
    _post("param that changes", "runs/log-parameter", {**RUN, "key": "p", "value": "2"}),
    _post("param that stays", "runs/log-parameter", {**RUN, "key": "p", "value": "1"}),
    _post("param without a key", "runs/log-parameter", {**RUN, "value": "1"}),
    _post("param with a long key", "runs/log-parameter", {**RUN, "key": "k" * 251, "value": "1"}),
    _post("param with a bad key", "runs/log-parameter", {**RUN, "key": "a\nb", "value": "1"}),
    _post("param of a deleted run", "runs/log-parameter",
          {"run_id": "$gone_run", "key": "p", "value": "1"}),
    _post("param that is a number", "runs/log-parameter", {**RUN, "key": "n", "value": 5}),
    _post("tag of a deleted run", "runs/set-tag",
          {"run_id": "$gone_run", "key": "t", "value": "1"}),
    _post("tag with a long key", "runs/set-tag", {**RUN, "key": "k" * 251, "value": "1"}),
    _post("tag whose key is a number", "runs/set-tag", {**RUN, "key": 5, "value": "1"}),
    _post("remove a missing tag", "runs/delete-tag", {**RUN, "key": "none"}),
    # ----------------------------------------------------------------------------------- batches
    _post("batch of no run", "runs/log-batch", {"metrics": [POINT]}),
    _post("batch of an unknown run", "runs/log-batch", {"run_id": "$missing"}),
    _post("batch of a deleted run", "runs/log-batch",
          {"run_id": "$gone_run", "metrics": [POINT]}),
    _post("batch with too many metrics", "runs/log-batch", {**RUN, "metrics": [POINT] * 1001}),
    _post("batch with too many params", "runs/log-batch",
          {**RUN, "params": [{"key": f"p{i}", "value": "1"} for i in range(101)]}),
    _post("batch with too many tags", "runs/log-batch",
          {**RUN, "tags": [{"key": f"t{i}", "value": "1"} for i in range(101)]}),
    _post("batch with too much in all", "runs/log-batch",
          {**RUN, "metrics": [POINT] * 950,
           "params": [{"key": f"p{i}", "value": "1"} for i in range(60)]}),
    _post("batch with a param twice", "runs/log-batch",
          {**RUN, "params": [{"key": "q", "value": "1"}, {"key": "q", "value": "2"}]}),
    _post("batch with a changed param", "runs/log-batch",
          {**RUN, "params": [{"key": "p", "value": "2"}]}),
    _post("batch with a metric that is none", "runs/log-batch", {**RUN, "metrics": [1]}),
    _post("batch with a metric without a value", "runs/log-batch",
          {**RUN, "metrics": [{"key": "k", "timestamp": 1}]}),
    _post("batch with a metric without a time", "runs/log-batch",
          {**RUN, "metrics": [{"key": "k", "value": 1}]}),
    _post("batch whose metrics are no list", "runs/log-batch", {**RUN, "metrics": "x"}),
    _post("batch with a param without a key", "runs/log-batch",
          {**RUN, "params": [{"value": "1"}]}),
    _post("batch with a bad key", "runs/log-batch", {**RUN, "metrics": [{**POINT, "key": "a?"}]}),
    _post("batch with a long param key", "runs/log-batch",
          {**RUN, "params": [{"key": "k" * 251, "value": "1"}]}),
    # ------------------------------------------------------------------------------------ bodies
    _post("body that is no JSON", "runs/create", b"{nonsense"),
    _post("body that is a list", "runs/create", b"[]"),
    _post("body that is a number", "runs/log-batch", b"7"),
    _post("no body at all", "runs/log-metric", b""),
    # ------------------------------------------------------------------------------------ search
    _search("limit too large", max_results=50_001),
    _search("negative limit", max_results=-1),
    _search("bad token", page_token="nonsense"),
    _search("no operator", filter="metrics.loss"),
    _search("OR", filter="metrics.loss > 1 OR metrics.acc > 1"),
    _search("brackets", filter="(metrics.loss > 1)"),
    _search("NOT", filter="NOT metrics.loss > 1"),
    _search("unknown entity", filter="color.red = 'x'"),
    _search("unknown attribute", filter="attributes.color = 'x'"),
    _search("metric against a text", filter="metrics.loss > 'x'"),
    _search("param against a number", filter="params.lr = 1"),
    _search("param with <", filter="params.lr < '1'"),
    _search("metric with LIKE", filter="metrics.loss LIKE '1'"),
    _search("open quote", filter="params.lr = 'x"),
    _search("IS NULL of a metric", filter="metrics.loss IS NULL"),
    _search("IN of a tag", filter="tags.a IN ('x')"),
    _search("start_time against a text", filter="attributes.start_time > 'x'"),
    _search("order by nothing", order_by=[""]),
    _search("order by an unknown entity", order_by=["color.red"]),
    _search("order by twice", order_by=["metrics.a", "metrics.a DESC"]),
    _search("order with a word too many", order_by=["metrics.a DOWN"]),
    _search("unknown view", run_view_type="SOME"),
    _post("search: experiment that is no number", "runs/search", {"experiment_ids": ["abc"]}),
    _post("search: unknown experiment", "runs/search", {"experiment_ids": ["987654321"]}),
    # ---------------------------------------------------------------------------------- registry
    _post("model without a name", "registered-models/create", {}),
    _post("model with an empty name", "registered-models/create", {"name": ""}),
    _post("model with a slash", "registered-models/create", {"name": "a/b"}),
    _post("model with a colon", "registered-models/create", {"name": "a:b"}),
    _post("model with a taken name", "registered-models/create", {"name": "$model"}),
    _get("unknown model", "registered-models/get", name="none-$tail"),
    _get("no model given", "registered-models/get"),
    Case("describe an unknown model", "PATCH", "registered-models/update",
         {"name": "none-$tail", "description": "x"}),
    _post("rename an unknown model", "registered-models/rename",
          {"name": "none-$tail", "new_name": "x-$tail"}),
    _post("rename a model to nothing", "registered-models/rename", {"name": "$model"}),
    Case("delete an unknown model", "DELETE", "registered-models/delete", {"name": "none-$tail"}),
    _get("models, limit too large", "registered-models/search", max_results=1_001),
    _get("models, bad filter", "registered-models/search", filter="color = 'x'"),
    _get("models, bad token", "registered-models/search", page_token="nonsense"),
    _get("versions, bad filter", "model-versions/search", filter="color = 'x'"),
    _get("versions, limit too large", "model-versions/search", max_results=200_001),
    _get("latest versions of an unknown model", "registered-models/get-latest-versions",
         name="none-$tail"),
    _post("latest versions of no stage", "registered-models/get-latest-versions",
          {"name": "$model", "stages": ["Nowhere"]}),
    _post("tag an unknown model", "registered-models/set-tag",
          {"name": "none-$tail", "key": "k", "value": "v"}),
    _post("tag a model without a key", "registered-models/set-tag",
          {"name": "$model", "value": "v"}),
    _post("tag a model with a long key", "registered-models/set-tag",
          {"name": "$model", "key": "k" * 251, "value": "v"}),
    Case("remove a model's missing tag", "DELETE", "registered-models/delete-tag",
         {"name": "$model", "key": "none"}),
    _get("unknown alias", "registered-models/alias", name="$model", alias="none"),
    _get("alias of an unknown model", "registered-models/alias", name="none-$tail", alias="a"),
    _get("no alias given", "registered-models/alias", name="$model"),
    _post("alias of an unknown version", "registered-models/alias",
          {"name": "$model", "alias": "a", "version": "7"}),
    _post("alias that is reserved", "registered-models/alias",
          {"name": "$model", "alias": "latest", "version": "1"}),
    _post("alias like a version", "registered-models/alias",
          {"name": "$model", "alias": "v1", "version": "1"}),
    _post("alias with a space", "registered-models/alias",
          {"name": "$model", "alias": "a b", "version": "1"}),
    Case("remove a missing alias", "DELETE", "registered-models/alias",
         {"name": "$model", "alias": "none"}),
    _get("unknown version", "model-versions/get", name="$model", version="7"),
    _get("version of an unknown model", "model-versions/get", name="none-$tail", version="1"),
    _get("version that is no number", "model-versions/get", name="$model", version="one"),
    _get("no version given", "model-versions/get", name="$model"),
    _post("version of an unknown model", "model-versions/create",
          {"name": "none-$tail", "source": "runs:/$run/m", "run_id": "$run"}),
    _post("version without a source", "model-versions/create", {"name": "$model"}),
    *(
        _post(f"version from {source}", "model-versions/create",
              {"name": "$model", "source": source})
        for source in ("file:///etc", "/etc", "//proc/self/root", "FILE:/etc", "file:etc",
                       "file://localhost/etc", "file:///%2e%2e/etc", "runs:/$run/../../x")
    ),
    _post("version from a run that is another", "model-versions/create",
          {"name": "$model", "source": "runs:/$run/m", "run_id": "$gone_run"}),
    _post("stage of an unknown version", "model-versions/transition-stage",
          {"name": "$model", "version": "7", "stage": "Production"}),
    _post("stage that is none", "model-versions/transition-stage",
          {"name": "$model", "version": "7", "stage": "Nowhere"}),
    Case("delete an unknown version", "DELETE", "model-versions/delete",
         {"name": "$model", "version": "7"}),
    _get("download of an unknown version", "model-versions/get-download-uri",
         name="$model", version="7"),
    _post("tag an unknown version", "model-versions/set-tag",
          {"name": "$model", "version": "7", "key": "k", "value": "v"}),
    # ----------------------------------------------------------------------------- logged models
    _post("logged model without an experiment", "logged-models", {"name": "m"}),
    _post("logged model in an unknown experiment", "logged-models",
          {"experiment_id": "987654321", "name": "m"}),
    _post("logged model with a slash", "logged-models",
          {"experiment_id": "$experiment", "name": "a/b"}),
    _get("unknown logged model", "logged-models/m-$missing"),
    Case("finish an unknown logged model", "PATCH", "logged-models/m-$missing",
         {"status": "LOGGED_MODEL_READY"}),
    Case("delete an unknown logged model", "DELETE", "logged-models/m-$missing", {}),
    _post("logged models, bad filter", "logged-models/search",
          {"experiment_ids": ["$experiment"], "filter": "color = 'x'"}),
    _post("logged models, limit too large", "logged-models/search",
          {"experiment_ids": ["$experiment"], "max_results": 1_000_000}),
    _post("logged models, order by nothing", "logged-models/search",
          {"experiment_ids": ["$experiment"], "order_by": [{}]}),
    # --------------------------------------------------------------------------- inputs, outputs
    _post("inputs of an unknown run", "runs/log-inputs", {"run_id": "$missing", "datasets": []}),
    _post("inputs without a dataset", "runs/log-inputs", {**RUN, "datasets": [{}]}),
    _post("dataset without a name", "runs/log-inputs",
          {**RUN, "datasets": [{"dataset": {"digest": "d", "source_type": "s", "source": "x"}}]}),
    _post("dataset with a long digest", "runs/log-inputs",
          {**RUN, "datasets": [{"dataset": {"name": "n", "digest": "d" * 37, "source_type": "s",
                                            "source": "x"}}]}),
    _post("outputs of an unknown run", "runs/outputs",
          {"run_id": "$missing", "models": [{"model_id": "m-1", "step": 0}]}),
    _get("artifacts of an unknown run", "artifacts/list", run_id="$missing"),
    _get("artifacts elsewhere", "artifacts/list", run_id="$run", path="../.."),
    _post("delete the default experiment", "experiments/delete", {"experiment_id": "0"}),
]  # fmt: skip


if __name__ == "__main__":
    found = answers(sys.argv[1], CASES)
    print(json.dumps({name: list(told) for name, told in found.items()}, indent=1))
