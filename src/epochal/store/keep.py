"""Records that no journal holds, for the day on which the database has to be made anew.

Artifact versions and model versions stay when the run that made them is deleted, but their records
go with its journals. So the records are written once more to ``kept/<run>.records`` first. A model
version that people or foreign clients register is in no journal at all: its record is written to
``kept/<run>-<time>.records`` before it is acknowledged, and goes when the version is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import LATEST, MANIFEST_TYPE
from epochal.domain.objects import RunRef
from epochal.domain.record import ArtifactCommit, BlobRef, ModelLink
from epochal.errors import CorruptFile
from epochal.store.artifacts import versions_by_id
from epochal.store.dialect import batches
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
_decode_ref = msgspec.msgpack.Decoder(RunRef).decode


def keep_records(store: Store, run_id: int, ref: RunRef) -> None:
    """Write down what a run leaves behind; nothing when it leaves nothing.

    Raises:
        StorageFull: no room.
    """
    with store.database.read() as connection:
        records = sorted(
            [*_commits(connection, run_id), *_links(store, connection, ref)],
            key=lambda record: record.wall_us,
        )
    if records:
        _write(store, ref.uid, Kept(ref, records))


def leaving(connection: sa.Connection, runs: Mapping[int, RunRef]) -> set[int]:
    """Those of some runs of which `keep_records` may have something to write down.

    Args:
        connection: any.
        runs: by row id.
    """
    makers = {msgspec.msgpack.encode(ref): run_id for run_id, ref in runs.items()}
    found: set[int] = set()
    for part in batches(list(runs)):
        made = sa.select(artifact_version.c.run_id).where(artifact_version.c.run_id.in_(part))
        found.update(connection.execute(made.distinct()).scalars())
    for several in batches(list(makers)):
        query = sa.select(model_version.c.maker).where(model_version.c.maker.in_(several))
        found.update(makers[maker] for maker in connection.execute(query.distinct()).scalars())
    return found


class Creation(NamedTuple):
    """Which model version: the packed reference of its maker, and when it was made."""

    maker: bytes
    created_us: int


def keep_version(store: Store, maker: RunRef, fact: ModelLink) -> None:
    """Write down a model version that is about to be registered.

    Raises:
        StorageFull: no room.
    """
    _write(store, f"{maker.uid}-{fact.wall_us}", Kept(maker, [fact]))


def forget_versions(store: Store, versions: Iterable[Creation]) -> None:
    """Remove what `keep_version` wrote of these versions."""
    for version in versions:
        if (path := _path(store, version)) is not None:
            path.unlink()


def rename_versions(store: Store, versions: Iterable[Creation], name: str) -> None:
    """Their model has another name now.

    Raises:
        StorageFull: no room.
    """
    for version in versions:
        if (path := _path(store, version)) is not None:
            kept = _decode(path.read_bytes())
            facts = [msgspec.structs.replace(fact, model=name) for fact in kept.records]
            _write(store, path.name.removesuffix(SUFFIX), Kept(kept.run, facts))


def _path(store: Store, version: Creation) -> Path | None:
    """The file that `keep_version` wrote, if it did."""
    if not version.maker:
        return None
    name = f"{_decode_ref(version.maker).uid}-{version.created_us}{SUFFIX}"
    path = store.home / DIRECTORY / name
    return path if path.exists() else None


def _write(store: Store, name: str, kept: Kept) -> None:
    directory = store.home / DIRECTORY
    if not directory.is_dir():
        directory.mkdir(mode=DIRECTORY_MODE)
        store.disk.sync_directory(store.home)
    with durable_file(directory / f"{name}{SUFFIX}", store.disk) as write:
        write(msgspec.msgpack.encode(kept))


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
    every = artifact_version.alias()
    first = (
        sa.select(sa.func.min(every.c.number))
        .where(every.c.artifact_id == artifact_version.c.artifact_id)
        .scalar_subquery()
    )
    mine = sa.select(artifact_version.c.id, first).where(
        artifact_version.c.run_id == run_id, artifact_version.c.state != "deleted"
    )
    firsts: dict[int, int] = {row[0]: row[1] for row in connection.execute(mine)}
    views = versions_by_id(connection, list(firsts))
    return [
        ArtifactCommit(
            wall_us=view.created_us, name=view.name, kind=view.type,
            manifest=BlobRef(view.digest, 0, MANIFEST_TYPE), size=view.size, files=view.files,
            aliases=[alias for alias in view.aliases if alias != LATEST], tags=view.tags,
            metadata=view.metadata, description=view.description,
            ttl_s=None if view.expires_us is None
            else (view.expires_us - view.created_us) // SECOND,
            project=view.project, first=firsts[version_id],
            step=view.step,
        )
        for version_id, view in views.items()
    ]  # fmt: skip


def _links(store: Store, connection: sa.Connection, ref: RunRef) -> list[KeptRecord]:
    """Versions that the run made. Those with a record of their own are kept by that."""
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
        if _path(store, Creation(row.maker, row.created_us)) is None
    ]  # fmt: skip
