"""From a run in MLflow's words to one in ours, as the server does it for MLflow's own client.

Params are config (texts), tags are labels, metrics are series; datasets and models are entries of
labels of the server, see docs/internals/foreign.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from epochal.domain import describing
from epochal.domain.artifact import MANIFEST_TYPE, Entry, Manifest, check_path, check_paths
from epochal.domain.names import MAX_NAME, MAX_TEXT
from epochal.domain.record import (
    ArtifactCommit,
    Attributes,
    BlobRef,
    Config,
    Environment,
    Fact,
    File,
    Labels,
)
from epochal.errors import InvalidInput
from epochal.imports.found import Content, Row, clamp_step
from epochal.imports.mlflow.nouns import (
    Artifact,
    Elsewhere,
    LoggedModel,
    Point,
    Run,
    Store,
    Version,
)
from epochal.imports.values import series_key
from epochal.journal.blobs import Blobs

STATES: Final = {
    "RUNNING": "running",
    "SCHEDULED": "running",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}
PARENT: Final = "mlflow.parentRunId"
_NOTE: Final = "mlflow.note.content"
_BAD: Final = str.maketrans(dict.fromkeys("/\\:@?#%", "-"))


def artifact_name(name: str) -> str:
    """A name that an artifact or a model may have here."""
    clean = "".join(c if c.isprintable() else "-" for c in name.translate(_BAD)).strip(" .")
    return clean[:128].strip() or "model"


def group_points(points: Iterator[Point]) -> Iterator[Row]:
    """Rows of the values that share a step and a time."""
    step = t_ms = 0
    values: dict[str, float | int | bool] = {}
    for point in points:
        key = series_key(point.key)
        if values and (point.step != step or point.t_ms != t_ms or key in values):
            yield Row(clamp_step(step), t_ms * 1000, values)
            values = {}
        step, t_ms = point.step, max(0, point.t_ms)
        values[key] = point.value
    if values:
        yield Row(clamp_step(step), t_ms * 1000, values)


class RunReader:
    """Reads one run of a store.

    Args:
        store: the store.
        blobs: of the home.
        project: where the run goes.
        uid_of: from the id of a run of this store to its uid here.
        models: logged models that it made.
        versions: of registered models that stand on it.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        project: str,
        uid_of: Callable[[str], str | None],
        models: list[LoggedModel],
        versions: list[Version],
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._project = project
        self._uid_of = uid_of
        self._models = models
        self._versions = versions
        self._below: dict[str, list[tuple[Artifact, BlobRef]]] = {}
        self._left: Counter[str] = Counter()
        self._problems: list[str] = []

    def read(self, run: Run) -> Content:
        """Everything of a run."""
        started = max(1, run.start_ms * 1000)
        ended = max(started, (run.end_ms or run.start_ms) * 1000)
        facts = self._facts(run, started)
        facts += self._files(run, ended)
        once: list[Fact] = []
        notes: dict[str, str] = {}
        commits: dict[str, ArtifactCommit] = {}
        for model in self._models:
            commit = self._commit(model, run)
            if commit is not None:
                commits[model.id] = commit
                once.append(commit)
        for version in self._versions:
            found = commits.get(_model_id(version)) or self._version(version, run)
            if found is None:
                continue
            if found not in once:
                once.append(found)
            notes[f"{version.model}/{version.number}"] = (
                f"{self._project}/{found.name}:{found.manifest.digest}"
            )
        return Content(
            started_us=started,
            ended_us=ended,
            state=STATES.get(run.status, "finished"),
            facts=facts,
            once=once,
            stream=lambda: group_points(self._store.points(run)),
            user=run.user,
            notes=notes,
            left=self._left,
            problems=self._problems,
        )

    def _facts(self, run: Run, started: int) -> list[Fact]:
        tags = dict(run.tags)
        parent = self._uid_of(tags[PARENT]) if PARENT in tags else None
        if parent is not None:
            tags[PARENT] = parent
        labels = {name: text for name, text in tags.items() if not name.startswith("$")}
        labels |= {"$client": "mlflow", "$user": run.user, "$status": run.status}
        for name, entries in (("$inputs", run.inputs), ("$outputs", run.outputs)):
            if entries:
                labels[name] = msgspec.json.encode(entries).decode()
        name = run.name or tags.get("mlflow.runName") or run.id[:8]
        labels["mlflow.runName"] = name
        attributes: dict[str, Any] = {"name": name[:MAX_NAME]}
        if notes := labels.pop(_NOTE, ""):
            attributes["notes"] = notes[:MAX_TEXT]
        facts: list[Fact] = [Attributes(started, attributes), Labels(started, labels)]
        if run.params:
            facts.append(Config(started, dict(run.params)))
        source = {"run_id": run.id, "experiment": run.experiment.name, "store": self._store.source}
        environment: dict[str, Any] = {"mlflow": source}
        if commit := tags.get("mlflow.source.git.commit"):
            environment["git"] = {"commit": commit, "branch": tags.get("mlflow.source.git.branch")}
        return [*facts, Environment(started, environment)]

    def _files(self, run: Run, ended: int) -> list[Fact]:
        facts: list[Fact] = []
        for artifact, blob in self._stored(run.artifact_uri, run.id, "artifacts"):
            wall = artifact.modified_us or ended
            facts.append(File(wall, artifact.path, blob, "now", wall))
        return facts

    def _stored(self, uri: str, run_id: str, what: str) -> list[tuple[Artifact, BlobRef]]:
        """The files below a URI whose paths can be used, stored; once for each URI."""
        if uri in self._below:
            return self._below[uri]
        try:
            found = self._store.artifacts(uri, run_id)
        except Elsewhere as error:
            self._left[str(error) if what == "artifacts" else f"{what}: {error}"] += 1
            return []
        stored = []
        for artifact in found:
            try:
                check_path(artifact.path)
                stored.append((artifact, artifact.put(self._blobs)))
            except InvalidInput as error:
                self._problems.append(f"artifact {artifact.path!r:.120} cannot be kept: {error}")
        self._below[uri] = stored
        return stored

    def _commit(self, model: LoggedModel, run: Run) -> ArtifactCommit | None:
        metadata: dict[str, Any] = {"mlflow": {"model_id": model.id, "tags": model.tags}}
        if model.params:
            metadata["params"] = model.params
        wall = model.created_ms * 1000 or run.start_ms * 1000
        return self._make_commit(
            wall, artifact_name(model.name), self._folder(model.location, run), metadata, ""
        )

    def _version(self, version: Version, run: Run) -> ArtifactCommit | None:
        metadata = {"mlflow": {"source": version.source}}
        wall = version.created_ms * 1000 or run.start_ms * 1000
        files = self._folder(version.location, run)
        name = artifact_name(version.model)
        return self._make_commit(wall, name, files, metadata, version.description)

    def _folder(self, location: str, run: Run) -> list[tuple[Artifact, BlobRef]]:
        """The files of a model; those of a run are asked for as its artifacts."""
        prefix = run.artifact_uri.rstrip("/") + "/"
        below = location[len(prefix) :] if location.startswith(prefix) else None
        if location.startswith(f"runs:/{run.id}/"):
            below = location[len(f"runs:/{run.id}/") :]
        if below is None:
            return self._stored(location, "", "models")
        below = below.strip("/")
        stored = self._stored(run.artifact_uri, run.id, "models")
        return [
            (msgspec.structs.replace(one, path=one.path[len(below) + 1 :]), blob)
            for one, blob in stored
            if one.path.startswith(below + "/")
        ]

    def _make_commit(
        self,
        wall_us: int,
        name: str,
        files: list[tuple[Artifact, BlobRef]],
        metadata: dict[str, Any],
        description: str,
    ) -> ArtifactCommit | None:
        if not files:
            self._left["models without files"] += 1
            return None
        entries = {one.path: Entry(digest=blob.digest, size=blob.size) for one, blob in files}
        try:
            check_paths(entries)
        except InvalidInput as error:
            self._problems.append(f"model {name!r} cannot be kept: {error}")
            return None
        manifest = Manifest(entries)
        blob = self._blobs.put(manifest.encode(), MANIFEST_TYPE, sync=False)
        return ArtifactCommit(
            wall_us, name, "model", blob, manifest.size, len(entries),
            metadata={**metadata, **self._described(entries)}, description=description,
        )  # fmt: skip

    def _described(self, entries: dict[str, Entry]) -> dict[str, Any]:
        """Format and signature, as the server tells them of a model that a client logs."""
        entry = entries.get(describing.FILE)
        if entry is None or entry.digest is None or (entry.size or 0) > describing.LONGEST:
            return {}
        return describing.describe(self._blobs.read(entry.digest))


def _model_id(version: Version) -> str:
    """The logged model that a version was made of, as its source tells."""
    source = version.source
    if source.startswith("models:/m-"):
        return source.removeprefix("models:/").partition("/")[0]
    parts = source.split("/")
    names = [part for part in parts if part.startswith("m-") and len(part) == 34]
    return names[-1] if names and source.rstrip("/").endswith("artifacts") else ""
