"""A logger of a test, and what it recorded."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epochal.client.exit import exits
from epochal.domain.record import ArtifactCommit, Config
from epochal.integrations.lightning import EpochalLogger
from tests.client.scripts import read_home

Make = Callable[..., EpochalLogger]


def checkpointing(family: str, **given: Any) -> Any:
    callbacks = importlib.import_module(f"{family}.callbacks")
    return callbacks.ModelCheckpoint(**{"monitor": "val/loss", **given})


def points(home: Path, key: str) -> list[tuple[int, Any]]:
    return [point for told in read_home(home) for point in told.points(key)]


def of_kind(home: Path, kind: type) -> list[Any]:
    return [fact for told in read_home(home) for fact in told.all(kind)]


def config(home: Path) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for fact in of_kind(home, Config):
        joined.update(fact.changes)
    return joined


def commits(home: Path) -> list[ArtifactCommit]:
    """The versions that the runs of this process have recorded."""
    for run in exits._runs:
        assert run.flush()  # type: ignore[attr-defined]
    return of_kind(home, ArtifactCommit)
