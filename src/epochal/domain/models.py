"""The structs of registered models as they cross the seams.

Field by field they are the JSON of docs/internals/wire.md; what the words mean stands in
docs/internals/objects.md. Times are microseconds since 1970 UTC and end in ``_us``, sizes are
bytes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.objects import RunRef

ModelState = Literal["pending", "ready"]
Stage = Literal["none", "development", "staging", "production", "archived"]


class ModelVersionRow(msgspec.Struct, frozen=True):
    """A version of a registered model, counted from 1.

    ``artifact`` is ``entity/project/name``, ``digest`` that of its manifest, ``artifact_version``
    None when it was never seen here. ``state`` is ``pending`` as long as the artifact is.
    """

    entity: str
    model: str
    version: int
    state: ModelState
    stage: Stage
    aliases: list[str]
    tags: dict[str, str]
    description: str
    artifact: str
    artifact_version: int | None
    digest: str
    size: int
    created_us: int
    updated_us: int
    run: RunRef | None


class ModelRow(msgspec.Struct, frozen=True):
    """A registered model. ``latest`` is the newest version that is ready.

    ``stages`` names the newest version in each stage that is not ``none``.
    """

    entity: str
    name: str
    description: str
    tags: dict[str, str]
    aliases: dict[str, int]
    versions: int
    latest: int | None
    created_us: int
    updated_us: int
    stages: dict[str, int] = {}


class ModelList(msgspec.Struct, frozen=True):
    """Registered models, newest activity first."""

    models: list[ModelRow]


class ModelEvent(msgspec.Struct, frozen=True):
    """A change of the registry: what of which version (None: the model itself), from, to, who."""

    t_us: int
    version: int | None
    what: Literal["created", "stage", "alias", "tag", "description", "name", "deleted"]
    name: str
    before: str
    after: str
    who: str


class ModelDetail(ModelRow, frozen=True):
    """A model with its versions, newest first, and its history, newest first (at most 1,000)."""

    all_versions: list[ModelVersionRow] = []
    events: list[ModelEvent] = []


class NewModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model to register."""

    name: str
    entity: str = DEFAULT_ENTITY
    description: str = ""
    tags: dict[str, str] = {}


class ModelChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a model; None leaves one as it is. A tag of None is removed."""

    name: str | None = None
    description: str | None = None
    tags: dict[str, str | None] = {}


class NewModelVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model version to make out of an artifact version, ``entity/project/name:version``."""

    artifact: str
    aliases: list[str] = []
    tags: dict[str, str] = {}
    description: str = ""


class ModelVersionChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a model version; None leaves one as it is. A tag of None is removed."""

    stage: Stage | None = None
    add_aliases: list[str] = []
    remove_aliases: list[str] = []
    tags: dict[str, str | None] = {}
    description: str | None = None
