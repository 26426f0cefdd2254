"""Versions of artifacts: made by records, committed when all their bytes are here.

Promises: numbers count from 0, or from what the artifact's first record says, in the order of
application and are never given twice; content equal to that of the newest version makes no new
version; no alias, and ``latest`` least of all, points at a version before every blob of it is
present. Everything runs in the caller's write transaction, under ``store.moving``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import (
    LATEST,
    Manifest,
    check_alias,
    check_artifact_name,
    check_digest,
    read_manifest,
    split_path,
)
from epochal.domain.names import MAX_TAG, MAX_TEXT, check_name
from epochal.domain.objects import RunRef
from epochal.domain.record import AGAIN, ArtifactCommit, ArtifactUse
from epochal.errors import CorruptFile, InvalidInput
from epochal.journal.blobs import Blobs
from epochal.store.blobs import IN_ONE_QUERY, intern_blobs, mark_present, refer_version
from epochal.store.dialect import inserted_id, replace, upsert
from epochal.store.eras import Eras
from epochal.store.former import successor
from epochal.store.registry import make_ready
from epochal.store.scalars import clamp, storable
from epochal.store.schema import project, run
from epochal.store.schema_objects import (
    artifact,
    artifact_alias,
    artifact_tag,
    artifact_use,
    artifact_version,
    version_blob,
    version_run,
    version_step,
)

PENDING, COMMITTED, DELETED = "pending", "committed", "deleted"
MAX_ALIASES = 100
MAX_TYPE = 128
DEFAULT_TYPE = "artifact"
SECOND = 1_000_000

_encode = msgspec.msgpack.encode
_decode_words = msgspec.msgpack.Decoder(list[str]).decode
_decode_maker = msgspec.msgpack.Decoder(RunRef).decode


class Arrival(msgspec.Struct):
    """Versions that were committed, by the runs that made them, and why others cannot be."""

    committed: list[int] = []
    runs: set[int] = set()
    problems: list[str] = []


def commit(
    connection: sa.Connection,
    blobs: Blobs,
    maker: RunRef,
    run_id: int | None,
    fact: ArtifactCommit,
    eras: Eras | None = None,
) -> Arrival:
    """Apply the record of a new version.

    Args:
        connection: a write transaction.
        blobs: those of the home.
        maker: the run that made it.
        run_id: its row; None when it was deleted.
        fact: the record.
        eras: what artifacts were called, when records are applied anew.

    Raises:
        InvalidInput: its name or digest cannot be used, or the artifact has another type.
    """
    name = check_artifact_name(fact.name)
    check_digest(fact.manifest.digest)
    where = check_name(fact.project, "project name") if fact.project else maker.project
    meant = eras and eras.meant((maker.entity, where, name), fact.wall_us, kept=run_id is None)
    found = _artifact(connection, maker.entity, where, meant.name if meant else name, fact)
    kind = storable(fact.kind)[:MAX_TYPE] or DEFAULT_TYPE
    if kind not in (meant.types if meant else (found.type,)) and not (meant and run_id is None):
        raise InvalidInput(
            f"the artifact {name!r} of project {where!r} has the type {found.type!r}, and a "
            f"version of the type {kind!r} was logged; choose another name for it"
        )
    arrival = Arrival()
    aliases = _aliases(fact.aliases, arrival)
    same = _same(connection, found.id, fact)
    if same is not None:
        version_id = same.id
        _add_words(connection, same, aliases)
    else:
        version_id = _insert(connection, found, maker, run_id, fact, aliases)
        known = intern_blobs(
            connection, blobs, {fact.manifest.digest: max(0, fact.manifest.size)}
        )[fact.manifest.digest]
        refer_version(connection, version_id, [known.id])
    _add_tags(connection, version_id, fact.tags)
    if run_id is not None:
        connection.execute(
            upsert(connection.dialect.name, version_run, ("version_id", "run_id"), None),
            {"version_id": version_id, "run_id": run_id},
        )
    settle(connection, blobs, version_id, arrival)
    return arrival


def use(connection: sa.Connection, run_id: int, fact: ArtifactUse) -> None:
    """Apply the record that a run read a version; which may be applied later.

    Raises:
        InvalidInput: its name or digest cannot be used.
    """
    parts = split_path(fact.name)
    check_digest(fact.digest)
    entity, where = storable(parts[0]), storable(parts[1])
    connection.execute(
        sa.insert(artifact_use).values(
            run_id=run_id, entity=entity, project=where,
            name=successor(connection, (entity, where, storable(parts[2]))), digest=fact.digest,
            number=None if fact.version is None else clamp(fact.version),
            role=storable(fact.role)[:MAX_TYPE], wall_us=clamp(fact.wall_us),
        )
    )  # fmt: skip


def run_ref(connection: sa.Connection, run_id: int) -> RunRef:
    """A run as lineage shows it."""
    query = (
        sa.select(run.c.uid, run.c.name_id, project.c.entity, project.c.name, run.c.name)
        .join(project, project.c.id == run.c.project_id)
        .where(run.c.id == run_id)
    )
    return RunRef(*connection.execute(query).one())


def _artifact(
    connection: sa.Connection, entity: str, where: str, name: str, fact: ArtifactCommit
) -> sa.Row[Any]:
    now = clamp(fact.wall_us)
    connection.execute(
        upsert(
            connection.dialect.name, artifact, ("entity", "project", "name"),
            replace("updated_us"),
        ),
        {
            "entity": entity, "project": where, "name": name,
            "type": storable(fact.kind)[:MAX_TYPE] or DEFAULT_TYPE, "description": "",
            "created_us": now, "updated_us": now, "next_number": max(0, clamp(fact.first)),
        },
    )  # fmt: skip
    query = sa.select(artifact).where(
        artifact.c.entity == entity, artifact.c.project == where, artifact.c.name == name
    )
    return connection.execute(query).one()


def _same(connection: sa.Connection, artifact_id: int, fact: ArtifactCommit) -> sa.Row[Any] | None:
    """The version that a record makes again: the newest one, or an older one that is meant."""
    query = sa.select(artifact_version).where(
        artifact_version.c.artifact_id == artifact_id, artifact_version.c.state != DELETED
    )
    if fact.first == AGAIN:
        query = query.where(artifact_version.c.digest == fact.manifest.digest)
    found = connection.execute(query.order_by(artifact_version.c.number.desc()).limit(1)).first()
    return found if found is not None and found.digest == fact.manifest.digest else None


def _insert(
    connection: sa.Connection,
    owner: sa.Row[Any],
    maker: RunRef,
    run_id: int | None,
    fact: ArtifactCommit,
    aliases: list[str],
) -> int:
    connection.execute(
        sa.update(artifact)
        .where(artifact.c.id == owner.id)
        .values(next_number=artifact.c.next_number + 1)
    )
    created = clamp(fact.wall_us)
    inserted = connection.execute(
        sa.insert(artifact_version).values(
            artifact_id=owner.id, number=owner.next_number, state=PENDING,
            digest=fact.manifest.digest, size=clamp(fact.size), files=clamp(fact.files),
            expanded=False, missing=1, wanted=_encode(aliases),
            metadata=_encode(fact.metadata), description=storable(fact.description)[:MAX_TEXT],
            created_us=created,
            expires_us=clamp(created + fact.ttl_s * SECOND) if fact.ttl_s else None,
            run_id=run_id, maker=_encode(maker),
        )
    )  # fmt: skip
    version_id = inserted_id(inserted)
    if fact.step is not None:
        connection.execute(
            sa.insert(version_step).values(version_id=version_id, step=clamp(fact.step))
        )
    return version_id


def _aliases(given: Sequence[str], arrival: Arrival) -> list[str]:
    clean: list[str] = []
    for alias in given[:MAX_ALIASES]:
        try:
            clean.append(check_alias(alias))
        except InvalidInput as error:
            arrival.problems.append(error.message)
    return [alias for alias in dict.fromkeys(clean) if alias != LATEST]


def _add_words(connection: sa.Connection, version: sa.Row[Any], aliases: list[str]) -> None:
    """The same content again: its aliases are given as well."""
    wanted = list(dict.fromkeys([*_decode_words(version.wanted), *aliases]))
    connection.execute(
        sa.update(artifact_version)
        .where(artifact_version.c.id == version.id)
        .values(wanted=_encode(wanted))
    )


def _add_tags(connection: sa.Connection, version_id: int, tags: Iterable[str]) -> None:
    clean = dict.fromkeys(storable(tag)[:MAX_TAG] for tag in tags if tag)
    if clean:
        connection.execute(
            upsert(connection.dialect.name, artifact_tag, ("version_id", "tag"), None),
            [{"version_id": version_id, "tag": tag} for tag in clean],
        )


def settle(connection: sa.Connection, blobs: Blobs, version_id: int, arrival: Arrival) -> None:
    """Look what of a version is here: read its manifest, commit it when nothing is missing."""
    version = connection.execute(
        sa.select(artifact_version).where(artifact_version.c.id == version_id)
    ).one()
    if version.state == DELETED:
        return
    if (
        version.state == PENDING
        and not version.expanded
        and not _expand(connection, blobs, version, arrival)
    ):
        return
    if _missing(connection, version_id) == 0:
        _finish(connection, version_id, arrival)


def _missing(connection: sa.Connection, version_id: int) -> int:
    query = sa.select(artifact_version.c.missing).where(artifact_version.c.id == version_id)
    return int(connection.execute(query).scalar_one())


def _expand(
    connection: sa.Connection, blobs: Blobs, version: sa.Row[Any], arrival: Arrival
) -> bool:
    """Add what the manifest names to the version; False as long as the manifest is not here."""
    try:
        if not blobs.has(version.digest):
            return False
        manifest = load_manifest(blobs, version.digest)
    except (InvalidInput, CorruptFile) as error:
        arrival.problems.append(f"the manifest of a version cannot be used: {error.message}")
        return False
    sizes = {**manifest.digests(), version.digest: blobs.size(version.digest) or 0}
    known = intern_blobs(connection, blobs, sizes)
    refer_version(connection, version.id, (row.id for row in known.values()))
    here = {
        row.id: size
        for digest, row in known.items()
        if not row.present and (size := blobs.size(digest)) is not None
    }
    missing = sum(not row.present for row in known.values()) - len(here)
    connection.execute(
        sa.update(artifact_version)
        .where(artifact_version.c.id == version.id)
        .values(
            expanded=True, missing=missing + len(here), size=clamp(manifest.size),
            files=len(manifest.entries),
        )
    )  # fmt: skip
    arrive(connection, blobs, here, arrival)
    return True


def arrive(
    connection: sa.Connection, blobs: Blobs, sizes: dict[int, int], arrival: Arrival
) -> None:
    """Note that blobs are here, and commit the versions that waited for them.

    Args:
        connection: a write transaction; the caller holds ``store.moving``.
        blobs: those of the home; they lie there.
        sizes: bytes by the blob's row id.
        arrival: told what happened.
    """
    news = mark_present(connection, sizes)
    for start in range(0, len(news), IN_ONE_QUERY):
        part = news[start : start + IN_ONE_QUERY]
        waiting = connection.execute(
            sa.select(version_blob.c.version_id, sa.func.count())
            .join(artifact_version, artifact_version.c.id == version_blob.c.version_id)
            .where(version_blob.c.blob_id.in_(part), artifact_version.c.state == PENDING)
            .group_by(version_blob.c.version_id)
        ).all()
        for version_id, count in waiting:
            connection.execute(
                sa.update(artifact_version)
                .where(artifact_version.c.id == version_id, artifact_version.c.expanded)
                .values(missing=artifact_version.c.missing - count)
            )
        for version_id, _ in waiting:
            settle(connection, blobs, version_id, arrival)


def _finish(connection: sa.Connection, version_id: int, arrival: Arrival) -> None:
    """Commit a version of which everything is here, and give it its aliases."""
    version = connection.execute(
        sa.select(artifact_version, artifact.c.entity, artifact.c.project, artifact.c.name)
        .join(artifact, artifact.c.id == artifact_version.c.artifact_id)
        .where(artifact_version.c.id == version_id)
    ).one()
    for alias in [*_decode_words(version.wanted), LATEST]:
        give_alias(connection, version, alias)
    fresh = version.state == PENDING
    values: dict[str, Any] = {"wanted": _encode([])}
    if fresh:
        values |= {"state": COMMITTED, "committed_us": time.time_ns() // 1000}
    connection.execute(
        sa.update(artifact_version).where(artifact_version.c.id == version_id).values(values)
    )
    if fresh:
        arrival.committed.append(version_id)
        if version.run_id is not None:
            arrival.runs.add(version.run_id)
        path = (version.entity, version.project, version.name)
        make_ready(connection, path, version.digest)


def give_alias(
    connection: sa.Connection, version: sa.Row[Any], alias: str, *, force: bool = False
) -> None:
    """Let an alias point at a version, unless it points at a newer one of the same artifact."""
    number = sa.select(artifact_version.c.number).join(
        artifact_alias, artifact_alias.c.version_id == artifact_version.c.id
    )
    holder = connection.execute(
        number.where(
            artifact_alias.c.artifact_id == version.artifact_id, artifact_alias.c.alias == alias
        )
    ).scalar()
    if force or holder is None or holder <= version.number:
        connection.execute(
            upsert(
                connection.dialect.name, artifact_alias, ("artifact_id", "alias"),
                replace("version_id"),
            ),
            {"artifact_id": version.artifact_id, "alias": alias, "version_id": version.id},
        )  # fmt: skip


def load_manifest(blobs: Blobs, digest: str) -> Manifest:
    """The manifest of a version; the last few are remembered.

    Raises:
        NotFound: it is not here.
        InvalidInput: it is no manifest.
        CorruptFile: its bytes are damaged.
    """
    return _load(blobs.root.parent, digest)


@functools.lru_cache(maxsize=4)
def _load(home: Path, digest: str) -> Manifest:
    return read_manifest(Blobs(home).read(digest))


def decode_maker(data: bytes) -> RunRef | None:
    """The run that made a version, as it was written down then."""
    try:
        return _decode_maker(data)
    except msgspec.MsgspecError:
        return None
