"""What outlives a deleted run, for the day on which the database has to be made anew.

Artifact versions and model versions stay when the run that made them is deleted, but their records
go with its journals. So the records are written once more to ``kept/<run>.records`` first.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import LATEST, MANIFEST_TYPE
from epochal.domain.objects import RunRef
from epochal.domain.record import ArtifactCommit, BlobRef, ModelLink
from epochal.errors import CorruptFile
from epochal.store.artifacts import versions_by_id
from epochal.store.durable import durable_file
from epochal.store.schema_objects import artifact_version, model, model_version
from epochal.store.store import DIRECTORY_MODE, Store
from epochal.store.versions import SECOND

DIRECTORY = "kept"
SUFFIX = ".records"

KeptRecord: TypeAlias = ArtifactCommit | ModelLink


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """The records that make what a deleted run left behind, in the order of their times."""

    run: RunRef
    records: list[KeptRecord]


_decode = msgspec.msgpack.Decoder(Kept).decode


def keep_records(store: Store, run_id: int, ref: RunRef) -> None:
    """Write down what a run leaves behind; nothing when it leaves nothing.

    Raises:
        StorageFull: no room.
    """
    with store.database.read() as connection:
        records = sorted(
            [*_commits(connection, run_id), *_links(connection, ref)],
            key=lambda record: record.wall_us,
        )
    if records:
        directory = store.home / DIRECTORY
        directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        with durable_file(directory / f"{ref.uid}{SUFFIX}", store.disk) as write:
            write(msgspec.msgpack.encode(Kept(ref, records)))


def read_kept(home: Path) -> list[Kept]:
    """What deleted runs left behind.

    Raises:
        CorruptFile: a file of it is damaged.
    """
    found = []
    for path in sorted((home / DIRECTORY).glob(f"*{SUFFIX}")):
        try:
            found.append(_decode(path.read_bytes()))
        except msgspec.MsgspecError as error:
            raise CorruptFile(path, str(error)) from error
    return found


def _commits(connection: sa.Connection, run_id: int) -> list[KeptRecord]:
    mine = sa.select(artifact_version.c.id).where(
        artifact_version.c.run_id == run_id, artifact_version.c.state != "deleted"
    )
    views = versions_by_id(connection, list(connection.execute(mine).scalars()))
    return [
        ArtifactCommit(
            wall_us=view.created_us, name=view.name, kind=view.type,
            manifest=BlobRef(view.digest, 0, MANIFEST_TYPE), size=view.size, files=view.files,
            aliases=[alias for alias in view.aliases if alias != LATEST], tags=view.tags,
            metadata=view.metadata, description=view.description,
            ttl_s=None if view.expires_us is None
            else (view.expires_us - view.created_us) // SECOND,
            project=view.project,
        )
        for view in views.values()
    ]  # fmt: skip


def _links(connection: sa.Connection, ref: RunRef) -> list[KeptRecord]:
    query = (
        sa.select(model_version, model.c.name.label("model"))
        .join(model, model.c.id == model_version.c.model_id)
        .where(model_version.c.maker == msgspec.msgpack.encode(ref), model.c.entity == ref.entity)
    )
    return [
        ModelLink(
            wall_us=row.created_us, model=row.model,
            artifact=f"{row.entity}/{row.project}/{row.name}", digest=row.digest,
            description=row.description,
        )
        for row in connection.execute(query)
    ]  # fmt: skip
