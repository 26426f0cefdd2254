"""What an MLflow store holds, in MLflow's words, whatever it lies in. Times are milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from epochal.domain.record import BlobRef
from epochal.journal.blobs import Blobs


class Point(NamedTuple):
    """One value of a metric."""

    t_ms: int
    step: int
    key: str
    value: float


class Experiment(msgspec.Struct):
    """An experiment; ``id`` is a number in most stores, and text in all."""

    id: str
    name: str
    deleted: bool = False
    tags: dict[str, str] = {}
    created_ms: int = 0


class Run(msgspec.Struct):
    """A run without its metrics and artifacts.

    ``inputs`` and ``outputs`` are entries as MLflow's REST gives them, in Epochal's order of
    labels: see docs/internals/foreign.md.
    """

    id: str
    experiment: Experiment
    name: str
    status: str
    start_ms: int
    end_ms: int | None
    deleted: bool
    user: str
    artifact_uri: str
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}


class LoggedModel(msgspec.Struct):
    """A model of MLflow 3."""

    id: str
    name: str
    run_id: str
    location: str
    type: str = ""
    created_ms: int = 0
    experiment_id: str = ""
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


class Version(msgspec.Struct):
    """A version of a registered model; ``location`` is where its files are."""

    model: str
    number: int
    source: str
    location: str
    run_id: str
    stage: str
    description: str
    created_ms: int
    tags: dict[str, str] = {}


class RegisteredModel(msgspec.Struct):
    """A name of the registry with its versions, oldest first."""

    name: str
    description: str
    tags: dict[str, str] = {}
    aliases: dict[str, int] = {}
    versions: list[Version] = []


class Artifact(msgspec.Struct):
    """A file of a run or a model; ``put`` stores its bytes."""

    path: str
    size: int
    modified_us: int
    put: Callable[[Blobs], BlobRef]


class Elsewhere(Exception):
    """Artifacts lie where an import does not look; the text says where and what to do."""


class Store(Protocol):
    """What a kind of store offers."""

    source: str
    problems: list[str]

    def experiments(self) -> list[Experiment]:
        """All experiments, deleted ones too."""
        ...

    def runs(self, experiment: Experiment) -> list[Run]:
        """All runs of an experiment, deleted ones too."""
        ...

    def points(self, run: Run) -> Iterator[Point]:
        """All values of all metrics, by time; equal times in a fixed order."""
        ...

    def state_of(self, run: Run) -> str:
        """Changes when the points of a run change; empty when that is not known."""
        ...

    def artifacts(self, uri: str, run_id: str) -> list[Artifact]:
        """What lies below an artifact URI.

        Raises:
            Elsewhere: it is not in this store.
        """
        ...

    def logged_models(self) -> list[LoggedModel]:
        """All models of MLflow 3."""
        ...

    def registry(self) -> list[RegisteredModel]:
        """All registered models."""
        ...

    def more(self) -> dict[str, int]:
        """What else there is that no run has a place for: name to how many."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...
