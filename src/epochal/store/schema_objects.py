"""The tables of media, files, artifacts and models; docs/internals/objects.md says what they mean.

A blob row exists until `store.collect` finds that nothing refers to it; ``present`` goes from
false to true once and never back. An artifact belongs to a project by name, not by row: it
outlives the project's last run.
"""

from __future__ import annotations

import sqlalchemy as sa

from epochal.store.schema import Blob, Id, Micros, Text, metadata


def _reference(name: str, target: str, *, primary_key: bool = False) -> sa.Column[int]:
    """A column that names a row of another table and goes with it."""
    return sa.Column(
        name,
        Id,
        sa.ForeignKey(target, ondelete="CASCADE"),
        nullable=False,
        primary_key=primary_key,
        autoincrement=False,
    )


blob = sa.Table(
    "blob",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("digest", Text, nullable=False, unique=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("present", sa.Boolean, nullable=False),
)

run_blob = sa.Table(
    "run_blob",
    metadata,
    _reference("run_id", "run.id", primary_key=True),
    sa.Column("blob_id", Id, sa.ForeignKey("blob.id"), primary_key=True, autoincrement=False),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("type", Text, nullable=False),
    sa.Index("ix_run_blob_blob", "blob_id"),
    sqlite_with_rowid=False,
)
"""Blobs of a run's media and files, and how many of those refer to each."""

media = sa.Table(
    "media",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _reference("run_id", "run.id"),
    sa.Column("key_id", Id, nullable=False),
    _reference("journal_id", "journal.id"),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("wall_us", Micros, nullable=False),
    sa.Column("kind", Text, nullable=False),
    sa.Column("many", sa.Boolean, nullable=False),
    sa.Column("content", Blob, nullable=False),
    sa.Index("ix_media_run_key_step", "run_id", "key_id", "step"),
    sa.Index("ix_media_journal", "journal_id"),
)
"""``content`` is a msgpack list of `MediaItem`."""

file = sa.Table(
    "file",
    metadata,
    _reference("run_id", "run.id", primary_key=True),
    sa.Column("path", Text, primary_key=True),
    sa.Column("blob_id", Id, sa.ForeignKey("blob.id")),
    sa.Column("type", Text, nullable=False),
    sa.Column("policy", Text, nullable=False),
    sa.Column("modified_us", Micros, nullable=False),
    sa.Column("wall_us", Micros, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
)
"""The newest record of each path, by its time; removed ones stay to outdate older records."""

spooled = sa.Table(
    "spooled",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _reference("journal_id", "journal.id"),
    sa.Column("name", Text, nullable=False),
    sa.Column("media_id", Id, sa.ForeignKey("media.id", ondelete="CASCADE")),
    sa.Column("path", Text),
    sa.Column("wall_us", Micros, nullable=False),
    sa.Index("ix_spooled_name", "journal_id", "name"),
    sa.Index("ix_spooled_media", "media_id"),
)
"""What waits for a file of a writer's spool to become a blob: a media row or a file."""

artifact = sa.Table(
    "artifact",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("entity", Text, nullable=False),
    sa.Column("project", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("type", Text, nullable=False),
    sa.Column("description", Text, nullable=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("updated_us", Micros, nullable=False),
    sa.Column("next_number", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("entity", "project", "name"),
)

artifact_version = sa.Table(
    "artifact_version",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _reference("artifact_id", "artifact.id"),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("digest", Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("expanded", sa.Boolean, nullable=False),
    sa.Column("missing", sa.BigInteger, nullable=False),
    sa.Column("wanted", Blob, nullable=False),
    sa.Column("metadata", Blob, nullable=False),
    sa.Column("description", Text, nullable=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("committed_us", Micros),
    sa.Column("expires_us", Micros),
    sa.Column("run_id", Id, sa.ForeignKey("run.id", ondelete="SET NULL")),
    sa.Column("maker", Blob, nullable=False),
    sa.UniqueConstraint("artifact_id", "number"),
    sa.Index("ix_artifact_version_digest", "digest"),
    sa.Index("ix_artifact_version_run", "run_id"),
)
"""``expanded``: the manifest was read, so ``missing`` counts every blob that is not here.

``wanted`` are the aliases to give at commit, ``maker`` is the run as a `RunRef`.
"""

version_blob = sa.Table(
    "version_blob",
    metadata,
    _reference("version_id", "artifact_version.id", primary_key=True),
    sa.Column("blob_id", Id, sa.ForeignKey("blob.id"), primary_key=True, autoincrement=False),
    sa.Index("ix_version_blob_blob", "blob_id"),
    sqlite_with_rowid=False,
)

version_run = sa.Table(
    "version_run",
    metadata,
    _reference("version_id", "artifact_version.id", primary_key=True),
    _reference("run_id", "run.id", primary_key=True),
    sa.Index("ix_version_run_run", "run_id"),
)
"""Runs that made a version: the first one, and those that made the same again."""

artifact_alias = sa.Table(
    "artifact_alias",
    metadata,
    _reference("artifact_id", "artifact.id", primary_key=True),
    sa.Column("alias", Text, primary_key=True),
    _reference("version_id", "artifact_version.id"),
    sa.Index("ix_artifact_alias_version", "version_id"),
)

artifact_former = sa.Table(
    "artifact_former",
    metadata,
    sa.Column("entity", Text, primary_key=True),
    sa.Column("project", Text, primary_key=True),
    sa.Column("name", Text, primary_key=True),
    _reference("artifact_id", "artifact.id"),
    sa.Index("ix_artifact_former_artifact", "artifact_id"),
)
"""Names that artifacts had; each leads on until another artifact takes it."""

artifact_label = sa.Table(
    "artifact_label",
    metadata,
    _reference("artifact_id", "artifact.id", primary_key=True),
    sa.Column("label", Text, primary_key=True),
)
"""Tags of artifacts; those of versions are in ``artifact_tag``."""

version_step = sa.Table(
    "version_step",
    metadata,
    _reference("version_id", "artifact_version.id", primary_key=True),
    sa.Column("step", sa.BigInteger, nullable=False),
)
"""Where the history of the run stood that made a version, if its client said so."""

artifact_tag = sa.Table(
    "artifact_tag",
    metadata,
    _reference("version_id", "artifact_version.id", primary_key=True),
    sa.Column("tag", Text, primary_key=True),
)

artifact_use = sa.Table(
    "artifact_use",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _reference("run_id", "run.id"),
    sa.Column("entity", Text, nullable=False),
    sa.Column("project", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("digest", Text, nullable=False),
    sa.Column("number", sa.BigInteger),
    sa.Column("role", Text, nullable=False),
    sa.Column("wall_us", Micros, nullable=False),
    sa.Index("ix_artifact_use_run", "run_id"),
    sa.Index("ix_artifact_use_digest", "digest"),
)
"""Names and digests, not rows: the version may be applied later than its use."""

model = sa.Table(
    "model",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("entity", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("description", Text, nullable=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("updated_us", Micros, nullable=False),
    sa.Column("next_number", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("entity", "name"),
)

model_version = sa.Table(
    "model_version",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _reference("model_id", "model.id"),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("stage", Text, nullable=False),
    sa.Column("wanted", Blob, nullable=False),
    sa.Column("description", Text, nullable=False),
    sa.Column("entity", Text, nullable=False),
    sa.Column("project", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("digest", Text, nullable=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("updated_us", Micros, nullable=False),
    sa.Column("maker", Blob, nullable=False),
    sa.UniqueConstraint("model_id", "number"),
    sa.Index("ix_model_version_digest", "digest"),
)
"""``entity``, ``project``, ``name`` and ``digest`` say which artifact version it stands on."""

model_alias = sa.Table(
    "model_alias",
    metadata,
    _reference("model_id", "model.id", primary_key=True),
    sa.Column("alias", Text, primary_key=True),
    _reference("version_id", "model_version.id"),
    sa.Index("ix_model_alias_version", "version_id"),
)

model_tag = sa.Table(
    "model_tag",
    metadata,
    _reference("model_id", "model.id", primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", Text, primary_key=True),
    sa.Column("value", Text, nullable=False),
)
"""Tags of a version, or with ``number`` 0 of the model itself."""

model_event = sa.Table(
    "model_event",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _reference("model_id", "model.id"),
    sa.Column("number", sa.BigInteger),
    sa.Column("t_us", Micros, nullable=False),
    sa.Column("what", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("before", Text, nullable=False),
    sa.Column("after", Text, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Index("ix_model_event_model", "model_id"),
)
