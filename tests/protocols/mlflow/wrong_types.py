"""More requests with a mistake in them: missing, empty, null, of another type, past a limit.

As `wrong`: ``python -m tests.protocols.mlflow.wrong_types URL`` prints `wrong_types.json`.
"""

from __future__ import annotations

import json
import sys

from tests.protocols.mlflow.wrong import POINT, RUN, Case, Told, answers, get, post

HERE = {"experiment_id": "$experiment"}
INSIDE = {"experiment_ids": ["$experiment"]}
MODEL = {"name": "$model"}
UNKNOWN = "m-$missing"


def _values() -> list[Case]:
    metric, batch, param = "runs/log-metric", "runs/log-batch", "runs/log-parameter"
    return [
        post("metric past all numbers", metric, {**RUN, **POINT, "value": 10**400}),
        post("metric past all times", metric, {**RUN, **POINT, "timestamp": 2**63}),
        post("metric at a time past 2**53", metric, {**RUN, **POINT, "timestamp": 2**53 + 1}),
        post("metric past all steps", metric, {**RUN, **POINT, "step": 2**63}),
        post("metric at half a time", metric, {**RUN, **POINT, "timestamp": 1.5}),
        post("metric at a time that is a truth", metric, {**RUN, **POINT, "timestamp": True}),
        post("metric at a step that is a list", metric, {**RUN, **POINT, "step": [1]}),
        post("metric with an empty value", metric, {**RUN, **POINT, "value": ""}),
        post("metric with a null", metric, {**RUN, **POINT, "value": None}),
        post("metric with a bare NaN", metric, b'{"run_id": "x", "key": "k", "value": NaN}'),
        post("metric with an empty key", metric, {**RUN, **POINT, "key": ""}),
        post("metric with letters of no English", metric, {**RUN, **POINT, "key": "größe"}),
        post("metric with a line end", metric, {**RUN, **POINT, "key": "a\n"}),
        post("metric of an unknown model", metric, {**RUN, **POINT, "model_id": UNKNOWN}),
        post("metric of a run that is a number", metric, {**POINT, "run_id": 5}),
        post("metric of an empty run", metric, {**POINT, "run_id": ""}),
        post("metric of a run with a space", metric, {**POINT, "run_id": "a b"}),
        post("param without a value", param, {**RUN, "key": "n1"}),
        post("param with a null", param, {**RUN, "key": "n2", "value": None}),
        post("param with an empty key", param, {**RUN, "key": "", "value": "1"}),
        post("param that is a list", param, {**RUN, "key": "n3", "value": ["x"]}),
        post("tag with an empty key", "runs/set-tag", {**RUN, "key": "", "value": "1"}),
        post("remove a tag without a name", "runs/delete-tag", {**RUN, "key": ""}),
        post("batch of objects for lists", batch, {**RUN, "params": {"a": "b"}}),
        post("batch of a number for a list", batch, {**RUN, "tags": 5}),
        post("batch with a bad tag", batch, {**RUN, "tags": [{"key": "k?", "value": "5"}]}),
        post("batch with a long tag", batch, {**RUN, "tags": [{"key": "k" * 251, "value": "5"}]}),
        post("batch with a tag without a key", batch, {**RUN, "tags": [{"value": "5"}]}),
        post("batch with nulls for lists", batch, {**RUN, "params": None, "tags": None}),
        post("batch of an unknown model", batch,
             {**RUN, "metrics": [{**POINT, "model_id": UNKNOWN}]}),
        post("body in Latin-1", batch, b'{"run_id": "\xe4"}'),
        post("body of 3,000 brackets", batch, b'{"run_id":' + b"[" * 3000 + b"]" * 3000 + b"}"),
    ]  # fmt: skip


def _runs() -> list[Case]:
    create, update, search = "runs/create", "runs/update", "runs/search"
    odd = [{"key": "a?b(c)", "value": "1"}, {"key": "d", "value": None}]
    return [
        post("run in an experiment past all ids", create, {"experiment_id": "9" * 50}),
        post("run in an experiment below all ids", create, {"experiment_id": "-1"}),
        post("run before 1970", create, {**HERE, "start_time": -1}),
        post("run with odd tags", create, {**HERE, "tags": odd}),
        post("run with tags that are an object", create, {**HERE, "tags": {"a": "b"}}),
        post("run with a tag twice", create, {**HERE, "tags": [{"key": "a", "value": "1"}] * 2}),
        post("run with a name of 300", create, {**HERE, "run_name": "n" * 300}),
        post("update to a status in small letters", update, {**RUN, "status": "running"}),
        post("update to a number of no status", update, {**RUN, "status": 9}),
        post("update to an end before 1970", update, {**RUN, "end_time": -1}),
        post("update to nothing", update, {**RUN, "status": None, "end_time": None}),
        post("search for nulls", search, {**INSIDE, "filter": None, "order_by": None}),
        post("search with a text for an order", search, {**INSIDE, "order_by": "metrics.a"}),
        post("search with a number for a filter", search, {**INSIDE, "filter": 5}),
        post("search with a word for a limit", search, {**INSIDE, "max_results": "x"}),
        post("search in a text for a list", search, {"experiment_ids": "0"}),
        post("search in no experiments", search, {}),
        get("experiment past all ids", "experiments/get", experiment_id="9" * 60),
        get("experiment below all ids", "experiments/get", experiment_id="-1"),
        get("experiment of an empty name", "experiments/get-by-name", experiment_name=""),
        get("history of an empty name", "metrics/get-history", run_id="$run", metric_key=""),
        get("samples of nothing", "metrics/get-history-bulk-interval"),
        get("samples of 101 runs", "metrics/get-history-bulk-interval", metric_key="k",
            run_ids=["$run"] * 101, max_results=5),
        get("artifacts of the root", "artifacts/list", run_id="$run", path="/etc"),
        get("artifacts of nothing", "artifacts/list", run_id="$run", path="none"),
        post("tag an unknown experiment", "experiments/set-experiment-tag",
             {"experiment_id": "987654321", "key": "k", "value": "v"}),
    ]  # fmt: skip


def _models() -> list[Case]:
    lists = {**HERE, "name": "a"}
    return [
        post("model called ..", "registered-models/create", {"name": ".."}),
        post("model with tags that are a text", "registered-models/create",
             {"name": "rt$tail", "tags": "x"}),
        post("model with a tag without a value", "registered-models/set-tag",
             {**MODEL, "key": "k"}),
        post("rename a model to itself", "registered-models/rename",
             {**MODEL, "new_name": "$model"}),
        post("latest versions of a number", "registered-models/get-latest-versions",
             {**MODEL, "stages": [5]}),
        get("models, limit 0", "registered-models/search", max_results=0),
        post("alias that is empty", "registered-models/alias",
             {**MODEL, "alias": "", "version": "1"}),
        get("latest of no versions", "registered-models/alias", **MODEL, alias="latest"),
        get("version 0", "model-versions/get", **MODEL, version="0"),
        get("version past all numbers", "model-versions/get", **MODEL, version="9" * 30),
        post("version from nowhere", "model-versions/create", {**MODEL, "source": ""}),
        post("version from an unknown version", "model-versions/create",
             {**MODEL, "source": "models:/none-$tail/1"}),
        post("version from what is encoded twice", "model-versions/create",
             {**MODEL, "source": "runs:/$run/%252e%252e/x", "run_id": "$run"}),
        post("archive by a word", "model-versions/transition-stage",
             {**MODEL, "version": "7", "stage": "Staging", "archive_existing_versions": "x"}),
        post("logged model with a dot", "logged-models", {**HERE, "name": "a.b"}),
        post("logged model with odd params", "logged-models",
             {**lists, "params": [{"key": "f(x)?", "value": "1"}]}),
        post("logged model with params that are a text", "logged-models",
             {**lists, "params": "x"}),
        post("logged model of an unknown run", "logged-models",
             {**lists, "source_run_id": "$missing"}),
        post("logged model in a deleted experiment", "logged-models",
             {"experiment_id": "$gone_experiment", "name": "a"}),
        Case("finish without a status", "PATCH", f"logged-models/{UNKNOWN}",
             {"model_id": UNKNOWN}),
        post("logged models, bad token", "logged-models/search",
             {**INSIDE, "page_token": "nonsense"}),
        post("logged models on no dataset", "logged-models/search", {**INSIDE, "datasets": [{}]}),
        post("output at a word", "runs/outputs",
             {**RUN, "models": [{"model_id": UNKNOWN, "step": "x"}]}),
        post("inputs that are a text", "runs/log-inputs", {**RUN, "datasets": "x"}),
        post("note of a model that is a list", "runs/log-model", {**RUN, "model_json": "[]"}),
    ]  # fmt: skip


CASES = [*_values(), *_runs(), *_models()]


def found(url: str) -> dict[str, Told]:
    """What a server tells, by the names of the cases."""
    return answers(url, CASES)


if __name__ == "__main__":
    print(json.dumps({name: list(told) for name, told in found(sys.argv[1]).items()}, indent=1))
