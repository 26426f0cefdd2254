"""MLflow's SQLite store, as ``mlflow server`` and ``sqlite:///mlflow.db`` write it.

Tables: ``mlflow.store.tracking.dbmodels`` and ``mlflow.store.model_registry.dbmodels``; those that
came with later versions may be missing.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from epochal.imports.mlflow.filestore import DELETED_VERSION
from epochal.imports.mlflow.nouns import (
    Artifact,
    Experiment,
    LoggedModel,
    Point,
    RegisteredModel,
    Run,
    Version,
)
from epochal.imports.mlflow.places import Places, list_folder
from epochal.imports.sqlite import Source

WHAT: Final = "the database of an MLflow store, such as mlflow.db"
LARGEST: Final = 1.7976931348623157e308
"""Stands for infinity in MLflow's tables."""
_RUNS: Final = "SELECT * FROM runs WHERE experiment_id = ? ORDER BY start_time, run_uuid"
_POINTS: Final = (
    "SELECT timestamp, step, key, value, is_nan FROM metrics WHERE run_uuid = ? "
    "ORDER BY timestamp, rowid"
)


class DatabaseStore:
    """A SQLite file.

    Args:
        path: its real path.
        artifacts: another folder with artifacts; those below the database's folder are found.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is no database of MLflow.
    """

    def __init__(self, path: str, artifacts: str | None = None) -> None:
        self.source = path
        self.problems: list[str] = []
        self._db = Source(Path(path), WHAT)
        self._db.need("experiments", "experiment_id", "name", "lifecycle_stage")
        self._db.need("runs", "run_uuid", "experiment_id", "status", "artifact_uri")
        self._db.need("metrics", "run_uuid", "key", "value", "timestamp")
        beside = os.path.dirname(path)
        roots = [beside, os.path.join(beside, "mlruns"), os.path.join(beside, "mlartifacts")]
        named = [artifacts] if artifacts else []
        self._places = Places([*named, *roots], kept=[*named, roots[-1]])
        self._params = self._texts("params", "run_uuid", "key", "value")
        self._tags = self._texts("tags", "run_uuid", "key", "value")
        self._counts: dict[str, str] = {}

    def experiments(self) -> list[Experiment]:
        """All experiments, by id."""
        tags = self._texts("experiment_tags", "experiment_id", "key", "value")
        has_time = self._db.has("experiments", "creation_time")
        return [
            Experiment(
                str(row["experiment_id"]),
                row["name"],
                row["lifecycle_stage"] == "deleted",
                tags[str(row["experiment_id"])],
                (has_time and row["creation_time"]) or 0,
            )
            for row in self._db.rows("SELECT * FROM experiments ORDER BY experiment_id")
        ]

    def runs(self, experiment: Experiment) -> list[Run]:
        """All runs, oldest first."""
        found = []
        for row in self._db.rows(_RUNS, int(experiment.id)):
            id = row["run_uuid"]
            run = Run(
                id=id, experiment=experiment, name=row["name"] or "", status=row["status"] or "",
                start_ms=row["start_time"] or 0, end_ms=row["end_time"],
                deleted=row["lifecycle_stage"] == "deleted", user=row["user_id"] or "",
                artifact_uri=row["artifact_uri"] or "", params=self._params[id],
                tags=self._tags[id], inputs=self._inputs[id], outputs=self._outputs[id],
            )  # fmt: skip
            found.append(run)
        return found

    def points(self, run: Run) -> Iterator[Point]:
        """All values, by time, then as they were written."""
        for row in self._db.rows(_POINTS, run.id):
            value = float("nan") if row["is_nan"] else float(row["value"])
            if abs(value) >= LARGEST:
                value = float("inf") if value > 0 else float("-inf")
            yield Point(row["timestamp"] or 0, row["step"] or 0, row["key"], value)

    def state_of(self, run: Run) -> str:
        """How many values there are, and the newest of them."""
        if not self._counts:
            query = "SELECT run_uuid, count(*), max(timestamp), max(rowid) FROM metrics GROUP BY 1"
            self._counts = {row[0]: f"{row[1]}:{row[2]}:{row[3]}" for row in self._db.rows(query)}
        return self._counts.get(run.id, "-")

    def artifacts(self, uri: str, run_id: str) -> list[Artifact]:
        """Files below an artifact URI."""
        del run_id
        return list_folder(self._places.find(uri))

    def logged_models(self) -> list[LoggedModel]:
        """All logged models that are not deleted."""
        if not self._db.has("logged_models", "model_id", "source_run_id", "artifact_location"):
            return []
        tags = self._texts("logged_model_tags", "model_id", "tag_key", "tag_value")
        params = self._texts("logged_model_params", "model_id", "param_key", "param_value")
        query = "SELECT * FROM logged_models ORDER BY creation_timestamp_ms, model_id"
        return [
            LoggedModel(
                id=row["model_id"], name=row["name"], run_id=row["source_run_id"] or "",
                location=row["artifact_location"], type=row["model_type"] or "",
                created_ms=row["creation_timestamp_ms"], experiment_id=str(row["experiment_id"]),
                params=params[row["model_id"]], tags=tags[row["model_id"]],
            )
            for row in self._db.rows(query)
            if row["lifecycle_stage"] != "deleted"
        ]  # fmt: skip

    def registry(self) -> list[RegisteredModel]:
        """All registered models, oldest first."""
        if not self._db.has("registered_models", "name"):
            return []
        tags = self._texts("registered_model_tags", "name", "key", "value")
        aliases: dict[str, dict[str, int]] = defaultdict(dict)
        if self._db.has("registered_model_aliases", "name", "alias", "version"):
            for row in self._db.rows("SELECT name, alias, version FROM registered_model_aliases"):
                aliases[row["name"]][row["alias"]] = int(row["version"])
        versions = self._versions()
        query = "SELECT name, description FROM registered_models ORDER BY creation_time, name"
        return [
            RegisteredModel(
                row["name"],
                row["description"] or "",
                tags[row["name"]],
                aliases[row["name"]],
                versions[row["name"]],
            )
            for row in self._db.rows(query)
        ]

    def _versions(self) -> dict[str, list[Version]]:
        tags: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
        if self._db.has("model_version_tags", "name", "version", "key", "value"):
            query = "SELECT name, version, key, value FROM model_version_tags"
            for row in self._db.rows(query):
                tags[row["name"], row["version"]][row["key"]] = row["value"] or ""
        has_location = self._db.has("model_versions", "storage_location")
        found: dict[str, list[Version]] = defaultdict(list)
        for row in self._db.rows("SELECT * FROM model_versions ORDER BY name, version"):
            if row["current_stage"] == DELETED_VERSION:
                continue
            location = (row["storage_location"] if has_location else None) or row["source"] or ""
            version = Version(
                row["name"], row["version"], row["source"] or "", location, row["run_id"] or "",
                row["current_stage"] or "None", row["description"] or "",
                row["creation_time"] or 0, tags[row["name"], row["version"]],
            )  # fmt: skip
            found[row["name"]].append(version)
        return found

    def more(self) -> dict[str, int]:
        """Traces, evaluation sets and so on."""
        return {
            "traces": self._db.count("trace_info"),
            "evaluation datasets": self._db.count("evaluation_datasets"),
            "webhooks": self._db.count("webhooks"),
        }

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _texts(self, table: str, owner: str, key: str, value: str) -> dict[str, dict[str, str]]:
        """Keys and values by what they belong to; empty without the table."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        if self._db.has(table, owner, key, value):
            for row in self._db.rows(f"SELECT {owner}, {key}, {value} FROM {table}"):  # noqa: S608
                found[str(row[0])][row[1]] = row[2] if row[2] is not None else ""
        return found

    @cached_property
    def _inputs(self) -> dict[str, dict[str, Any]]:
        """Datasets and models that runs read, by run."""
        found: dict[str, dict[str, Any]] = defaultdict(dict)
        if not self._db.has("inputs", "source_id", "destination_id", "source_type"):
            return found
        tags = self._texts("input_tags", "input_uuid", "name", "value")
        query = (
            "SELECT * FROM inputs JOIN datasets ON source_id = dataset_uuid "
            "WHERE source_type = 'DATASET' AND destination_type = 'RUN'"
        )
        for row in self._db.rows(query):
            facts = {
                "name": row["name"], "digest": row["digest"],
                "source_type": row["dataset_source_type"], "source": row["dataset_source"],
                "schema": row["dataset_schema"], "profile": row["dataset_profile"],
            }  # fmt: skip
            facts = {key: value for key, value in facts.items() if value is not None}
            marks = [{"key": k, "value": v} for k, v in tags[str(row["input_uuid"])].items()]
            name = f"dataset:{row['name']}\n{row['digest']}"
            found[row["destination_id"]][name] = {"tags": marks, "dataset": facts}
        query = "SELECT * FROM inputs WHERE destination_type = 'MODEL_INPUT'"
        for row in self._db.rows(query):
            model = row["destination_id"]
            found[row["source_id"]][f"model:{model}"] = {"model_id": model}
        return found

    @cached_property
    def _outputs(self) -> dict[str, dict[str, Any]]:
        """Models that runs made, by run."""
        found: dict[str, dict[str, Any]] = defaultdict(dict)
        if not self._db.has("inputs", "source_id", "destination_id", "step"):
            return found
        query = "SELECT * FROM inputs WHERE destination_type = 'MODEL_OUTPUT'"
        for row in self._db.rows(query):
            model, step = row["destination_id"], row["step"] or 0
            found[row["source_id"]][f"{model}\n{step}"] = {"model_id": model, "step": step}
        return found
