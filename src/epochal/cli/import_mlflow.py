"""``epochal import mlflow``: experiments, runs and the registry of an MLflow store.

Runs come in as journals. What lives in the index alone is then told to the home, or to the server
that runs on it: which runs are archived, names, tags and deletions of experiments, the registry.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Final, cast

import typer

from epochal.api import ModelVersion, Reader, RegisteredModel, connect
from epochal.api.question import KeepExperiment
from epochal.cli.importing import (
    HomeToWrite,
    ProjectOfAll,
    archive_deleted,
    await_known,
    progress_bar,
    tell_outcome,
)
from epochal.cli.options import Json
from epochal.domain.artifact import check_alias
from epochal.domain.models import Stage
from epochal.errors import EpochalError, InvalidInput, NotFound, Unavailable
from epochal.imports import mlflow as source
from epochal.imports.mlflow.convert import artifact_name
from epochal.imports.outcome import Outcome
from epochal.journal.home import find_home

NUMBER: Final = "mlflow.version"
"""The tag that names the numbers of a version in MLflow."""
_STAGES: Final = {"Staging": "staging", "Production": "production", "Archived": "archived"}


def mlflow(
    store: Annotated[
        str,
        typer.Argument(
            metavar="PATH|URL", help="A folder such as mlruns, mlflow.db, or a server's address."
        ),
    ],
    project: ProjectOfAll = None,
    artifacts: Annotated[
        Path | None,
        typer.Option(help="Folder with artifacts that lie outside of the store."),
    ] = None,
    home: HomeToWrite = None,
    json: Json = False,
) -> None:
    """Bring in experiments, runs, artifacts and registry of MLflow; again, only what is new."""
    where = find_home(home)
    with source.Importer(where, store, project, artifacts) as importer:
        with progress_bar() as progress:
            importer.carry(progress)
        archive_deleted(where, importer.carrier)
        reader = connect(home=where)
        importer.keep_experiments(lambda told: reader.source.ask(KeepExperiment(told)))
        if importer.registry:
            registry = _Registry(reader, importer.outcome)
            for model in importer.registry:
                registry.bring(model, importer.artifacts_of_versions())
        tell_outcome(where, importer.source, importer.outcome, json=json)


class _Registry:
    """Brings registered models in, one after the other."""

    def __init__(self, reader: Reader, outcome: Outcome) -> None:
        self._reader = reader
        self._outcome = outcome

    def bring(self, model: source.RegisteredModel, artifacts: dict[str, str]) -> None:
        """Register a model and its versions, as far as they are not here."""
        name = artifact_name(model.name)
        if name != model.name:
            self._outcome.left[f"the name of model {model.name!r}: it is {name!r} here"] += 1
        try:
            here = self._registered(name, model)
            for version in model.versions:
                place = artifacts.get(f"{version.model}/{version.number}")
                versions = here.versions()
                if not any(str(version.number) in _numbers(one) for one in versions):
                    self._add(here, model, version, place)
        except Unavailable:
            raise
        except EpochalError as error:
            self._outcome.problems.append(f"model {model.name!r}: {error}")

    def _registered(self, name: str, model: source.RegisteredModel) -> RegisteredModel:
        try:
            return self._reader.registered_model(name)
        except NotFound:
            self._outcome.counts["registered models"] += 1
            return self._reader.register_model(
                name, description=model.description, tags=model.tags
            )

    def _add(
        self,
        here: RegisteredModel,
        model: source.RegisteredModel,
        version: source.Version,
        place: str | None,
    ) -> None:
        if place is None:
            self._outcome.left[
                f"version {version.number} of model {model.name!r}: its files are not here"
            ] += 1
            return
        aliases = self._aliases(model, version.number)
        digest = place.rpartition(":")[2]
        same = next((one for one in here.versions() if one.digest == digest), None)
        if same is None:
            await_known(lambda: self._reader.artifact(place))
            made = here.add_version(
                place, aliases=aliases, tags=version.tags, description=version.description
            )
        else:
            made = same.add_alias(*aliases).set_tags(version.tags)
        if version.stage in _STAGES:
            made.set_stage(cast(Stage, _STAGES[version.stage]))
        # Last: what has its number is whole, and an import that was killed before goes on here.
        numbers = [*(_numbers(same) if same else ()), str(version.number)]
        made.set_tags({NUMBER: ",".join(numbers)})
        self._outcome.counts["model versions"] += 1
        if made.version != version.number:
            self._outcome.left[f"numbers of versions of model {model.name!r}"] += 1

    def _aliases(self, model: source.RegisteredModel, number: int) -> list[str]:
        found = []
        refused: Counter[str] = Counter()
        for alias, target in model.aliases.items():
            if target != number:
                continue
            try:
                found.append(check_alias(alias))
            except InvalidInput:
                refused[f"alias {alias!r} of model {model.name!r}"] += 1
        self._outcome.left += refused
        return found


def _numbers(version: ModelVersion) -> list[str]:
    """The numbers that a version has in MLflow; versions of equal files are one here."""
    return [text for text in version.tags.get(NUMBER, "").split(",") if text]
