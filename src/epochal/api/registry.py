"""The model registry: registered models, and their versions with aliases and stages.

What was read is kept; every change gives back the new state, and leaves an event in the history.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Self, get_args

from epochal.api.artifact import ArtifactVersion
from epochal.api.download import Progress
from epochal.api.facts import datetime_of
from epochal.api.object_questions import (
    CreateModelVersion,
    DeleteModel,
    DeleteModelVersion,
    GetModel,
    ResolveVersion,
    UpdateModel,
    UpdateModelVersion,
)
from epochal.api.question import GetRun, Source
from epochal.api.version_facts import MakeRun
from epochal.domain.models import (
    ModelChanges,
    ModelDetail,
    ModelEvent,
    ModelRow,
    ModelVersionChanges,
    ModelVersionRow,
    NewModelVersion,
    Stage,
)
from epochal.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from epochal.api.runview import RunView


class ModelVersion:
    """A version of a registered model. Made by `epochal.model`.

    Args:
        source: where to read.
        row: what is known of it.
        make_run: how to show runs.
    """

    def __init__(self, source: Source, row: ModelVersionRow, make_run: MakeRun) -> None:
        self._source = source
        self._row = row
        self._make_run = make_run

    def __repr__(self) -> str:
        return f"<model {self.uri} {self.stage}>"

    @property
    def row(self) -> ModelVersionRow:
        """All that is known."""
        return self._row

    @property
    def name(self) -> str:
        """The registered model's name."""
        return self._row.model

    @property
    def version(self) -> int:
        """Counts from 1."""
        return self._row.version

    @property
    def uri(self) -> str:
        """``models:/name/3``, as `epochal.models.load_model` takes it."""
        return f"models:/{self._row.model}/{self._row.version}"

    @property
    def state(self) -> str:
        """``ready``, or ``pending`` while bytes are on their way."""
        return self._row.state

    @property
    def stage(self) -> Stage:
        """``none``, ``development``, ``staging``, ``production`` or ``archived``."""
        return self._row.stage

    @property
    def aliases(self) -> list[str]:
        """The movable names that point here."""
        return list(self._row.aliases)

    @property
    def tags(self) -> dict[str, str]:
        """Values by name."""
        return dict(self._row.tags)

    @property
    def description(self) -> str:
        """Markdown."""
        return self._row.description

    @property
    def digest(self) -> str:
        """Of the artifact version that it stands on."""
        return self._row.digest

    @property
    def created(self) -> datetime:
        """When it was registered, in UTC."""
        return datetime_of(self._row.created_us)

    @property
    def artifact(self) -> ArtifactVersion:
        """The artifact version that it stands on.

        Raises:
            NotFound: it is not here.
        """
        row = self._row
        if row.artifact_version is None:
            raise NotFound(
                f"{self.uri} stands on {row.artifact} with the digest {row.digest[:12]}, "
                f"which is not here; send it with `epochal sync`"
            )
        detail = self._source.ask(ResolveVersion(f"{row.artifact}:v{row.artifact_version}"))
        return ArtifactVersion(self._source, detail, self._make_run)

    @property
    def run(self) -> RunView | None:
        """The run that it comes from; None when it is not known or was deleted."""
        if self._row.run is None:
            return None
        try:
            return self._make_run(self._source, self._source.ask(GetRun(self._row.run.uid)))
        except NotFound:
            return None

    @property
    def model(self) -> RegisteredModel:
        """The registered model that this is a version of."""
        detail = self._source.ask(GetModel(self._row.entity, self._row.model))
        return RegisteredModel(self._source, detail, self._make_run)

    def download(
        self, root: str | os.PathLike[str] | None = None, progress: Progress | None = None
    ) -> str:
        """Write the model's files; see `ArtifactVersion.download`."""
        return self.artifact.download(root, progress=progress)

    def add_alias(self, *aliases: str) -> Self:
        """Let aliases such as ``champion`` point here; each leaves the version that had it.

        Raises:
            Conflict: the version is not complete yet.
        """
        return self._change(ModelVersionChanges(add_aliases=list(aliases)))

    def remove_alias(self, *aliases: str) -> Self:
        """Take aliases away."""
        return self._change(ModelVersionChanges(remove_aliases=list(aliases)))

    def set_stage(self, stage: Stage) -> Self:
        """Promote or archive it; the history keeps who did and when.

        Raises:
            InvalidInput: there is no such stage.
        """
        if stage not in get_args(Stage):
            raise InvalidInput(
                f"a stage is one of {', '.join(get_args(Stage))}, got {stage!r:.80}"
            )
        return self._change(ModelVersionChanges(stage=stage))

    def set_tags(self, tags: Mapping[str, str | None]) -> Self:
        """Set tags; None removes one."""
        return self._change(ModelVersionChanges(tags=dict(tags)))

    def describe(self, text: str) -> Self:
        """Describe it in Markdown."""
        return self._change(ModelVersionChanges(description=text))

    def delete(self) -> None:
        """Delete the version; its artifact version stays."""
        row = self._row
        self._source.ask(DeleteModelVersion(row.entity, row.model, row.version))

    def _change(self, changes: ModelVersionChanges) -> Self:
        row = self._row
        self._row = self._source.ask(
            UpdateModelVersion(row.entity, row.model, row.version, changes)
        )
        return self


class RegisteredModel:
    """A name in the registry. Made by `Reader.models` and `Reader.registered_model`.

    Args:
        source: where to read.
        row: what is known of it; a `ModelDetail` saves the first reading.
        make_run: how to show runs.
    """

    def __init__(self, source: Source, row: ModelRow, make_run: MakeRun) -> None:
        self._source = source
        self._row = row
        self._make_run = make_run

    def __repr__(self) -> str:
        return f"<registered model {self.name!r}, {self._row.versions} versions>"

    def __len__(self) -> int:
        return self._row.versions

    @property
    def row(self) -> ModelRow:
        """All that a list tells."""
        return self._row

    @property
    def detail(self) -> ModelDetail:
        """The row with versions and history."""
        if not isinstance(self._row, ModelDetail):
            self._row = self._source.ask(GetModel(self._row.entity, self._row.name))
        return self._row

    @property
    def name(self) -> str:
        """Its name."""
        return self._row.name

    @property
    def description(self) -> str:
        """Markdown."""
        return self._row.description

    @property
    def tags(self) -> dict[str, str]:
        """Values by name."""
        return dict(self._row.tags)

    @property
    def aliases(self) -> dict[str, int]:
        """The version that each alias points at."""
        return dict(self._row.aliases)

    @property
    def latest(self) -> ModelVersion | None:
        """The newest version that is ready; None when there is none."""
        return next((one for one in self.versions() if one.version == self._row.latest), None)

    @property
    def history(self) -> list[ModelEvent]:
        """Who changed which stage, alias, tag or description, newest first."""
        return list(self.detail.events)

    def versions(self) -> list[ModelVersion]:
        """All versions, newest first."""
        rows = self.detail.all_versions
        return [ModelVersion(self._source, row, self._make_run) for row in rows]

    def add_version(
        self,
        artifact: ArtifactVersion | str,
        *,
        aliases: Iterable[str] = (),
        tags: Mapping[str, str] | None = None,
        description: str = "",
    ) -> ModelVersion:
        """Make a version out of an artifact version.

        Args:
            artifact: a version, or ``[entity/]project/name:version``.
            aliases: such as ``champion``.
            tags: values by name.
            description: Markdown.

        Raises:
            NotFound: there is no such artifact version.
            Conflict: its bytes are on their way.
        """
        path = artifact.path if isinstance(artifact, ArtifactVersion) else artifact
        given = NewModelVersion(path, list(aliases), dict(tags or {}), description)
        row = self._source.ask(CreateModelVersion(self._row.entity, self._row.name, given))
        self.refresh()
        return ModelVersion(self._source, row, self._make_run)

    def rename(self, name: str) -> Self:
        """Give it another name.

        Raises:
            Conflict: the name is in use.
        """
        return self._change(ModelChanges(name=name))

    def describe(self, text: str) -> Self:
        """Describe it in Markdown."""
        return self._change(ModelChanges(description=text))

    def set_tags(self, tags: Mapping[str, str | None]) -> Self:
        """Set tags; None removes one."""
        return self._change(ModelChanges(tags=dict(tags)))

    def delete(self) -> None:
        """Forget it with its versions and history; the artifacts stay."""
        self._source.ask(DeleteModel(self._row.entity, self._row.name))

    def refresh(self) -> Self:
        """Read it anew, and return it itself."""
        self._row = self._source.ask(GetModel(self._row.entity, self._row.name))
        return self

    def _change(self, changes: ModelChanges) -> Self:
        self._row = self._source.ask(UpdateModel(self._row.entity, self._row.name, changes))
        return self
