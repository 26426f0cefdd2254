"""Searches of runs among values of every kind, the same for every server of MLflow's protocol.

``python -m tests.protocols.mlflow.alike URL`` makes what they are about there, asks and prints
what was found as JSON. `alike.json` is what ``mlflow server`` 3.18.0 found, on SQLite. What is
found is told by names of one letter, pages with a bar between them, a refusal by its status and
code.
"""

from __future__ import annotations

import itertools
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from tests.protocols.mlflow.api import Api

Found = dict[str, str]
Question = tuple[str, str, dict[str, Any]]
"""What is asked, where, and with which arguments."""

METRICS: dict[str, list[tuple[str, Any, int, int]]] = {
    "a": [("loss", 0.5, 1, 0), ("acc", 1, 1, 0), ("val/loss", 2.5, 1, 0), ("a b", 1, 1, 0)],
    "b": [("loss", 0.5, 1, 0), ("acc", 2, 1, 0), ("a.b", 3, 1, 0), ("a-b", 3, 1, 0)],
    "c": [("loss", "NaN", 1, 0), ("acc", 3, 1, 0)],
    "d": [("loss", "Infinity", 1, 0), ("acc", -1, 1, 0)],
    "e": [("loss", "-Infinity", 1, 0)],
    "f": [("acc", 2, 1, 0)],
    "g": [("loss", 0.0, 1, 0), ("acc", -1.0, 1, 0)],
    "h": [("loss", -0.0, 1, 0), ("acc", 1e300, 1, 0)],
    "i": [("loss", 9.0, 5, 7), ("loss", 1.0, 6, 3), ("loss", 2.0, 4, 5)],
    "j": [("loss", 4.0, 1, 2), ("loss", 3.0, 9, 2), ("loss", 5.0, 2, 1)],
    "k": [("loss", 1.0, 1, 0), ("loss", "NaN", 2, 1)],
    "l": [("loss", "NaN", 1, 0), ("loss", 1e-300, 2, 1)],
    "m": [],
    "n": [("loss", -2.5, 1, -3), ("loss", 7.0, 1, -5)],
    "z": [("loss", 0.5, 1, 0)],
}
"""Key, value, time and step of each run's points; ``z`` is deleted."""
PARAMS = {
    "a": {"lr": "0.1", "opt": "adam", "p/q": "x"}, "b": {"lr": "0.10", "opt": "Adam"},
    "c": {"lr": "1e-1", "opt": "SGD_1"}, "d": {"lr": "", "opt": "sgd 1"},
    "e": {"lr": "it's", "opt": 'say "hi"'}, "f": {"opt": "100%"}, "g": {"lr": "a*b", "opt": "[x]"},
    "h": {"lr": "a?b", "opt": "é"}, "i": {"lr": "2", "opt": "É"}, "j": {"lr": "10"},
}  # fmt: skip
TAGS = {
    "a": {"team": "red", "a.b": "1", "x y": "1"}, "b": {"team": "Red"}, "c": {"team": "blue"},
    "d": {"team": ""}, "e": {"team": "red_1"}, "f": {"other": "red"}, "g": {"team": "red-1"},
}  # fmt: skip
DATASETS = {
    "a": [("mnist", "d1", "train"), ("cifar", "d2", "test")], "b": [("mnist", "d2", "train")],
    "c": [("MNIST", "d3", "")],
}  # fmt: skip
STATUS = {"b": "FINISHED", "c": "FAILED", "d": "KILLED", "e": "SCHEDULED", "f": "FINISHED"}
ENDED = {"b": 5_000, "c": 4_000, "d": 5_000}
USERS = {"a": "ann", "b": "Bob", "c": "ann"}

MOST_PAGES = 40
KEYS = (
    "metrics.loss", "metric.loss", 'metrics."loss"', "metrics.`loss`", "metrics.none", "loss",
    "metrics.`val/loss`", "metrics.val/loss", "metrics.`a b`", 'metrics."a b"', "metrics.a.b",
    "metrics.a-b", "metrics.`a-b`", "Metrics.loss", "METRICS.loss", "metrics.'loss'", "metrics.",
    "params.lr", "param.lr", "parameter.lr", "parameters.lr", "params.`lr`", "params.none",
    "params.p/q", "params.`p/q`", "tags.team", "tag.team", "tags.`team`", "tags.none", "tags.a.b",
    "tags.`a.b`", "tags.`x y`", "tags.mlflow.runName", "tags.`mlflow.runName`",
    "attributes.status",
    "attribute.status", "attr.status", "run.status", "status", "Status", "`status`", '"status"',
    "attributes.`status`", "run_id", "run_name", "`run name`", "attributes.`Run Name`",
    "start_time",
    "created", "attributes.Created", "end_time", "attributes.end_time", "user_id", "artifact_uri",
    "dataset.name", "datasets.digest", "dataset.context", "dataset.`name`", "dataset.source",
    "experiment_id", "lifecycle_stage", "trace.x", "a/b", "x:y",
)  # fmt: skip
OPERATORS = (
    "=", "!=", "<", "<=", ">", ">=", "==", "<>", "LIKE", "ILIKE", "like", "iLike", "NOT LIKE",
    "IN", "NOT IN", "in", "IS", "~", "RLIKE", "",
)  # fmt: skip
VALUES = (
    "0.5", "0", "-1", "+1", "1e3", ".5", "5.", "1e400", "NaN", "'NaN'", "Infinity", "'0.1'",
    '"0.1"',
    "'red'", '"red"', "red", "`red`", "''", "'it''s'", '"it\'s"', "'%'", "'_ed'", "'R%'", "'é'",
    "'adam'", "'FINISHED'", "'finished'", "'mnist'", "'train'", "NULL", "true", "('red')",
    "('red', 'blue')", '("red", "blue")', "('red',)", "()", "(1)", "('red', 1)", "0x10", "1.5.2",
    "1 2", "'a' 'b'", "1010", "'a",
)  # fmt: skip
PATTERNS = (
    "'%'",
    "'%a%'",
    "'_d%'",
    "'A%'",
    "'é'",
    "'É'",
    "'%*%'",
    "'[x]'",
    "'%?%'",
    "'100%'",
    "''",
)
WHOLE = (
    "", " ", "metrics.loss>0.5", "metrics.loss >0", "metrics.loss = 0.5 AND params.lr = '0.1'",
    "metrics.loss = 0.5 and tags.team = 'Red'", "metrics.loss = 0.5 And tags.team = 'Red'",
    "metrics.loss = 0.5 OR tags.team = 'Red'", "NOT metrics.loss = 0.5", "(metrics.loss = 0.5)",
    "metrics.loss = 0.5 AND", "AND metrics.loss = 0.5", "metrics.loss = 0.5,",
    "metrics.loss = 0.5;",
    "metrics.loss = 0.5; metrics.loss = 1", "metrics.loss", "= 0.5", "0.5 = metrics.loss",
    "metrics.loss = 0.5 AND metrics.loss = 0.5", "metrics.loss > 0 AND metrics.loss < 3",
    "params.lr IS NULL", "params.lr IS NOT NULL", "tags.team is null", "tags.team Is Not Null",
    "tags.none IS NULL", "params.none IS NOT NULL", "metrics.loss IS NULL", "status IS NULL",
    "end_time IS NULL", "dataset.name IS NULL", "a/b IS NULL", "x:y IS NULL", "tags.a/b IS NULL",
    "params.p/q IS NOT NULL", "tags.team IS NULL AND params.lr IS NOT NULL", "params.lr IS",
    "tags.team = 'red' AND tags.team IS NOT NULL", "params.lr IS NOT NULL AND metrics.loss > 0",
    "run_name = 'a'", "run_name != 'a'", "run_name LIKE 'a'", "run_name ILIKE 'A'",
    "run_name IN ('a', 'b')", "tags.mlflow.runName = 'a'", "status IN ('FINISHED')",
    "dataset.name = 'mnist' AND dataset.context = 'test'", "dataset.name IN ('mnist', 'none')",
    "dataset.digest NOT IN ('d1')", "dataset.name ILIKE 'MN%'", "dataset.context != 'train'",
    "dataset.name = 'mnist' AND metrics.acc = 2", "-- x", "metrics.loss = 0.5 -- x",
    "metrics.loss = /* x */ 0.5", "select * from runs", "metrics.loss\n=\n0.5",
    "metrics.loss = 0.5\tAND\tparams.lr = '0.1'", "metrics.loss BETWEEN 0 AND 1",
)  # fmt: skip
ORDERS = (
    "metrics.loss", "metrics.acc", "metrics.none", "metrics.`val/loss`", "params.lr", "params.opt",
    "params.none", "tags.team", "tags.mlflow.runName", "start_time", "created", "end_time",
    "attributes.end_time", "status", "attributes.status", "run_name", "user_id", "run_id",
    "artifact_uri", "experiment_id", "dataset.name", "loss", "metrics.val/loss", "metrics.'loss'",
)  # fmt: skip
MORE_ORDERS = (
    ["metrics.acc", "metrics.loss"], ["metrics.acc DESC", "metrics.loss ASC"],
    ["params.opt", "start_time"], ["status", "metrics.loss DESC"], ["metrics.acc asc"],
    ["metrics.acc Desc"], ["metrics.acc  DESC"], [" metrics.acc DESC "], ["metrics.acc DESC,"],
    ["metrics.acc DESC NULLS LAST"], ["metrics.acc, metrics.loss"], ["`metrics`.`acc`"], ["DESC"],
    ["start_time", "created"], ["metrics.acc", "metric.acc"], ["end_time DESC", "start_time ASC"],
)  # fmt: skip


def _letters(_: Home, answer: dict[str, Any]) -> str:
    return "".join(run["info"]["run_name"] for run in answer.get("runs", []))


def _points(home: Home, answer: dict[str, Any]) -> str:
    names = {uid: name for name, uid in home.runs.items()}
    return " ".join(
        f"{names.get(one.get('run_id', ''), '')}{one['value']}@{one['timestamp']}/"
        f"{one.get('step', 0)}"
        for one in answer.get("metrics", [])
    )


class Home:
    """What was made on a server.

    Attributes:
        told: what tells of an answer, by the kind of a question.
        gotten: kinds of questions that are asked with GET.

    Args:
        api: of the server; empty of names with ``tail``.
    """

    told: ClassVar[Mapping[str, Callable[[Any, dict[str, Any]], str]]] = {
        "runs": _letters, "history": _points, "bulk": _points,
    }  # fmt: skip
    gotten: ClassVar = frozenset({"history", "bulk"})

    def __init__(self, api: Api) -> None:
        self.api = api
        self.tail = f"{uuid.uuid4().int % 10**8:08}"  # letters would be found by patterns
        make = api.make
        self.experiment = make("experiments/create", {"name": f"alike-{self.tail}"})[
            "experiment_id"
        ]
        self.runs = {
            name: self._run(name, 1_000 + 10 * at) for at, name in enumerate(sorted(METRICS))
        }
        make("runs/delete", {"run_id": self.runs["z"]})

    def _run(self, name: str, start: int) -> str:
        make = self.api.make
        given = {"experiment_id": self.experiment, "run_name": name, "start_time": start}
        made = make("runs/create", {**given, "user_id": USERS.get(name, "")})
        uid = str(made["run"]["info"]["run_id"])
        for key, value, time, step in METRICS[name]:
            point = {"key": key, "value": value, "timestamp": time, "step": step}
            make("runs/log-metric", {"run_id": uid, **point})
        for key, value in PARAMS.get(name, {}).items():
            make("runs/log-parameter", {"run_id": uid, "key": key, "value": value})
        for key, value in TAGS.get(name, {}).items():
            make("runs/set-tag", {"run_id": uid, "key": key, "value": value})
        for dataset, digest, context in DATASETS.get(name, []):
            facts = {"name": dataset, "digest": digest, "source_type": "s", "source": "x"}
            tags = [{"key": "mlflow.data.context", "value": context}] if context else []
            used = {"dataset": facts, "tags": tags}
            make("runs/log-inputs", {"run_id": uid, "datasets": [used]})
        if name in STATUS:
            ended = {"end_time": ENDED[name]} if name in ENDED else {}
            make("runs/update", {"run_id": uid, "status": STATUS[name], **ended})
        return uid

    def ask(self, question: Question) -> str:
        """What is found, page by page, or how it is refused."""
        kind, path, given = question
        told: list[str] = []
        while True:
            method = "GET" if kind in self.gotten else "POST"
            status, answer = self.api.ask(method, path, given)
            if status != 200:
                return f"{status} {answer.get('error_code')}"
            told.append(self.told[kind](self, answer))
            if len(told) > MOST_PAGES:
                return "no last page"
            token = answer.get("next_page_token")
            if not token:
                return "|".join(told)
            given = {**given, "page_token": token}


def filters() -> Iterator[str]:
    """Every key with every operator and a fitting value, and with every value."""
    yield from WHOLE
    for key, operator in itertools.product(KEYS, OPERATORS):
        yield f"{key} {operator} {_fitting(key, operator)}"
    for key, value in itertools.product(KEYS[:1] + KEYS[17:18] + KEYS[25:26], VALUES):
        yield f"{key} = {value}"
    for key, value in itertools.product(("status", "start_time", "dataset.name"), VALUES):
        yield f"{key} = {value}"
    texts = ("params.opt", "params.lr", "tags.team", "run_name", "dataset.name")
    for key, operator, value in itertools.product(texts, ("LIKE", "ILIKE"), PATTERNS):
        yield f"{key} {operator} {value}"
    for operator, value in itertools.product(("=", "!=", "<", ">="), VALUES[:8]):
        yield f"metrics.loss {operator} {value}"


def _fitting(key: str, operator: str) -> str:
    plain = key.lower()
    number = "etrics" in plain or "metric." in plain or "time" in plain or "created" in plain
    value = ("1010" if "loss" not in plain else "0.5") if number else "'red'"
    return f"({value})" if operator.lower().endswith("in") else value


def questions(home: Home) -> dict[str, Question]:
    """All questions by what tells them apart."""
    here: dict[str, Any] = {"experiment_ids": [home.experiment]}
    asked: dict[str, Question] = {}

    def runs(name: str, **given: Any) -> None:
        asked[name] = ("runs", "runs/search", {**here, **given})

    for text in filters():
        runs(text, filter=text)
    for order, way in itertools.product(ORDERS, ("", " ASC", " DESC")):
        if order not in ("run_id", "artifact_uri"):  # these differ everywhere
            runs(f"by {order}{way}", order_by=[order + way])
    for several in MORE_ORDERS:
        runs(f"by {several}", order_by=several)
    for size, by in itertools.product((1, 4, 13, 14, 15), ("metrics.loss", "params.opt DESC")):
        runs(f"by {by}, pages of {size}", order_by=[by], max_results=size)
    for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL"):
        runs(f"view {view}", run_view_type=view)
    for name, size in itertools.product("aijkn", (0, 1, 2, 100)):
        given: dict[str, Any] = {"run_id": home.runs[name], "metric_key": "loss"}
        paged = given if not size else {**given, "max_results": size}
        asked[f"history of {name}, {size}"] = ("history", "metrics/get-history", paged)
    bulk = "metrics/get-history-bulk-interval"
    two = [home.runs["i"], home.runs["j"]]
    several_runs: dict[str, Any] = {"run_ids": two, "metric_key": "loss"}
    spans: tuple[dict[str, Any], ...] = (
        {}, {"start_step": 3, "end_step": 5}, {"start_step": 5, "end_step": 3}, {"start_step": 1},
        {"start_step": 100, "end_step": 200},
    )  # fmt: skip
    for span, size in itertools.product(spans, (0, 1, 2, 3, 100, 2_501)):
        given = {**several_runs, **span, "max_results": size}
        asked[f"bulk {span} {size}"] = ("bulk", bulk, given)
    return asked


def found(url: str) -> Found:
    """What a server finds."""
    home = Home(Api(url))
    return {name: home.ask(question) for name, question in questions(home).items()}


if __name__ == "__main__":
    print(json.dumps(found(sys.argv[1]), indent=0, ensure_ascii=False))
