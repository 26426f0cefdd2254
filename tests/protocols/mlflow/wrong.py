"""Requests with a mistake in them, the same for every server of MLflow's protocol.

``python -m tests.protocols.mlflow.wrong URL`` makes what they need there, sends them and prints
the answers as JSON. `wrong.json` is what ``mlflow server`` 3.18.0 answered, on SQLite.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from typing import Any, NamedTuple

from tests.protocols.mlflow.api import Api

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


def prepare(api: Api) -> Place:
    """Make what the cases are about."""
    tail = f"t{uuid.uuid4().hex[:8]}"  # a number would be taken for an experiment's id

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


def post(case: str, path: str, body: Any) -> Case:
    """A POST with a body."""
    return Case(case, "POST", path, body)


def get(case: str, path: str, /, **given: Any) -> Case:
    """A GET with arguments."""
    return Case(case, "GET", path, given)


def _search(case: str, **given: Any) -> Case:
    return post(f"search: {case}", "runs/search", {"experiment_ids": ["$experiment"], **given})


CASES = [
    # ------------------------------------------------------------------------------ experiments
    post("experiment without a name", "experiments/create", {}),
    post("experiment with a blank name", "experiments/create", {"name": "  "}),
    post("experiment with an empty name", "experiments/create", {"name": ""}),
    post("experiment whose name is a number", "experiments/create", {"name": 7}),
    post("experiment with a long name", "experiments/create", {"name": "n" * 501}),
    post("experiment with a taken name", "experiments/create", {"name": "here-$tail"}),
    post("experiment with a deleted one's name", "experiments/create", {"name": "gone-$tail"}),
    post("experiment elsewhere", "experiments/create",
          {"name": "e1-$tail", "artifact_location": "http:///#/../../etc/"}),
    post("experiment with a long tag", "experiments/create",
          {"name": "e2-$tail", "tags": [{"key": "k" * 251, "value": "v"}]}),
    get("no experiment given", "experiments/get"),
    get("unknown experiment", "experiments/get", experiment_id="987654321"),
    get("experiment that is no number", "experiments/get", experiment_id="abc"),
    get("deleted experiment", "experiments/get", experiment_id="$gone_experiment"),
    get("no experiment of that name", "experiments/get-by-name", experiment_name="nobody"),
    get("no name given", "experiments/get-by-name"),
    get("experiments without a limit", "experiments/search"),
    get("experiments, limit 0", "experiments/search", max_results=0),
    get("experiments, limit too large", "experiments/search", max_results=50_001),
    get("experiments, bad token", "experiments/search", max_results=5, page_token="nonsense"),
    get("experiments, bad filter", "experiments/search", max_results=5, filter="name LIKES 'x'"),
    get("experiments, unknown attribute", "experiments/search", max_results=5,
         filter="color = 'x'"),
    get("experiments, bad order", "experiments/search", max_results=5, order_by="name UP"),
    post("rename to nothing", "experiments/update", {"experiment_id": "$experiment"}),
    post("rename a deleted experiment", "experiments/update",
          {"experiment_id": "$gone_experiment", "new_name": "x-$tail"}),
    post("rename to a taken name", "experiments/update",
          {"experiment_id": "$experiment", "new_name": "gone-$tail"}),
    post("rename what is no number", "experiments/update",
          {"experiment_id": "abc", "new_name": "x"}),
    post("delete a deleted experiment", "experiments/delete",
          {"experiment_id": "$gone_experiment"}),
    post("delete an unknown experiment", "experiments/delete", {"experiment_id": "987654321"}),
    post("restore an active experiment", "experiments/restore",
          {"experiment_id": "$experiment"}),
    post("tag a deleted experiment", "experiments/set-experiment-tag",
          {"experiment_id": "$gone_experiment", "key": "k", "value": "v"}),
    post("tag without a key", "experiments/set-experiment-tag",
          {"experiment_id": "$experiment", "value": "v"}),
    post("experiment tag, long value", "experiments/set-experiment-tag",
          {"experiment_id": "$experiment", "key": "k", "value": "v" * 20_001}),
    post("remove an experiment's missing tag", "experiments/delete-experiment-tag",
          {"experiment_id": "$experiment", "key": "none"}),
    # ------------------------------------------------------------------------------------- runs
    post("run in an unknown experiment", "runs/create", {"experiment_id": "987654321"}),
    post("run in no number", "runs/create", {"experiment_id": "abc"}),
    post("run in a deleted experiment", "runs/create", {"experiment_id": "$gone_experiment"}),
    post("run with two names", "runs/create",
          {"experiment_id": "$experiment", "run_name": "a",
           "tags": [{"key": "mlflow.runName", "value": "b"}]}),
    post("run with a text for a time", "runs/create",
          {"experiment_id": "$experiment", "start_time": "soon"}),
    post("run with tags that are no list", "runs/create",
          {"experiment_id": "$experiment", "tags": "x"}),
    get("no run given", "runs/get"),
    get("unknown run", "runs/get", run_id="$missing"),
    get("run that is a path", "runs/get", run_id="../../etc"),
    post("update an unknown run", "runs/update", {"run_id": "$missing", "status": "FINISHED"}),
    post("update to no status", "runs/update", {**RUN, "status": "ASLEEP"}),
    post("update a deleted run", "runs/update", {"run_id": "$gone_run", "status": "FINISHED"}),
    post("delete an unknown run", "runs/delete", {"run_id": "$missing"}),
    post("delete a deleted run", "runs/delete", {"run_id": "$gone_run"}),
    post("restore an active run", "runs/restore", RUN),
    post("delete no run", "runs/delete", {}),
    # ---------------------------------------------------------------------------------- metrics
    post("metric of no run", "runs/log-metric", POINT),
    post("metric of an unknown run", "runs/log-metric", {"run_id": "$missing", **POINT}),
    post("metric of a deleted run", "runs/log-metric", {"run_id": "$gone_run", **POINT}),
    post("metric of a deleted experiment's run", "runs/log-metric",
          {"run_id": "$run_of_gone", **POINT}),
    post("metric without a key", "runs/log-metric", {**RUN, "value": 1, "timestamp": 1}),
    post("metric without a value", "runs/log-metric", {**RUN, "key": "k", "timestamp": 1}),
    post("metric without a time", "runs/log-metric", {**RUN, "key": "k", "value": 1}),
    post("metric whose value is a word", "runs/log-metric", {**RUN, **POINT, "value": "high"}),
    post("metric whose value is a truth", "runs/log-metric", {**RUN, **POINT, "value": True}),
    post("metric whose value is a list", "runs/log-metric", {**RUN, **POINT, "value": [1]}),
    post("metric at a negative time", "runs/log-metric", {**RUN, **POINT, "timestamp": -1}),
    post("metric at a word", "runs/log-metric", {**RUN, **POINT, "step": "first"}),
    post("metric at half a step", "runs/log-metric", {**RUN, **POINT, "step": 0.5}),
    post("metric with a long key", "runs/log-metric", {**RUN, **POINT, "key": "k" * 251}),
    post("metric with a bad key", "runs/log-metric", {**RUN, **POINT, "key": "a?b"}),
    post("metric with a key that leads elsewhere", "runs/log-metric",
          {**RUN, **POINT, "key": "../k"}),
    post("metric with a key of two slashes", "runs/log-metric", {**RUN, **POINT, "key": "a//b"}),
    post("metric whose key is a number", "runs/log-metric", {**RUN, **POINT, "key": 5}),
    get("history of no metric", "metrics/get-history", run_id="$run"),
    get("history of no run", "metrics/get-history", metric_key="k"),
    get("history of an unknown run", "metrics/get-history", run_id="$missing", metric_key="k"),
    get("history of an unknown metric", "metrics/get-history", run_id="$run", metric_key="none"),
    get("history, limit 0", "metrics/get-history", run_id="$run", metric_key="k", max_results=0),
    get("history, bad token", "metrics/get-history", run_id="$run", metric_key="k",
         max_results=5, page_token="nonsense"),
    # ------------------------------------------------------------------------------ params, tags
    post("param that changes", "runs/log-parameter", {**RUN, "key": "p", "value": "2"}),
    post("param that stays", "runs/log-parameter", {**RUN, "key": "p", "value": "1"}),
    post("param without a key", "runs/log-parameter", {**RUN, "value": "1"}),
    post("param with a long key", "runs/log-parameter", {**RUN, "key": "k" * 251, "value": "1"}),
    post("param with a bad key", "runs/log-parameter", {**RUN, "key": "a\nb", "value": "1"}),
    post("param of a deleted run", "runs/log-parameter",
          {"run_id": "$gone_run", "key": "p", "value": "1"}),
    post("param that is a number", "runs/log-parameter", {**RUN, "key": "n", "value": 5}),
    post("tag of a deleted run", "runs/set-tag",
          {"run_id": "$gone_run", "key": "t", "value": "1"}),
    post("tag with a long key", "runs/set-tag", {**RUN, "key": "k" * 251, "value": "1"}),
    post("tag whose key is a number", "runs/set-tag", {**RUN, "key": 5, "value": "1"}),
    post("remove a missing tag", "runs/delete-tag", {**RUN, "key": "none"}),
    # ----------------------------------------------------------------------------------- batches
    post("batch of no run", "runs/log-batch", {"metrics": [POINT]}),
    post("batch of an unknown run", "runs/log-batch", {"run_id": "$missing"}),
    post("batch of a deleted run", "runs/log-batch",
          {"run_id": "$gone_run", "metrics": [POINT]}),
    post("batch with too many metrics", "runs/log-batch", {**RUN, "metrics": [POINT] * 1001}),
    post("batch with too many params", "runs/log-batch",
          {**RUN, "params": [{"key": f"p{i}", "value": "1"} for i in range(101)]}),
    post("batch with too many tags", "runs/log-batch",
          {**RUN, "tags": [{"key": f"t{i}", "value": "1"} for i in range(101)]}),
    post("batch with too much in all", "runs/log-batch",
          {**RUN, "metrics": [POINT] * 950,
           "params": [{"key": f"p{i}", "value": "1"} for i in range(60)]}),
    post("batch with a param twice", "runs/log-batch",
          {**RUN, "params": [{"key": "q", "value": "1"}, {"key": "q", "value": "2"}]}),
    post("batch with a changed param", "runs/log-batch",
          {**RUN, "params": [{"key": "p", "value": "2"}]}),
    post("batch with a metric that is none", "runs/log-batch", {**RUN, "metrics": [1]}),
    post("batch with a metric without a value", "runs/log-batch",
          {**RUN, "metrics": [{"key": "k", "timestamp": 1}]}),
    post("batch with a metric without a time", "runs/log-batch",
          {**RUN, "metrics": [{"key": "k", "value": 1}]}),
    post("batch whose metrics are no list", "runs/log-batch", {**RUN, "metrics": "x"}),
    post("batch with a param without a key", "runs/log-batch",
          {**RUN, "params": [{"value": "1"}]}),
    post("batch with a bad key", "runs/log-batch", {**RUN, "metrics": [{**POINT, "key": "a?"}]}),
    post("batch with a long param key", "runs/log-batch",
          {**RUN, "params": [{"key": "k" * 251, "value": "1"}]}),
    # ------------------------------------------------------------------------------------ bodies
    post("body that is no JSON", "runs/create", b"{nonsense"),
    post("body that is a list", "runs/create", b"[]"),
    post("body that is a number", "runs/log-batch", b"7"),
    post("no body at all", "runs/log-metric", b""),
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
    post("search: experiment that is no number", "runs/search", {"experiment_ids": ["abc"]}),
    post("search: unknown experiment", "runs/search", {"experiment_ids": ["987654321"]}),
    # ---------------------------------------------------------------------------------- registry
    post("model without a name", "registered-models/create", {}),
    post("model with an empty name", "registered-models/create", {"name": ""}),
    post("model with a slash", "registered-models/create", {"name": "a/b"}),
    post("model with a colon", "registered-models/create", {"name": "a:b"}),
    post("model with a taken name", "registered-models/create", {"name": "$model"}),
    get("unknown model", "registered-models/get", name="none-$tail"),
    get("no model given", "registered-models/get"),
    Case("describe an unknown model", "PATCH", "registered-models/update",
         {"name": "none-$tail", "description": "x"}),
    post("rename an unknown model", "registered-models/rename",
          {"name": "none-$tail", "new_name": "x-$tail"}),
    post("rename a model to nothing", "registered-models/rename", {"name": "$model"}),
    Case("delete an unknown model", "DELETE", "registered-models/delete", {"name": "none-$tail"}),
    get("models, limit too large", "registered-models/search", max_results=1_001),
    get("models, bad filter", "registered-models/search", filter="color = 'x'"),
    get("models, bad token", "registered-models/search", page_token="nonsense"),
    get("versions, bad filter", "model-versions/search", filter="color = 'x'"),
    get("versions, limit too large", "model-versions/search", max_results=200_001),
    get("latest versions of an unknown model", "registered-models/get-latest-versions",
         name="none-$tail"),
    post("latest versions of no stage", "registered-models/get-latest-versions",
          {"name": "$model", "stages": ["Nowhere"]}),
    post("tag an unknown model", "registered-models/set-tag",
          {"name": "none-$tail", "key": "k", "value": "v"}),
    post("tag a model without a key", "registered-models/set-tag",
          {"name": "$model", "value": "v"}),
    post("tag a model with a long key", "registered-models/set-tag",
          {"name": "$model", "key": "k" * 251, "value": "v"}),
    Case("remove a model's missing tag", "DELETE", "registered-models/delete-tag",
         {"name": "$model", "key": "none"}),
    get("unknown alias", "registered-models/alias", name="$model", alias="none"),
    get("alias of an unknown model", "registered-models/alias", name="none-$tail", alias="a"),
    get("no alias given", "registered-models/alias", name="$model"),
    post("alias of an unknown version", "registered-models/alias",
          {"name": "$model", "alias": "a", "version": "7"}),
    post("alias that is reserved", "registered-models/alias",
          {"name": "$model", "alias": "latest", "version": "1"}),
    post("alias like a version", "registered-models/alias",
          {"name": "$model", "alias": "v1", "version": "1"}),
    post("alias with a space", "registered-models/alias",
          {"name": "$model", "alias": "a b", "version": "1"}),
    Case("remove a missing alias", "DELETE", "registered-models/alias",
         {"name": "$model", "alias": "none"}),
    get("unknown version", "model-versions/get", name="$model", version="7"),
    get("version of an unknown model", "model-versions/get", name="none-$tail", version="1"),
    get("version that is no number", "model-versions/get", name="$model", version="one"),
    get("no version given", "model-versions/get", name="$model"),
    post("version of an unknown model", "model-versions/create",
          {"name": "none-$tail", "source": "runs:/$run/m", "run_id": "$run"}),
    post("version without a source", "model-versions/create", {"name": "$model"}),
    *(
        post(f"version from {source}", "model-versions/create",
              {"name": "$model", "source": source})
        for source in ("file:///etc", "/etc", "//proc/self/root", "FILE:/etc", "file:etc",
                       "file://localhost/etc", "file:///%2e%2e/etc", "runs:/$run/../../x")
    ),
    post("version from a run that is another", "model-versions/create",
          {"name": "$model", "source": "runs:/$run/m", "run_id": "$gone_run"}),
    post("stage of an unknown version", "model-versions/transition-stage",
          {"name": "$model", "version": "7", "stage": "Production"}),
    post("stage that is none", "model-versions/transition-stage",
          {"name": "$model", "version": "7", "stage": "Nowhere"}),
    Case("delete an unknown version", "DELETE", "model-versions/delete",
         {"name": "$model", "version": "7"}),
    get("download of an unknown version", "model-versions/get-download-uri",
         name="$model", version="7"),
    post("tag an unknown version", "model-versions/set-tag",
          {"name": "$model", "version": "7", "key": "k", "value": "v"}),
    # ----------------------------------------------------------------------------- logged models
    post("logged model without an experiment", "logged-models", {"name": "m"}),
    post("logged model in an unknown experiment", "logged-models",
          {"experiment_id": "987654321", "name": "m"}),
    post("logged model with a slash", "logged-models",
          {"experiment_id": "$experiment", "name": "a/b"}),
    get("unknown logged model", "logged-models/m-$missing"),
    Case("finish an unknown logged model", "PATCH", "logged-models/m-$missing",
         {"status": "LOGGED_MODEL_READY"}),
    Case("delete an unknown logged model", "DELETE", "logged-models/m-$missing", {}),
    post("logged models, bad filter", "logged-models/search",
          {"experiment_ids": ["$experiment"], "filter": "color = 'x'"}),
    post("logged models, limit too large", "logged-models/search",
          {"experiment_ids": ["$experiment"], "max_results": 1_000_000}),
    post("logged models, order by nothing", "logged-models/search",
          {"experiment_ids": ["$experiment"], "order_by": [{}]}),
    # --------------------------------------------------------------------------- inputs, outputs
    post("inputs of an unknown run", "runs/log-inputs", {"run_id": "$missing", "datasets": []}),
    post("inputs without a dataset", "runs/log-inputs", {**RUN, "datasets": [{}]}),
    post("dataset without a name", "runs/log-inputs",
          {**RUN, "datasets": [{"dataset": {"digest": "d", "source_type": "s", "source": "x"}}]}),
    post("dataset with a long digest", "runs/log-inputs",
          {**RUN, "datasets": [{"dataset": {"name": "n", "digest": "d" * 37, "source_type": "s",
                                            "source": "x"}}]}),
    post("outputs of an unknown run", "runs/outputs",
          {"run_id": "$missing", "models": [{"model_id": "m-1", "step": 0}]}),
    get("artifacts of an unknown run", "artifacts/list", run_id="$missing"),
    get("artifacts elsewhere", "artifacts/list", run_id="$run", path="../.."),
    post("delete the default experiment", "experiments/delete", {"experiment_id": "0"}),
]  # fmt: skip


def found(url: str) -> dict[str, Told]:
    """What a server tells, by the names of the cases."""
    return answers(url, CASES)


if __name__ == "__main__":
    print(json.dumps({name: list(told) for name, told in found(sys.argv[1]).items()}, indent=1))
