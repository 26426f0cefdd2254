"""What can be asked about media, files, artifacts, models and garbage: see `epochal.api.question`.

A ``name`` is whole, ``entity/project/name[:version]``; `epochal.api.naming` makes it so.
"""

from __future__ import annotations

from epochal.api.question import Question
from epochal.domain.models import (
    ModelChanges,
    ModelDetail,
    ModelList,
    ModelRow,
    ModelVersionChanges,
    ModelVersionRow,
    NewModel,
    NewModelVersion,
)
from epochal.domain.objects import (
    ArtifactChanges,
    ArtifactList,
    ArtifactRow,
    CollectReport,
    FileList,
    LineageGraph,
    MediaKeys,
    MediaPage,
    MediaQuery,
    RunArtifacts,
    VersionChanges,
    VersionDetail,
    VersionDiff,
    VersionList,
    VersionRow,
)


# -- of a run
class ListMedia(Question[MediaKeys], frozen=True):
    """The keys of a run's media."""

    uid: str


class QueryMedia(Question[MediaPage], frozen=True):
    """One page of media."""

    query: MediaQuery


class ListFiles(Question[FileList], frozen=True):
    """All files of a run."""

    uid: str


class ListRunArtifacts(Question[RunArtifacts], frozen=True):
    """What a run made and read."""

    uid: str


# -- artifacts
class ListArtifacts(Question[ArtifactList], frozen=True):
    """Artifacts of an entity, or of one of its projects."""

    entity: str
    project: str | None = None
    type: str | None = None
    search: str | None = None


class UpdateArtifact(Question[ArtifactRow], frozen=True):
    """Describe an artifact."""

    name: str
    changes: ArtifactChanges


class DeleteArtifact(Question[None], frozen=True):
    """Delete an artifact with all versions."""

    name: str


class ListVersions(Question[VersionList], frozen=True):
    """One page of the versions of an artifact, newest first."""

    name: str
    limit: int = 1000
    offset: int = 0


class ResolveVersion(Question[VersionDetail], frozen=True):
    """One version."""

    name: str


class ReadManifest(Question[bytes], frozen=True):
    """The manifest of a version, as it is stored."""

    name: str


class DiffVersions(Question[VersionDiff], frozen=True):
    """Two versions compared."""

    before: str
    after: str


class ReadLineage(Question[LineageGraph], frozen=True):
    """What led to a version and what came of it."""

    name: str
    depth: int = 3


class UpdateVersion(Question[VersionRow], frozen=True):
    """Change aliases, tags, metadata, description or lifetime of a version."""

    name: str
    changes: VersionChanges


class DeleteVersion(Question[None], frozen=True):
    """Delete a version; ``force`` also when it has aliases."""

    name: str
    force: bool = False


# -- the registry
class ListModels(Question[ModelList], frozen=True):
    """Registered models of an entity."""

    entity: str
    search: str | None = None


class CreateModel(Question[ModelRow], frozen=True):
    """Register a name."""

    model: NewModel


class GetModel(Question[ModelDetail], frozen=True):
    """A registered model with its versions and history."""

    entity: str
    name: str


class UpdateModel(Question[ModelRow], frozen=True):
    """Rename, describe or tag a registered model."""

    entity: str
    name: str
    changes: ModelChanges


class DeleteModel(Question[None], frozen=True):
    """Forget a registered model; its artifacts stay."""

    entity: str
    name: str


class ResolveModel(Question[ModelVersionRow], frozen=True):
    """The version that ``name/3``, ``name@alias`` or ``name/latest`` means."""

    entity: str
    name: str


class CreateModelVersion(Question[ModelVersionRow], frozen=True):
    """Make a model version out of an artifact version."""

    entity: str
    name: str
    version: NewModelVersion


class UpdateModelVersion(Question[ModelVersionRow], frozen=True):
    """Promote, name, tag or describe a model version."""

    entity: str
    name: str
    number: int
    changes: ModelVersionChanges


class DeleteModelVersion(Question[None], frozen=True):
    """Delete a model version; its artifact version stays."""

    entity: str
    name: str
    number: int


# -- garbage
class Collect(Question[CollectReport], frozen=True):
    """Remove what nothing refers to, or only count it."""

    dry_run: bool = True
