"""A running MLflow server, or anything that speaks its REST protocol, read page by page."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from epochal.domain.encode import type_of
from epochal.domain.record import BlobRef
from epochal.errors import EpochalError, Unavailable
from epochal.imports.mlflow.connection import Connection
from epochal.imports.mlflow.nouns import (
    Artifact,
    Elsewhere,
    Experiment,
    LoggedModel,
    Point,
    RegisteredModel,
    Run,
    Version,
)
from epochal.journal.blobs import Blobs

API: Final = "/api/2.0/mlflow"
_PAGE: Final = 25_000
_DEEPEST: Final = 32
_ENDED: Final = frozenset({"FINISHED", "FAILED", "KILLED"})
_LARGEST: Final = 1.7976931348623157e308


class ServerStore:
    """A server as a store.

    Args:
        url: its address.

    Raises:
        InvalidInput: the address cannot be one.
    """

    def __init__(self, url: str) -> None:
        self._connection = Connection(url)
        self.source = self._connection.shown
        self.problems: list[str] = []
        self._metrics: dict[str, list[dict[str, Any]]] = {}

    def experiments(self) -> list[Experiment]:
        """All experiments."""
        given = {"view_type": "ALL", "max_results": 1000}
        return [
            Experiment(
                str(one["experiment_id"]),
                one["name"],
                one.get("lifecycle_stage") == "deleted",
                _pairs(one.get("tags")),
                int(one.get("creation_time") or 0),
            )
            for one in self._pages("POST", "/experiments/search", given, "experiments")
        ]

    def runs(self, experiment: Experiment) -> list[Run]:
        """All runs of an experiment."""
        given = {
            "experiment_ids": [experiment.id], "run_view_type": "ALL", "max_results": 1000,
        }  # fmt: skip
        found = []
        for one in self._pages("POST", "/runs/search", given, "runs"):
            info, data = one["info"], one.get("data") or {}
            inputs = one.get("inputs") or {}
            outputs = (one.get("outputs") or {}).get("model_outputs") or []
            run = Run(
                id=info.get("run_id") or info["run_uuid"], experiment=experiment,
                name=info.get("run_name") or "", status=info.get("status") or "",
                start_ms=int(info.get("start_time") or 0),
                end_ms=int(info["end_time"]) if info.get("end_time") else None,
                deleted=info.get("lifecycle_stage") == "deleted",
                user=info.get("user_id") or "", artifact_uri=info.get("artifact_uri") or "",
                params=_pairs(data.get("params")), tags=_pairs(data.get("tags")),
                inputs={
                    f"dataset:{e['dataset']['name']}\n{e['dataset']['digest']}": e
                    for e in inputs.get("dataset_inputs") or []
                },
                outputs={f"{e['model_id']}\n{e.get('step', 0)}": e for e in outputs},
            )  # fmt: skip
            self._metrics[run.id] = data.get("metrics") or []
            found.append(run)
        return found

    def points(self, run: Run) -> Iterator[Point]:
        """All values, by time, then key."""
        found: list[Point] = []
        for metric in sorted(self._metrics[run.id], key=lambda one: str(one["key"])):
            given = {"run_id": run.id, "metric_key": metric["key"], "max_results": _PAGE}
            for one in self._pages("GET", "/metrics/get-history", given, "metrics"):
                value = float(one.get("value", 0.0))
                if abs(value) >= _LARGEST:
                    value = float("inf") if value > 0 else float("-inf")
                point = Point(
                    int(one.get("timestamp", 0)), int(one.get("step", 0)), metric["key"], value
                )
                found.append(point)
        found.sort(key=lambda point: point.t_ms)
        return iter(found)

    def state_of(self, run: Run) -> str:
        """The last values, when the run has ended; else nothing is known."""
        return json.dumps(self._metrics[run.id]) if run.status in _ENDED else ""

    def artifacts(self, uri: str, run_id: str) -> list[Artifact]:
        """Files below an artifact URI, as far as the server gives them."""
        root = urlsplit(uri)
        if root.scheme == "mlflow-artifacts":
            base = "/api/2.0/mlflow-artifacts/artifacts"
            names = _parts(root.path)
            return list(self._proxied(base, "/".join(names), "", 0))
        if not run_id or not uri.rstrip("/").endswith(f"{run_id}/artifacts"):
            raise Elsewhere(f"artifacts in {root.scheme or 'a folder'} of the server")
        return list(self._of_run(run_id, "", 0))

    def _proxied(self, base: str, root: str, below: str, depth: int) -> Iterator[Artifact]:
        place = "/".join(part for part in (root, below) if part)
        answer = self._connection.ask("GET", base, {"path": place})
        for one in answer.get("files") or []:
            name = str(one["path"]).rpartition("/")[2]
            path = f"{below}/{name}" if below else name
            if one.get("is_dir"):
                if depth < _DEEPEST:
                    yield from self._proxied(base, root, path, depth + 1)
                continue
            full = f"{base}/{quote(f'{root}/{path}')}"
            yield self._artifact(path, one, full)

    def _of_run(self, run_id: str, below: str, depth: int) -> Iterator[Artifact]:
        given = {"run_id": run_id} | ({"path": below} if below else {})
        for one in self._pages("GET", "/artifacts/list", given, "files"):
            path = str(one["path"])
            if one.get("is_dir"):
                if depth < _DEEPEST:
                    yield from self._of_run(run_id, path, depth + 1)
                continue
            query = urlencode({"run_id": run_id, "path": path}, quote_via=quote)
            yield self._artifact(path, one, f"/get-artifact?{query}")

    def _artifact(self, path: str, one: dict[str, Any], full: str) -> Artifact:
        type = type_of(os.path.splitext(path)[1])

        def put(blobs: Blobs) -> BlobRef:
            return self._connection.download(full, blobs, type)

        return Artifact(path, int(one.get("file_size") or 0), 0, put)

    def logged_models(self) -> list[LoggedModel]:
        """All logged models; none from servers that have none."""
        found = []
        for experiment in self.experiments():
            given = {"experiment_ids": [experiment.id], "max_results": 50}
            try:
                every = list(self._pages("POST", "/logged-models/search", given, "models"))
            except EpochalError as error:
                if isinstance(error, Unavailable) and "501" not in str(error):
                    raise
                return []
            for one in every:
                info, data = one["info"], one.get("data") or {}
                model = LoggedModel(
                    id=info["model_id"], name=info.get("name") or info["model_id"],
                    run_id=info.get("source_run_id") or "",
                    location=info.get("artifact_uri") or "", type=info.get("model_type") or "",
                    created_ms=int(info.get("creation_timestamp_ms") or 0),
                    experiment_id=experiment.id, params=_pairs(data.get("params")),
                    tags=_pairs(info.get("tags")),
                )  # fmt: skip
                found.append(model)
        return found

    def registry(self) -> list[RegisteredModel]:
        """All registered models; none from servers without a registry."""
        given = {"max_results": 1000}
        try:
            every = list(
                self._pages("GET", "/registered-models/search", given, "registered_models")
            )
        except EpochalError as error:
            if isinstance(error, Unavailable) and "501" not in str(error):
                raise
            return []
        return [self._registered(one) for one in every]

    def _registered(self, one: dict[str, Any]) -> RegisteredModel:
        name = one["name"]
        aliases = {a["alias"]: int(a["version"]) for a in one.get("aliases") or []}
        given = {"filter": f"name='{name}'", "max_results": 1000}
        versions = []
        for row in self._pages("GET", "/model-versions/search", given, "model_versions"):
            number = int(row["version"])
            given_version = {"name": name, "version": str(number)}
            place = self._connection.ask(
                "GET", f"{API}/model-versions/get-download-uri", given_version
            )
            version = Version(
                name, number, row.get("source") or "", place.get("artifact_uri") or "",
                row.get("run_id") or "", row.get("current_stage") or "None",
                row.get("description") or "", int(row.get("creation_timestamp") or 0),
                _pairs(row.get("tags")),
            )  # fmt: skip
            versions.append(version)
        versions.sort(key=lambda version: version.number)
        return RegisteredModel(
            name, one.get("description") or "", _pairs(one.get("tags")), aliases, versions
        )

    def more(self) -> dict[str, int]:
        """What a server has besides is not asked for."""
        return {}

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _pages(
        self, method: str, path: str, given: dict[str, Any], name: str
    ) -> Iterator[dict[str, Any]]:
        """The items of all pages."""
        token: str | None = None
        while True:
            more = {"page_token": token} if token else {}
            answer = self._connection.ask(method, API + path, given | more)
            yield from answer.get(name) or []
            following = answer.get("next_page_token")
            if not following or following == token:
                return
            token = following


def _pairs(given: object) -> dict[str, str]:
    """A list of keys and values as a mapping."""
    if not isinstance(given, list):
        return {}
    return {str(one["key"]): str(one.get("value", "")) for one in given}


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
