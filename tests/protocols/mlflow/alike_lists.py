"""Searches of experiments, models and versions, the same for every server of MLflow's protocol.

``python -m tests.protocols.mlflow.alike_lists URL`` makes what they are about there, asks and
prints what was found as JSON, as `alike` does for runs. `alike_lists.json` is what
``mlflow server`` 3.18.0 found, on SQLite.
"""

from __future__ import annotations

import base64
import itertools
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any, ClassVar

from tests.protocols.mlflow.alike import OPERATORS, VALUES, Found, Home, Question
from tests.protocols.mlflow.api import Api

EXPERIMENTS: dict[str, dict[str, str]] = {
    "a": {"team": "red", "a.b": "1", "x y": "1"}, "b": {"team": "Red"}, "c": {"team": ""},
    "d": {}, "e": {"team": "red"}, "é": {"team": "blue"},
}  # fmt: skip
"""Tags of each; ``e`` is deleted, ``b`` is called ``B`` later."""
REGISTERED: dict[str, dict[str, str]] = {
    "a": {"team": "red", "a.b": "1", "x y": "1"}, "b": {"team": "Red"}, "c": {"team": ""}, "d": {},
    "A": {"team": "blue"},
}  # fmt: skip
VERSIONS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("a", "a", {"team": "red", "a.b": "1"}), ("a", "b", {"team": "Red"}), ("b", "a", {}),
    ("a", "a", {"team": ""}), ("c", "b", {"team": "blue"}), ("a", "c", {"x y": "1"}),
)  # fmt: skip
"""Model, run and tags of each, in the order of making; the last one is deleted."""
LOGGED: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("a", "t0", "a", {"team": "red", "a.b": "1"}), ("b", "t1", "", {"team": "Red"}),
    ("c", "t0", "b", {"team": ""}), ("d", "", "", {"x y": "1"}), ("a", "t1", "", {}),
)  # fmt: skip
"""Name, type, run and tags of each."""

NAMES = ("name", "`name`", '"name"', "attribute.name", "attributes.name", "attr.name", "Name")
TAGS = (
    "tags.team", "tag.team", "tags.`team`", 'tags."team"', "tags.'team'", "tags.a.b",
    "tags.`a.b`", "tags.`x y`", "tags.none", "Tags.team", "team",
)  # fmt: skip
KEYS: dict[str, tuple[str, ...]] = {
    "experiments": (
        *NAMES, *TAGS, "experiment_id", "creation_time", "attributes.creation_time",
        "last_update_time", "lifecycle_stage", "artifact_location", "metrics.x", "params.x",
    ),
    "registered": (
        *NAMES, *TAGS, "timestamp", "creation_timestamp", "last_updated_timestamp", "description",
        "version", "metrics.x", "params.x",
    ),
    "versions": (
        *NAMES, *TAGS, "run_id", "attributes.run_id", "source_path", "version_number", "version",
        "creation_timestamp", "last_updated_timestamp", "current_stage", "status", "aliases",
        "metrics.x", "params.x",
    ),
    "logged": (
        *NAMES, *TAGS, "model_id", "model_type", "attributes.model_type", "status",
        "source_run_id", "experiment_id", "creation_time", "creation_timestamp",
        "creation_timestamp_ms", "last_updated_timestamp", "last_updated_timestamp_ms",
        "artifact_uri", "metrics.score", "metrics.`score`", "metrics.none", "params.lr",
        "params.`lr`", "params.none",
    ),
}  # fmt: skip
PLACES = {
    "experiments": "experiments/search", "registered": "registered-models/search",
    "versions": "model-versions/search", "logged": "logged-models/search",
}  # fmt: skip
WHOLE = (
    "", " ", "tags.team = 'red' AND name LIKE 'a%'", "tags.team = 'red' OR name LIKE 'a%'",
    "NOT tags.team = 'red'", "(tags.team = 'red')", "tags.team = 'red' AND", "tags.team",
    "= 'red'", "'red' = tags.team", "tags.team = 'red' AND tags.team = 'Red'", "tags.team IS NULL",
    "tags.team IS NOT NULL", "tags.none is null", "name IS NULL", "name IS NOT NULL",
    "tags.team = 'red' -- x", "tags.team = 'red';", "tags.team='red'", 'tags.team = "red"',
    "tags.team = 'red'\tand\ttags.`a.b`\n=\n'1'", "tags.team = 'red' And name LIKE 'a%'",
    "tags.`mlflow.prompt.is_prompt` != 'true'", "tags.`mlflow.prompt.is_prompt` = 'true'",
)  # fmt: skip
ORDERS: dict[str, tuple[list[str], ...]] = {
    "experiments": (
        ["name"], ["creation_time"], ["last_update_time"], ["attribute.name"], ["tags.team"],
        ["lifecycle_stage"], ["`name`"], ["name", "creation_time DESC"], ["name", "name DESC"],
    ),
    "registered": (
        ["name"], ["attribute.name"], ["timestamp"], ["last_updated_timestamp"], ["tags.team"],
        ["creation_timestamp"], ["`name`"], ["timestamp", "name"], ["name", "name DESC"],
    ),
    "versions": (
        ["name"], ["version_number"], ["creation_timestamp"], ["last_updated_timestamp"],
        ["tags.team"], ["run_id"], ["attributes.name"], ["name", "version_number DESC"],
        ["version_number", "name DESC"], ["name", "name DESC"], ["version"],
    ),
}  # fmt: skip
WAYS = ("", " ASC", " DESC", " desc", "  DESC ", " UP", " DESC,")
LOGGED_ORDERS = (
    "name", "model_type", "metrics.score", "metrics.none", "creation_time", "creation_timestamp",
    "params.lr", "color", "status", "tags.team", "",
    "last_updated_timestamp", "attributes.name", "`name`", "metrics.`score`", "NAME",
)  # fmt: skip
TOKENS = (
    "x", "!!", "0", base64.b64encode(b"{}").decode(), base64.b64encode(b"[]").decode(),
    base64.b64encode(b'{"offset": -1}').decode(), base64.b64encode(b"\xff").decode(),
    base64.b64encode(b'{"offset": "x"}').decode(),
)  # fmt: skip
SIZES = (-1, 0, 1, 2, 1_000, 1_001, 50_000, 50_001, 200_000, 200_001, "2", "x", 1.5, None)


def _named(home: Lists, name: str) -> str:
    """The letter of a name that was made here; nothing of others."""
    letter, _, tail = name.partition("-")
    return letter if tail == home.tail else ""


def _experiments(home: Lists, answer: dict[str, Any]) -> str:
    return "".join(_named(home, one["name"]) for one in answer.get("experiments", []))


def _registered(home: Lists, answer: dict[str, Any]) -> str:
    return "".join(_named(home, one["name"]) for one in answer.get("registered_models", []))


def _versions(home: Lists, answer: dict[str, Any]) -> str:
    found = (
        (_named(home, one["name"]), one["version"]) for one in answer.get("model_versions", [])
    )
    return " ".join(f"{name}{number}" for name, number in found if name)


def _logged(home: Lists, answer: dict[str, Any]) -> str:
    ids = {id: str(at) for at, id in enumerate(home.logged)}
    return "".join(ids[one["info"]["model_id"]] for one in answer.get("models", []))


class Lists(Home):
    """What was made on a server, experiments and models too.

    Args:
        api: of the server.
    """

    told: ClassVar = {
        "experiments": _experiments, "registered": _registered, "versions": _versions,
        "logged": _logged,
    }  # fmt: skip
    gotten: ClassVar = frozenset({"registered", "versions"})

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        made = [self._experiment(name, tags) for name, tags in EXPERIMENTS.items()]
        api.make("experiments/delete", {"experiment_id": made[list(EXPERIMENTS).index("e")]})
        self._apart()
        renamed = {"experiment_id": made[1], "new_name": f"B-{self.tail}"}
        api.make("experiments/update", renamed)
        for name, tags in REGISTERED.items():
            self._apart()
            given = {"name": f"{name}-{self.tail}", "tags": _pairs(tags), "description": name}
            api.make("registered-models/create", given)
        for model, run, tags in VERSIONS:
            self._version(model, run, tags)
        gone = {"name": f"a-{self.tail}", "version": "4"}
        status, answer = api.ask("DELETE", "model-versions/delete", gone)
        assert status == 200, answer
        self.logged = [self._model(*facts) for facts in LOGGED]
        self._measure()

    def _apart(self) -> None:
        """Let a millisecond pass: what is made in the same one has no order."""
        before = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 <= before + 1:
            time.sleep(0.0005)

    def _experiment(self, name: str, tags: dict[str, str]) -> str:
        self._apart()
        given = {"name": f"{name}-{self.tail}", "tags": _pairs(tags)}
        return str(self.api.make("experiments/create", given)["experiment_id"])

    def _version(self, model: str, run: str, tags: dict[str, str]) -> None:
        self._apart()
        uid = self.runs[run]
        self._put(f"{self.experiment}/{uid}/artifacts/{model}/data.txt", f"{model} of {run}")
        given = {
            "name": f"{model}-{self.tail}", "source": f"runs:/{uid}/{model}", "run_id": uid,
            "tags": _pairs(tags),
        }  # fmt: skip
        self.api.make("model-versions/create", given)

    def _put(self, path: str, text: str) -> None:
        base = self.api.base.replace("/mlflow/", "/mlflow-artifacts/artifacts/")
        request = urllib.request.Request(base + path, text.encode(), method="PUT")
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()

    def _model(self, name: str, kind: str, run: str, tags: dict[str, str]) -> str:
        self._apart()
        given = {
            "experiment_id": self.experiment, "name": name, "model_type": kind,
            "source_run_id": self.runs[run] if run else "", "tags": _pairs(tags),
            "params": [{"key": "lr", "value": "0.1"}] if name in "ab" else [],
        }  # fmt: skip
        return str(self.api.make("logged-models", given)["model"]["info"]["model_id"])

    def _measure(self) -> None:
        """Metrics of the first three, on two datasets; the second is ready, the third failed."""
        facts = ((0, 1.0, "mnist", "d1"), (1, 2.0, "mnist", "d2"), (1, 0.5, "cifar", "d1"),
                 (2, "NaN", "mnist", "d1"))  # fmt: skip
        for at, (which, value, dataset, digest) in enumerate(facts):
            self.api.make("runs/log-metric", {
                "run_id": self.runs["m"], "key": "score", "value": value, "timestamp": 1,
                "step": at, "model_id": self.logged[which], "dataset_name": dataset,
                "dataset_digest": digest,
            })  # fmt: skip
        for which, word in ((1, "READY"), (2, "UPLOAD_FAILED")):
            self._apart()
            given = {"status": f"LOGGED_MODEL_{word}", "model_id": self.logged[which]}
            status, answer = self.api.ask("PATCH", f"logged-models/{self.logged[which]}", given)
            assert status == 200, answer


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _filters(kind: str) -> Iterator[str]:
    """Every key with every operator and a fitting value, and some with every value."""
    yield from WHOLE
    for key, operator in itertools.product(KEYS[kind], OPERATORS):
        yield f"{key} {operator} {_fitting(key, operator)}"
    number = next(key for key in KEYS[kind] if "time" in key or "number" in key)
    for key, value in itertools.product(("name", "tags.team", number), VALUES):
        yield f"{key} = {value}"
    for key, operator, value in itertools.product(
        ("name", "tags.team"), ("LIKE", "ILIKE"), ("'%'", "'%A%'", "'_%'", "'red'", "'É%'", "''")
    ):
        yield f"{key} {operator} {value}"


def _fitting(key: str, operator: str) -> str:
    is_number = any(word in key for word in ("time", "version", "metrics"))
    value = "1" if is_number else "'red'"
    return f"({value})" if operator.lower().endswith("in") else value


def questions(home: Lists) -> dict[str, Question]:
    """All questions by what tells them apart."""
    asked: dict[str, Question] = {}
    for kind, place in PLACES.items():
        for name, given in _of(kind, home):
            asked[f"{kind}: {name}"] = (kind, place, given)
    return asked


def _of(kind: str, home: Lists) -> Iterator[tuple[str, dict[str, Any]]]:
    like = f"name LIKE '%-{home.tail}'"
    here: dict[str, Any] = {"max_results": 1_000}
    if kind == "logged":
        like, here = "", {"experiment_ids": [home.experiment]}
    for text in _filters(kind):
        yield text, {**here, "filter": text if not like or not text else f"{like} AND {text}"}
    for text in WHOLE if like else ():
        yield f"{text} alone", {**here, "filter": text}
    here |= {"filter": like}
    for several, way in itertools.product(ORDERS.get(kind, ()), WAYS):
        order = [several[0] + way, *several[1:]]
        yield f"by {order}", {**here, "order_by": order}
        yield f"by {order}, pages of 2", {**here, "order_by": order, "max_results": 2}
    for token in TOKENS:
        yield f"token {token}", {**here, "page_token": token}
    for size in SIZES:
        yield f"size {size}", {**here, "max_results": size}
    if kind == "experiments":
        for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL", "x", "", 1, 2, 3):
            yield f"view {view}", {**here, "view_type": view}
    if kind == "logged":
        yield from _of_logged(home)


def _of_logged(home: Lists) -> Iterator[tuple[str, dict[str, Any]]]:
    here: dict[str, Any] = {"experiment_ids": [home.experiment]}
    for text in ("= 'READY'", "= 'PENDING'", "= 'FAILED'", "!= 'READY'", "IN ('READY', 'FAILED')",
                 "NOT IN ('READY')", "= 'UPLOAD_FAILED'", "= 'ready'"):  # fmt: skip
        yield f"status {text}", {**here, "filter": f"status {text}"}
    for field, up in itertools.product(LOGGED_ORDERS, (True, False)):
        order = [{"field_name": field, "ascending": up}]
        yield f"by {field} {up}", {**here, "order_by": order}
        yield f"by {field} {up}, pages of 2", {**here, "order_by": order, "max_results": 2}
    on: tuple[list[dict[str, str]], ...] = (
        [{"dataset_name": "mnist"}], [{"dataset_name": "mnist", "dataset_digest": "d1"}],
        [{"dataset_name": "none"}], [{"dataset_name": "cifar"}, {"dataset_name": "mnist"}],
        [{"dataset_digest": "d1"}], [],
    )  # fmt: skip
    for datasets, text in itertools.product(on, ("", "metrics.score > 0", "name = 'b'")):
        yield f"on {datasets}, {text}", {**here, "datasets": datasets, "filter": text}
    for datasets, up in itertools.product(on[:5], (True, False)):
        order = [{"field_name": "metrics.score", "ascending": up, **datasets[0]}]
        yield f"by score {up} on {datasets}", {**here, "order_by": order}
    for ids in ([], ["0"], [home.experiment, home.experiment], ["x"], ["123456"]):
        shown = ["$here" if one == home.experiment else one for one in ids]
        yield f"in {shown}", {"experiment_ids": ids}


def found(url: str) -> Found:
    """What a server finds."""
    home = Lists(Api(url))
    return {name: home.ask(question) for name, question in questions(home).items()}


if __name__ == "__main__":
    print(json.dumps(found(sys.argv[1]), indent=0, ensure_ascii=False))
