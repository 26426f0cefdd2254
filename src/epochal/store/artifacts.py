"""Artifacts and their versions as people see and change them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import LATEST, ArtifactRef, is_digest_prefix
from epochal.domain.objects import (
    ArtifactList,
    ArtifactRow,
    RunArtifacts,
    RunModel,
    VersionList,
    VersionRow,
    VersionUse,
)
from epochal.errors import Conflict, NotFound
from epochal.store.blobs import portions
from epochal.store.former import successor
from epochal.store.rows import find_run_id, suggest
from epochal.store.schema import run
from epochal.store.schema_objects import (
    artifact,
    artifact_alias,
    artifact_label,
    artifact_tag,
    artifact_use,
    artifact_version,
    model,
    model_version,
    version_run,
    version_step,
)
from epochal.store.store import Store
from epochal.store.versions import COMMITTED, DELETED, decode_maker

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode

_VERSION: sa.Select[Any] = (
    sa.select(
        *artifact_version.c, artifact.c.entity, artifact.c.project, artifact.c.name,
        artifact.c.type, run.c.id.label("alive"), version_step.c.step,
    )
    .join(artifact, artifact.c.id == artifact_version.c.artifact_id)
    .join(run, run.c.id == artifact_version.c.run_id, isouter=True)
    .join(version_step, version_step.c.version_id == artifact_version.c.id, isouter=True)
)  # fmt: skip


def list_artifacts(
    store: Store, entity: str, project: str | None, type: str | None, search: str | None
) -> ArtifactList:
    """Artifacts of an entity, newest activity first.

    Args:
        store: the home.
        entity: whose.
        project: only this one's.
        type: only of this type.
        search: only those whose name contains it, case-insensitively.
    """
    query = sa.select(artifact).where(artifact.c.entity == entity)
    if project is not None:
        query = query.where(artifact.c.project == project)
    if type is not None:
        query = query.where(artifact.c.type == type)
    if search:
        query = query.where(
            sa.func.lower(artifact.c.name).contains(search.lower(), autoescape=True)
        )
    with store.database.read() as connection:
        rows = connection.execute(query.order_by(artifact.c.updated_us.desc())).all()
        return ArtifactList(artifact_rows(connection, rows))


def artifact_rows(connection: sa.Connection, rows: Sequence[Any]) -> list[ArtifactRow]:
    """Rows of the table with what is known of their versions."""
    sums: dict[int, Any] = {}
    aliases: dict[int, list[str]] = defaultdict(list)
    labels: dict[int, list[str]] = defaultdict(list)
    for part in portions(row.id for row in rows):
        counted = (
            sa.select(
                artifact_version.c.artifact_id, sa.func.count().label("count"),
                sa.func.sum(artifact_version.c.size).label("size"),
                sa.func.max(
                    sa.case(
                        (artifact_version.c.state == COMMITTED, artifact_version.c.number)
                    )
                ).label("latest"),
            )
            .where(artifact_version.c.artifact_id.in_(part), artifact_version.c.state != DELETED)
            .group_by(artifact_version.c.artifact_id)
        )  # fmt: skip
        sums |= {row.artifact_id: row for row in connection.execute(counted)}
        named = sa.select(artifact_alias.c.artifact_id, artifact_alias.c.alias)
        for row in connection.execute(named.where(artifact_alias.c.artifact_id.in_(part))):
            aliases[row.artifact_id].append(row.alias)
        labelled = sa.select(artifact_label).where(artifact_label.c.artifact_id.in_(part))
        for row in connection.execute(labelled):
            labels[row.artifact_id].append(row.label)
    found = []
    for row in rows:
        count, size, latest = (0, 0, None)
        if row.id in sums:
            count, size, latest = sums[row.id][1:]
        found.append(
            ArtifactRow(
                row.entity, row.project, row.name, row.type, row.description, row.created_us,
                row.updated_us, count, int(size or 0), latest, sorted(aliases[row.id]),
                sorted(labels[row.id]),
            )
        )  # fmt: skip
    return found


def find_artifact(connection: sa.Connection, ref: ArtifactRef) -> Any:
    """The row of an artifact.

    A former name leads on to the artifact that had it.

    Raises:
        NotFound: there is none; the message names a similar one.
    """
    here = sa.and_(artifact.c.entity == ref.entity, artifact.c.project == ref.project)
    named = sa.select(artifact).where(here)
    found = connection.execute(named.where(artifact.c.name == ref.name)).first()
    if found is None:
        name = successor(connection, (ref.entity, ref.project, ref.name))
        found = connection.execute(named.where(artifact.c.name == name)).first()
    if found is None:
        known = connection.execute(sa.select(artifact.c.name).where(here)).scalars()
        raise NotFound(
            f"project {ref.entity}/{ref.project} has no artifact {ref.name!r}"
            f"{suggest(ref.name, known)}"
        )
    return found


def find_version(connection: sa.Connection, ref: ArtifactRef) -> Any:
    """The row of a version, joined with its artifact's.

    Raises:
        NotFound: no such artifact, version or alias, or it was deleted.
        Conflict: a digest's beginning fits several versions.
    """
    owner = find_artifact(connection, ref)
    mine = _VERSION.where(artifact_version.c.artifact_id == owner.id)
    if ref.number is not None:
        found = connection.execute(mine.where(artifact_version.c.number == ref.number)).first()
        if found is None or found.state == DELETED:
            problem = "was deleted" if found is not None else "does not exist"
            raise NotFound(f"version v{ref.number} of {ref.path} {problem}")
        return found
    alias = ref.alias or LATEST
    pointed = mine.join(artifact_alias, artifact_alias.c.version_id == artifact_version.c.id)
    found = connection.execute(pointed.where(artifact_alias.c.alias == alias)).first()
    if found is not None:
        return found
    if is_digest_prefix(alias):
        fitting = mine.where(
            artifact_version.c.digest.startswith(alias), artifact_version.c.state != DELETED
        )
        rows = connection.execute(fitting.order_by(artifact_version.c.number.desc())).all()
        if len({row.digest for row in rows}) > 1:
            raise Conflict(f"several versions of {ref.path} begin with {alias}; give more digits")
        if rows:
            return rows[0]
    raise _no_alias(connection, ref, owner, alias)


def _no_alias(connection: sa.Connection, ref: ArtifactRef, owner: Any, alias: str) -> NotFound:
    known = list(
        connection.execute(
            sa.select(artifact_alias.c.alias).where(artifact_alias.c.artifact_id == owner.id)
        ).scalars()
    )
    if alias == LATEST and LATEST not in known:
        return NotFound(f"{ref.path} has no complete version yet; its bytes are on their way")
    return NotFound(f"no version of {ref.path} has the alias {alias!r}{suggest(alias, known)}")


def version_rows(connection: sa.Connection, rows: Sequence[Any]) -> list[VersionRow]:
    """Joined rows as they are shown, with their aliases and tags."""
    words: dict[str, dict[int, list[str]]] = {}
    for name, table, column in (
        ("alias", artifact_alias, artifact_alias.c.alias),
        ("tag", artifact_tag, artifact_tag.c.tag),
    ):
        words[name] = defaultdict(list)
        for part in portions(row.id for row in rows):
            query = sa.select(table.c.version_id, column).where(table.c.version_id.in_(part))
            for id, word in connection.execute(query.order_by(column)).all():
                words[name][id].append(word)
    return [_version_row(row, words["alias"][row.id], words["tag"][row.id]) for row in rows]


def _version_row(row: Any, aliases: list[str], tags: list[str]) -> VersionRow:
    maker = decode_maker(row.maker)
    if maker is not None:
        maker = msgspec.structs.replace(maker, exists=row.alive is not None)
    return VersionRow(
        entity=row.entity, project=row.project, name=row.name, type=row.type, version=row.number,
        state=row.state, digest=row.digest, size=row.size, files=row.files, missing=row.missing,
        aliases=aliases, tags=tags, metadata=_decode(row.metadata), description=row.description,
        created_us=row.created_us, committed_us=row.committed_us, expires_us=row.expires_us,
        run=maker, step=row.step,
    )  # fmt: skip


def list_versions(store: Store, ref: ArtifactRef, limit: int, offset: int) -> VersionList:
    """Versions of an artifact, newest first.

    Raises:
        NotFound: no such artifact.
    """
    with store.database.read() as connection:
        owner = find_artifact(connection, ref)
        here = sa.and_(
            artifact_version.c.artifact_id == owner.id, artifact_version.c.state != DELETED
        )
        total = connection.execute(
            sa.select(sa.func.count()).select_from(artifact_version).where(here)
        ).scalar_one()
        query = _VERSION.where(here).order_by(artifact_version.c.number.desc())
        rows = connection.execute(query.limit(limit).offset(offset)).all()
        return VersionList(version_rows(connection, rows), total)


def get_version(store: Store, ref: ArtifactRef) -> VersionRow:
    """One version.

    Raises:
        NotFound: there is none.
        Conflict: a digest's beginning fits several.
    """
    with store.database.read() as connection:
        return version_rows(connection, [find_version(connection, ref)])[0]


def versions_by_id(connection: sa.Connection, ids: Sequence[int]) -> dict[int, VersionRow]:
    """Versions by row id."""
    found: dict[int, VersionRow] = {}
    for part in portions(ids):
        rows = connection.execute(_VERSION.where(artifact_version.c.id.in_(part))).all()
        shown = version_rows(connection, rows)
        found |= {row.id: view for row, view in zip(rows, shown, strict=True)}
    return found


def undeleted_versions(connection: sa.Connection, artifact_id: int) -> Sequence[Any]:
    """The joined rows of an artifact's versions."""
    mine = _VERSION.where(
        artifact_version.c.artifact_id == artifact_id, artifact_version.c.state != DELETED
    )
    return connection.execute(mine).all()


def made_alone(connection: sa.Connection, run_id: int) -> Sequence[Any]:
    """The joined rows of the versions that a run made and no other run that is still there."""
    made = sa.select(version_run.c.version_id).where(version_run.c.run_id == run_id)
    shared = sa.select(version_run.c.version_id).where(
        version_run.c.version_id.in_(made), version_run.c.run_id != run_id
    )
    mine = _VERSION.where(
        artifact_version.c.id.in_(made), artifact_version.c.id.not_in(shared),
        artifact_version.c.state != DELETED,
    )  # fmt: skip
    return connection.execute(mine).all()


def used_version_id(connection: sa.Connection, use: Any) -> int | None:
    """The row of the version that a record of use means; None when it is not known here."""
    query = (
        sa.select(artifact_version.c.id)
        .join(artifact, artifact.c.id == artifact_version.c.artifact_id)
        .where(
            artifact.c.entity == use.entity, artifact.c.project == use.project,
            artifact.c.name == use.name, artifact_version.c.digest == use.digest,
        )
        .order_by(artifact_version.c.number.desc())
    )  # fmt: skip
    if use.number is not None:
        query = query.where(artifact_version.c.number == use.number)
    found: int | None = connection.execute(query.limit(1)).scalar()
    return found


def run_artifacts(store: Store, uid: str) -> RunArtifacts:
    """What a run made and read.

    Raises:
        NotFound: no such run.
    """
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        made = sa.select(version_run.c.version_id).where(version_run.c.run_id == run_id)
        mine = _VERSION.where(artifact_version.c.id.in_(made), artifact_version.c.state != DELETED)
        rows = connection.execute(mine.order_by(artifact_version.c.id.desc())).all()
        uses = connection.execute(
            sa.select(artifact_use)
            .where(artifact_use.c.run_id == run_id)
            .order_by(artifact_use.c.id)
        ).all()
        ids = [used_version_id(connection, use) for use in uses]
        known = versions_by_id(connection, [id for id in ids if id is not None])
        used = [
            VersionUse(
                f"{use.entity}/{use.project}/{use.name}", use.digest, use.role, use.wall_us,
                None if id is None else known.get(id),
            )
            for use, id in zip(uses, ids, strict=True)
        ]  # fmt: skip
        models = _models_on(connection, made) if rows else []
        return RunArtifacts(uid, version_rows(connection, rows), used, models)


def _models_on(connection: sa.Connection, made: sa.Select[Any]) -> list[RunModel]:
    """Model versions that stand on any of these artifact versions."""
    query = (
        sa.select(
            model.c.entity, model.c.name, model_version.c.number, artifact.c.name,
            artifact_version.c.number,
        )
        .select_from(artifact_version)
        .join(artifact, artifact.c.id == artifact_version.c.artifact_id)
        .join(
            model_version,
            sa.and_(
                model_version.c.entity == artifact.c.entity,
                model_version.c.project == artifact.c.project,
                model_version.c.name == artifact.c.name,
                model_version.c.digest == artifact_version.c.digest,
            ),
        )
        .join(model, model.c.id == model_version.c.model_id)
        .where(artifact_version.c.id.in_(made), artifact_version.c.state != DELETED)
        .order_by(model.c.name, model_version.c.number)
    )  # fmt: skip
    return [RunModel(*row) for row in connection.execute(query)]


def linked_models(connection: sa.Connection, version: Any) -> list[tuple[str, int, str]]:
    """Model versions that stand on an artifact version: name, number and entity of each."""
    query = (
        sa.select(model.c.name, model_version.c.number, model.c.entity)
        .join(model, model.c.id == model_version.c.model_id)
        .where(
            model_version.c.entity == version.entity,
            model_version.c.project == version.project, model_version.c.name == version.name,
            model_version.c.digest == version.digest,
        )
        .order_by(model.c.name, model_version.c.number)
    )  # fmt: skip
    return [(name, number, entity) for name, number, entity in connection.execute(query)]
