"""MLflow's file store: a folder of experiments, runs, and files for each metric, param and tag.

Format: ``mlflow.store.tracking.file_store``: ``<experiment>/meta.yaml``, and in each run's folder
``meta.yaml``, ``metrics/<key>`` (lines of time, value, step), ``params/<key>``, ``tags/<key>``.
Deleted experiments lie in ``.trash``, the registry in ``models``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from epochal.errors import InvalidInput
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
from epochal.imports.yaml import read_yaml

META: Final = "meta.yaml"
TRASH: Final = ".trash"
REGISTRY: Final = "models"
DELETED_VERSION: Final = "Deleted_Internal"
_STATUSES: Final = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}


class FileStore:
    """A folder such as ``mlruns``.

    Args:
        root: its real path.
        artifacts: another folder with artifacts.
    """

    def __init__(self, root: str, artifacts: str | None = None) -> None:
        self.source = root
        self.problems: list[str] = []
        self._root = Path(root)
        named = [artifacts] if artifacts else []
        self._places = Places([root, *named], kept=named)
        self._folders: dict[str, Path] = {}

    def experiments(self) -> list[Experiment]:
        """All experiments, by folder."""
        found = []
        for place in (self._root, self._root / TRASH):
            for folder in _folders(place):
                meta = self._meta(folder)
                if "experiment_id" not in meta or "name" not in meta:
                    continue
                id = str(meta["experiment_id"])
                self._folders[id] = folder
                deleted = meta.get("lifecycle_stage") == "deleted" or place != self._root
                created = _number(meta.get("creation_time")) or 0
                tags = _texts(folder / "tags")
                found.append(Experiment(id, str(meta["name"]), deleted, tags, created))
        return found

    def runs(self, experiment: Experiment) -> list[Run]:
        """All runs, by folder."""
        found = []
        for folder in _folders(self._folders[experiment.id]):
            meta = self._meta(folder) if (folder / META).is_file() else {}
            id = meta.get("run_id") or meta.get("run_uuid")
            if not id:
                continue
            run = Run(
                id=str(id),
                experiment=experiment,
                name=str(meta.get("run_name") or ""),
                status=_STATUSES.get(meta.get("status", 0), str(meta.get("status"))),
                start_ms=int(meta.get("start_time") or 0),
                end_ms=_number(meta.get("end_time")),
                deleted=meta.get("lifecycle_stage") == "deleted",
                user=str(meta.get("user_id") or ""),
                artifact_uri=str(meta.get("artifact_uri") or folder / "artifacts"),
                params=_texts(folder / "params"),
                tags=_texts(folder / "tags"),
                inputs=self._inputs(folder),
                outputs=self._outputs(folder),
            )
            self._folders[run.id] = folder
            found.append(run)
        return found

    def _inputs(self, folder: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for edge in _folders(folder / "inputs"):
            meta = self._meta(edge)
            if meta.get("source_type") == "DATASET":
                dataset = self._meta(folder.parent / "datasets" / str(meta.get("source_id")))
                keys = ("name", "digest", "source_type", "source", "schema", "profile")
                facts = {key: str(dataset[key]) for key in keys if dataset.get(key) is not None}
                tags = [{"key": k, "value": v} for k, v in (meta.get("tags") or {}).items()]
                name = f"dataset:{facts.get('name')}\n{facts.get('digest')}"
                found[name] = {"tags": tags, "dataset": facts}
            elif meta.get("source_type") == "MODEL_INPUT":
                model = str(meta.get("destination_id") or edge.name)
                found[f"model:{model}"] = {"model_id": model}
        return found

    def _outputs(self, folder: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for edge in _folders(folder / "outputs"):
            meta = self._meta(edge)
            model, step = str(meta.get("destination_id") or edge.name), meta.get("step") or 0
            found[f"{model}\n{step}"] = {"model_id": model, "step": step}
        return found

    def points(self, run: Run) -> Iterator[Point]:
        """All values, by time, then key, then as they were written."""
        metrics = self._folders[run.id] / "metrics"
        found: list[Point] = []
        for file in _files(metrics):
            key = file.relative_to(metrics).as_posix()
            with file.open(encoding="utf-8", errors="replace") as lines:
                for number, line in enumerate(lines, 1):
                    point = _point(key, line)
                    if point is not None:
                        found.append(point)
                    elif line.strip():
                        self.problems.append(f"{file} line {number} is no value of a metric")
        found.sort(key=lambda point: point.t_ms)
        return iter(found)

    def state_of(self, run: Run) -> str:
        """Sizes and times of the metrics' files."""
        metrics = self._folders[run.id] / "metrics"
        marks = []
        for file in _files(metrics):
            facts = file.stat()
            marks.append(f"{file}:{facts.st_size}:{facts.st_mtime_ns}")
        return ";".join(marks) or "-"

    def artifacts(self, uri: str, run_id: str) -> list[Artifact]:
        """Files below an artifact URI."""
        folder = self._folders.get(run_id)
        if folder is not None and os.path.basename(uri.rstrip("/")) == "artifacts":
            own = folder / "artifacts"
            if own.is_dir() and (run_id in uri or uri == str(own)):
                return list_folder(str(own))
        return list_folder(self._places.find(uri))

    def logged_models(self) -> list[LoggedModel]:
        """All logged models of all experiments."""
        found = []
        for experiment in self.experiments():
            for folder in _folders(self._folders[experiment.id] / REGISTRY):
                meta = self._meta(folder)
                if meta.get("model_id") and meta.get("lifecycle_stage") != "deleted":
                    location = str(meta.get("artifact_location") or folder / "artifacts")
                    model = LoggedModel(
                        id=str(meta["model_id"]),
                        name=str(meta.get("name") or meta["model_id"]),
                        run_id=str(meta.get("source_run_id") or ""),
                        location=location,
                        type=str(meta.get("model_type") or ""),
                        created_ms=int(meta.get("creation_timestamp") or 0),
                        experiment_id=experiment.id,
                        params=_texts(folder / "params"),
                        tags=_texts(folder / "tags"),
                    )
                    found.append(model)
        return found

    def registry(self) -> list[RegisteredModel]:
        """All registered models, by folder."""
        found = []
        for folder in _folders(self._root / REGISTRY):
            meta = self._meta(folder)
            if "name" not in meta:
                continue
            versions = []
            for inner in _folders(folder):
                if inner.name.startswith("version-"):
                    facts = self._meta(inner)
                    if facts.get("current_stage") != DELETED_VERSION and "version" in facts:
                        versions.append(_version(facts, inner))
            versions.sort(key=lambda version: version.number)
            aliases = {name: int(text) for name, text in _texts(folder / "aliases").items()}
            model = RegisteredModel(
                str(meta["name"]), str(meta.get("description") or ""),
                _texts(folder / "tags"), aliases, versions,
            )  # fmt: skip
            found.append(model)
        return found

    def more(self) -> dict[str, int]:
        """Traces."""
        traces = sum(len(_folders(one / "traces")) for one in _folders(self._root))
        return {"traces": traces}

    def close(self) -> None:
        """There is nothing to let go of."""

    def _meta(self, folder: Path) -> dict[str, Any]:
        path = folder / META
        if not path.is_file():
            return {}
        try:
            return read_yaml(path)
        except InvalidInput as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))
            return {}


def _version(facts: dict[str, Any], folder: Path) -> Version:
    return Version(
        model=str(facts.get("name") or folder.parent.name),
        number=int(facts["version"]),
        source=str(facts.get("source") or ""),
        location=str(facts.get("storage_location") or facts.get("source") or ""),
        run_id=str(facts.get("run_id") or ""),
        stage=str(facts.get("current_stage") or "None"),
        description=str(facts.get("description") or ""),
        created_ms=int(facts.get("creation_timestamp") or 0),
        tags=_texts(folder / "tags"),
    )


def _folders(place: Path) -> list[Path]:
    """The folders in a folder, by name; links are left out."""
    try:
        with os.scandir(place) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InvalidInput(f"{place} cannot be read: {error.strerror}") from None
    return [place / name for name in sorted(names) if name != TRASH]


def _files(place: Path) -> Iterator[Path]:
    for directory, names, files in os.walk(place):
        names.sort()
        for name in sorted(files):
            path = Path(directory, name)
            if not path.is_symlink():
                yield path


def _texts(place: Path) -> dict[str, str]:
    """Files as texts by their path below a folder; a key may have slashes."""
    return {
        path.relative_to(place).as_posix(): path.read_text("utf-8", "replace").removesuffix("\n")
        for path in _files(place)
    }


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


def _point(key: str, line: str) -> Point | None:
    """A line ``time value [step [dataset digest [model run]]]``."""
    parts = line.split()
    try:
        step = int(parts[2]) if len(parts) > 2 else 0
        return Point(int(parts[0]), step, key, float(parts[1]))
    except (ValueError, IndexError):
        return None
