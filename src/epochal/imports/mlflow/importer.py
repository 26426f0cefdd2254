"""An MLflow store brought into a home: what can be carried, once, and what cannot, told."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import msgspec

from epochal.domain.names import DEFAULT_ENTITY, MAX_NAME, check_name, run_uid
from epochal.domain.tracked import Experiment as KeptAs
from epochal.domain.tracked import KeptExperiment
from epochal.errors import EpochalError, InvalidInput, NotFound, Unavailable
from epochal.imports.carrier import Progress, real_path
from epochal.imports.found import Content, FoundRun
from epochal.imports.mlflow.convert import RunReader
from epochal.imports.mlflow.database import DatabaseStore
from epochal.imports.mlflow.experiments import mark_key, to_tell
from epochal.imports.mlflow.filestore import META, TRASH, FileStore
from epochal.imports.mlflow.nouns import (
    Elsewhere,
    Experiment,
    LoggedModel,
    RegisteredModel,
    Run,
    Store,
    Version,
)
from epochal.imports.mlflow.server import ServerStore
from epochal.imports.source_importer import SourceImporter
from epochal.imports.sqlite import is_sqlite

Keep = Callable[[KeptExperiment], KeptAs]
"""Tells the home of an experiment, and gives what it is there now."""
_DATABASE: Final = "mlflow.db"


def open_store(place: str, artifacts: str | os.PathLike[str] | None = None) -> Store:
    """The store that a path or an address names.

    Args:
        place: a folder such as ``mlruns``, a SQLite file, ``file:`` or ``sqlite:///`` and a path,
            or the address of a server.
        artifacts: a folder with artifacts that lie outside of the store.

    Raises:
        NotFound: there is nothing.
        InvalidInput: it is no store.
    """
    if place.startswith(("http://", "https://")):
        return ServerStore(place)
    scheme, colon, rest = place.partition(":")
    if colon and scheme in ("file", "sqlite"):
        place = rest.removeprefix("//")
        place = place.removeprefix("/") if scheme == "sqlite" else unquote(place)
    elif colon and rest.startswith("//"):
        raise InvalidInput(
            f"stores in {scheme}: cannot be read; name a folder, a SQLite file, or the address "
            f"of a server that runs on this store"
        )
    path = real_path(place)
    more = real_path(artifacts) if artifacts is not None else None
    if more is not None and not os.path.isdir(more):
        raise NotFound(f"there is no folder {more}; --artifacts names one with artifacts")
    if os.path.isdir(path):
        return _in_folder(path, more)
    if os.path.exists(path):
        return DatabaseStore(path, more)
    raise NotFound(f"there is nothing at {path}; name a folder such as mlruns, or mlflow.db")


def _in_folder(path: str, artifacts: str | None) -> Store:
    """The store in a folder: of files, or the database that lies there."""
    if _is_file_store(path):
        return FileStore(path, artifacts)
    if is_sqlite(Path(path, _DATABASE)):
        return DatabaseStore(os.path.join(path, _DATABASE), artifacts)
    inner = os.path.join(path, "mlruns")
    if _is_file_store(inner):
        return FileStore(inner, artifacts)
    raise InvalidInput(
        f"{path} is no MLflow store: it has no folder with {META}, and no {_DATABASE}; "
        f"name the folder that MLflow calls mlruns"
    )


def _is_file_store(path: str) -> bool:
    try:
        with os.scandir(path) as entries:
            return any(
                entry.is_dir()
                and (entry.name == TRASH or os.path.isfile(os.path.join(entry.path, META)))
                for entry in entries
            )
    except OSError:
        return False


class Importer(SourceImporter):
    """One import of a store.

    Args:
        home: the home.
        place: see `open_store`.
        project: where all runs go; by default each experiment is a project.
        artifacts: a folder with artifacts that lie outside of the store.

    Attributes:
        registry: the registered models of the store.

    Raises:
        EpochalError: there is no store, or another process imports it.
    """

    def __init__(
        self,
        home: Path,
        place: str,
        project: str | None = None,
        artifacts: str | os.PathLike[str] | None = None,
    ) -> None:
        self._store: Store = open_store(place, artifacts)
        self._project = check_name(project, "project name") if project else None
        super().__init__(home, f"mlflow:{self._store.source}:{project or ''}")
        self._closing.callback(self._store.close)
        self._models: dict[str, list[LoggedModel]] = defaultdict(list)
        self._versions: dict[str, list[Version]] = defaultdict(list)
        self._runs: dict[str, tuple[Run, str]] = {}
        self.registry: list[RegisteredModel] = []
        self._experiments: list[tuple[Experiment, str, bool]] = []

    @property
    def source(self) -> str:
        """Where the store is."""
        return self._store.source

    def carry(self, progress: Progress | None = None) -> None:
        """Bring in all runs with what belongs to them; again, only what is new.

        Raises:
            EpochalError: the store cannot be read, or there is no room; again goes on.
        """
        self._look()
        self.carrier.carry_all(self._found(), len(self._runs), progress)
        self._tell_left()

    def keep_experiments(self, keep: Keep) -> None:
        """Tell of the names, tags and deletions of experiments that are new or changed.

        Args:
            keep: tells the home of one.

        Raises:
            Unavailable: the home cannot be told now; again goes on.
        """
        for experiment, project, has_runs in self._experiments:
            before = self.carrier.mark(mark_key(experiment))
            found = to_tell(experiment, project, has_runs=has_runs, before=before)
            if found is None:
                continue
            told, mark = found
            try:
                here = keep(told)
            except Unavailable:
                raise
            except EpochalError as error:
                self.outcome.problems.append(f"experiment {experiment.name!r:.120}: {error}")
                continue
            if told.deleted and not here.deleted:
                what = f"that experiment {experiment.name!r:.120} is deleted: it has runs here"
                self.outcome.left[what] += 1
                continue
            self.carrier.remember(mark)
            self.outcome.counts["experiments"] += 1

    def artifacts_of_versions(self) -> dict[str, str]:
        """From ``model/number`` to the artifact version here: ``project/name:digest``."""
        return self.carrier.notes()

    def _look(self) -> None:
        """Read everything but the contents of runs."""
        self.registry = self._store.registry()
        for model in self._store.logged_models():
            self._models[model.run_id].append(model)
        of_models = {model.id: model.run_id for every in self._models.values() for model in every}
        for registered in self.registry:
            for version in registered.versions:
                known = version.source.removeprefix("models:/").partition("/")[0]
                owner = version.run_id or of_models.get(known, "")
                self._versions[owner].append(version)
        taken: Counter[str] = Counter()
        for experiment in self._store.experiments():
            runs = self._store.runs(experiment)
            project = self._project or _project_of(experiment, taken)
            if self._project is None:
                self._experiments.append((experiment, project, bool(runs)))
            elif experiment.tags:
                self.outcome.left[f"tags of experiments, as all runs go to {project!r}"] += 1
            for run in runs:
                run.deleted = run.deleted or experiment.deleted
                self._runs[run.id] = (run, project)

    def _found(self) -> Iterator[FoundRun]:
        for run, project in self._runs.values():
            yield FoundRun(
                key=run.id,
                project=project,
                run_id=run.id,
                name=run.name or run.id,
                fingerprint=self._fingerprint(run),
                read=_Reading(self, run, project).read,
                archived=run.deleted,
            )

    def _fingerprint(self, run: Run) -> str:
        state = self._store.state_of(run)
        if not state:
            return ""
        hashing = hashlib.blake2b(state.encode("utf-8", "surrogatepass"), digest_size=16)
        models, versions = self._models[run.id], self._versions[run.id]
        named = msgspec.structs.replace(run, experiment=Experiment("", run.experiment.name))
        hashing.update(msgspec.msgpack.encode([named, models, versions]))
        try:
            for artifact in self._store.artifacts(run.artifact_uri, run.id):
                text = f"{artifact.path}:{artifact.size}:{artifact.modified_us}"
                hashing.update(text.encode("utf-8", "surrogatepass"))
        except Elsewhere as error:
            hashing.update(str(error).encode("utf-8", "surrogatepass"))
        except EpochalError:
            return ""
        return hashing.hexdigest()

    def reader(self, run: Run, project: str) -> RunReader:
        """Reads one run."""
        return RunReader(
            self._store, self.carrier.blobs, project, self._uid_of,
            self._models[run.id], self._versions[run.id],
        )  # fmt: skip

    def _uid_of(self, run_id: str) -> str | None:
        if run_id not in self._runs:
            return None
        return run_uid(DEFAULT_ENTITY, self._runs[run_id][1], run_id)

    def _tell_left(self) -> None:
        outcome = self.outcome
        for what, count in self._store.more().items():
            if count:
                outcome.left[what] += count
        outcome.problems += self._store.problems


class _Reading:
    """A run to read later."""

    def __init__(self, importer: Importer, run: Run, project: str) -> None:
        self._importer = importer
        self._run = run
        self._project = project

    def read(self) -> Content:
        return self._importer.reader(self._run, self._project).read(self._run)


def _project_of(experiment: Experiment, taken: Counter[str]) -> str:
    """The project of an experiment: its name, with its id where another one has the name."""
    clean = "".join(c if c.isprintable() else " " for c in experiment.name).strip()
    name = clean[:MAX_NAME].strip() or f"experiment {experiment.id}"
    if name in (".", ".."):
        name = f"experiment {experiment.id}"
    taken[name] += 1
    if taken[name] > 1:
        name = f"{name[: MAX_NAME - 24]} ({experiment.id})"
    return name
