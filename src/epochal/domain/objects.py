"""The structs of media, files and artifacts as they cross the seams.

Field by field they are the JSON of docs/internals/wire.md; what the words mean stands in
docs/internals/objects.md. Times are microseconds since 1970 UTC and end in ``_us``, sizes are
bytes. Numbers in ``Any`` fields may be NaN in Python; the server's JSON encoder turns those into
strings.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

VersionState = Literal["pending", "committed", "deleted"]


class BlobView(msgspec.Struct, frozen=True):
    """A blob that something refers to. ``present`` is false while it is on its way.

    ``digest`` is empty as long as the writer has not encoded it.
    """

    digest: str
    size: int
    type: str
    present: bool


class MediaView(msgspec.Struct, frozen=True):
    """One image, histogram, table, ...; ``blobs`` by role, ``data`` being the thing itself."""

    kind: str
    meta: dict[str, Any]
    blobs: dict[str, BlobView]


class MediaKey(msgspec.Struct, frozen=True):
    """A key under which a run logged media. ``steps`` ascend; only the newest 10,000 are told.

    ``order`` counts the run's keys in the order in which they first came: layers of a watched
    model stand in the model's order.
    """

    key: str
    kind: str
    count: int
    first_step: int
    last_step: int
    steps: list[int]
    order: int = 0


class MediaKeys(msgspec.Struct, frozen=True):
    """Every key of a run's media, by name."""

    run: str
    keys: list[MediaKey]


class MediaQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which media to show.

    Attributes:
        runs: uids.
        keys: all keys of the runs when empty.
        lo: smallest step.
        hi: greatest step.
        at: only the newest entry with a step <= ``at``, for each run and key.
        limit: most entries, 1 to 1,000.
        cursor: that of the page before.
        meta: only these parts of each item's meta, such as ``stats``; all of it when empty.
        most: of each run and key at most so many entries, 2 to 1,000, evenly spaced from the
            first to the last; all when None. Not together with ``at``.
    """

    runs: list[str]
    keys: list[str] = []
    lo: int | None = None
    hi: int | None = None
    at: int | None = None
    limit: int = 100
    cursor: str | None = None
    meta: list[str] = []
    most: int | None = None


class MediaEntry(msgspec.Struct, frozen=True):
    """What was logged under one key by one call."""

    run: str
    key: str
    step: int
    wall_us: int
    many: bool
    items: list[MediaView]


class MediaPage(msgspec.Struct, frozen=True):
    """Entries by run, key, step and time; ``cursor`` asks for more."""

    entries: list[MediaEntry]
    cursor: str | None


class FileRow(msgspec.Struct, frozen=True):
    """A file of a run. ``digest`` is empty as long as the writer has not stored its bytes."""

    path: str
    digest: str
    size: int
    type: str
    policy: str
    modified_us: int
    wall_us: int
    present: bool


class FileList(msgspec.Struct, frozen=True):
    """All files of a run, by path. ``size`` sums them up."""

    run: str
    files: list[FileRow]
    size: int


class WantedBlob(msgspec.Struct, frozen=True):
    """A blob that a run refers to and that is not here; ``offset`` bytes of it are held."""

    digest: str
    size: int
    offset: int
    manifest: bool


class WantedBlobs(msgspec.Struct, frozen=True):
    """The next blobs to send, manifests first; ``total`` counts all that are known to be missing.

    A manifest that arrives may add to them, so ask again until the list is empty.
    """

    blobs: list[WantedBlob]
    total: int


class HeldBlob(msgspec.Struct, frozen=True):
    """How many bytes of a blob the server holds, and whether it is whole and checked."""

    offset: int
    complete: bool


class WantedParcel(msgspec.Struct, frozen=True):
    """Digests of small blobs that are asked for at once, at most 1,000."""

    digests: list[str]


class ArtifactRow(msgspec.Struct, frozen=True):
    """An artifact in a list. ``size`` sums up the versions, ``latest`` is the newest committed."""

    entity: str
    project: str
    name: str
    type: str
    description: str
    created_us: int
    updated_us: int
    versions: int
    size: int
    latest: int | None
    aliases: list[str]
    tags: list[str] = []

    @property
    def path(self) -> str:
        """``entity/project/name``."""
        return f"{self.entity}/{self.project}/{self.name}"


class ArtifactList(msgspec.Struct, frozen=True):
    """Artifacts, newest activity first."""

    artifacts: list[ArtifactRow]


class RunRef(msgspec.Struct, frozen=True):
    """A run as lineage shows it; ``exists`` is false once it was deleted."""

    uid: str
    id: str
    entity: str
    project: str
    name: str
    exists: bool = True


class VersionRow(msgspec.Struct, frozen=True):
    """A version of an artifact.

    Attributes:
        entity: owner of the project.
        project: where the artifact lives.
        name: the artifact.
        type: of the artifact, such as ``dataset`` or ``model``.
        version: counts from 0; outputs of pipelines count from 1.
        state: ``pending`` while blobs are missing, then ``committed``; ``deleted`` at the end.
        digest: of its manifest.
        size: bytes of all files whose size is known.
        files: entries of the manifest.
        missing: blobs that are not here yet.
        aliases: the movable names that point here now.
        tags: words.
        metadata: whatever the writer added.
        description: Markdown.
        created_us: when the run committed it.
        committed_us: when its last blob was here; None while pending.
        expires_us: from then on ``gc`` may take it; None for never.
        run: who made it.
        step: where that run's history stood, if its client said so.
    """

    entity: str
    project: str
    name: str
    type: str
    version: int
    state: VersionState
    digest: str
    size: int
    files: int
    missing: int
    aliases: list[str]
    tags: list[str]
    metadata: dict[str, Any]
    description: str
    created_us: int
    committed_us: int | None
    expires_us: int | None
    run: RunRef | None
    step: int | None = None

    @property
    def path(self) -> str:
        """``entity/project/name:v3``."""
        return f"{self.entity}/{self.project}/{self.name}:v{self.version}"


class VersionList(msgspec.Struct, frozen=True):
    """Versions, newest first; ``total`` counts those that are not in this page as well."""

    versions: list[VersionRow]
    total: int


class UseRow(msgspec.Struct, frozen=True):
    """A run that read a version, and as what."""

    run: RunRef
    role: str
    wall_us: int


class ModelRef(msgspec.Struct, frozen=True):
    """A version of a registered model."""

    entity: str
    model: str
    version: int


class VersionDetail(VersionRow, frozen=True):
    """A version with the runs that made and used it and the models that stand on it."""

    producers: list[RunRef] = []
    users: list[UseRow] = []
    models: list[ModelRef] = []


class VersionUse(msgspec.Struct, frozen=True):
    """What a run read; ``version`` is None when it is not known here (any more)."""

    name: str
    digest: str
    role: str
    wall_us: int
    version: VersionRow | None


class RunModel(ModelRef, frozen=True):
    """A version of a registered model, and the artifact version on which it stands."""

    artifact: str
    number: int


class RunArtifacts(msgspec.Struct, frozen=True):
    """What a run made, newest first, and what it read, in order.

    ``models`` are the registered versions that stand on what it made.
    """

    run: str
    made: list[VersionRow]
    used: list[VersionUse]
    models: list[RunModel] = []


class ArtifactChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of an artifact; None leaves one as it is.

    The former ``name`` leads on to the artifact until another one takes it. ``tags`` replaces all.
    """

    description: str | None = None
    name: str | None = None
    type: str | None = None
    tags: list[str] | None = None


class VersionChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a version; None leaves one as it is.

    ``aliases`` replaces all but ``latest``; ``add_aliases`` and ``remove_aliases`` change single
    ones. A ``ttl_s`` of 0 takes the limit away.
    """

    aliases: list[str] | None = None
    add_aliases: list[str] = []
    remove_aliases: list[str] = []
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    description: str | None = None
    ttl_s: int | None = None


class PathChange(msgspec.Struct, frozen=True):
    """A path whose content differs between two versions."""

    path: str
    before: int | None
    after: int | None
    """Size in bytes; None when it is not known."""


class VersionDiff(msgspec.Struct, frozen=True):
    """Two versions compared by path; ``same`` counts the files that are equal."""

    before: VersionRow
    after: VersionRow
    added: list[PathChange]
    removed: list[PathChange]
    changed: list[PathChange]
    same: int


class LineageNode(msgspec.Struct, frozen=True):
    """A run, an artifact version or a model version; ``id`` names it within the graph."""

    id: str
    kind: Literal["run", "version", "model"]
    label: str
    type: str
    state: str
    uid: str = ""
    name: str = ""


class LineageEdge(msgspec.Struct, frozen=True):
    """Something flowed from ``source`` to ``target``: made, read (its role) or linked."""

    source: str
    target: str
    role: str


class LineageGraph(msgspec.Struct, frozen=True):
    """What led to a version and what came of it; ``cut`` when there is more than was asked for."""

    root: str
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    cut: bool


class CollectQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to collect garbage; nothing is removed in a dry run."""

    dry_run: bool = True


class CollectReport(msgspec.Struct, frozen=True):
    """What `gc` removed, or would remove.

    Attributes:
        dry_run: nothing was removed.
        blobs: blobs that nothing refers to.
        blob_bytes: their bytes.
        versions: expired artifact versions, as ``entity/project/name:v3``.
        version_bytes: bytes that only they refer to.
        leftovers: unfinished uploads and temporary files.
        leftover_bytes: their bytes.
        kept_bytes: bytes of unreferenced blobs that are younger than a day.
        problems: why blobs were left alone, one sentence each.
    """

    dry_run: bool
    blobs: int
    blob_bytes: int
    versions: list[str]
    version_bytes: int
    leftovers: int
    leftover_bytes: int
    kept_bytes: int
    problems: list[str]
