"""Artifacts and versions as people change and delete them; content is never changed."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import LATEST, ArtifactRef
from epochal.domain.names import MAX_TAG
from epochal.domain.objects import ArtifactChanges, ArtifactRow, VersionChanges, VersionRow
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.store.artifacts import (
    artifact_rows,
    find_artifact,
    find_version,
    linked_models,
    made_alone,
    undeleted_versions,
    versions_by_id,
)
from epochal.store.called import forget_called, set_labels, write_called
from epochal.store.former import rename
from epochal.store.scalars import storable
from epochal.store.schema_objects import (
    artifact,
    artifact_alias,
    artifact_tag,
    artifact_version,
    version_blob,
)
from epochal.store.standing import write_book
from epochal.store.store import Store
from epochal.store.telling import announce, note_makers
from epochal.store.versions import COMMITTED, DELETED, SECOND, give_alias

_encode = msgspec.msgpack.encode


def update_artifact(store: Store, ref: ArtifactRef, changes: ArtifactChanges) -> ArtifactRow:
    """Change an artifact.

    Raises:
        NotFound: there is none.
        Conflict: another artifact has the new name.
    """
    with store.moving:
        with store.database.write() as connection:
            owner = find_artifact(connection, ref)
            values: dict[str, Any] = {}
            if changes.description is not None:
                values["description"] = storable(changes.description)
            if changes.type is not None:
                values["type"] = changes.type
            if values:
                here = artifact.c.id == owner.id
                connection.execute(sa.update(artifact).where(here).values(values))
            if changes.tags is not None:
                set_labels(connection, owner.id, changes.tags)
            models: list[int] = []
            if changes.name is not None and changes.name != owner.name:
                models = rename(connection, owner, changes.name)
            changed = note_makers(
                connection, [version.id for version in undeleted_versions(connection, owner.id)]
            )
            found = sa.select(artifact).where(artifact.c.id == owner.id)
            row = artifact_rows(connection, connection.execute(found).all())[0]
            for model_id in models:
                write_book(store, connection, model_id)
            write_called(store, connection, owner)
        if row.name != owner.name:
            forget_called(store, (owner.entity, owner.project, owner.name))
    announce(store, changed)
    return row


def update_version(store: Store, ref: ArtifactRef, changes: VersionChanges) -> VersionRow:
    """Change what people may change of a version: words about it, never its content.

    Raises:
        NotFound: there is none.
        Conflict: an alias was asked for a version whose bytes are not all here.
    """
    with store.database.write() as connection:
        version = find_version(connection, ref)
        _change_aliases(connection, version, changes)
        if changes.tags is not None:
            mine = artifact_tag.c.version_id == version.id
            connection.execute(sa.delete(artifact_tag).where(mine))
            tags = dict.fromkeys(storable(tag)[:MAX_TAG] for tag in changes.tags)
            if tags:
                connection.execute(
                    sa.insert(artifact_tag),
                    [{"version_id": version.id, "tag": tag} for tag in tags],
                )
        values: dict[str, Any] = {}
        if changes.metadata is not None:
            values["metadata"] = _encode(changes.metadata)
        if changes.description is not None:
            values["description"] = storable(changes.description)
        if changes.ttl_s is not None:
            values["expires_us"] = (
                version.created_us + changes.ttl_s * SECOND if changes.ttl_s else None
            )
        if values:
            connection.execute(
                sa.update(artifact_version)
                .where(artifact_version.c.id == version.id)
                .values(values)
            )
        changed = note_makers(connection, [version.id])
        row = versions_by_id(connection, [version.id])[version.id]
    announce(store, changed)
    return row


def _change_aliases(connection: sa.Connection, version: Any, changes: VersionChanges) -> None:
    given = [*(changes.aliases or []), *changes.add_aliases]
    if LATEST in given or LATEST in changes.remove_aliases:
        raise InvalidInput(f"{LATEST!r} follows the newest version by itself; choose another word")
    if given and version.state != COMMITTED:
        raise Conflict(
            f"{version.missing} blobs of this version are on their way; "
            f"give it an alias when it is complete"
        )
    mine = sa.and_(artifact_alias.c.version_id == version.id, artifact_alias.c.alias != LATEST)
    if changes.aliases is not None:
        connection.execute(sa.delete(artifact_alias).where(mine))
    if changes.remove_aliases:
        connection.execute(
            sa.delete(artifact_alias).where(
                mine, artifact_alias.c.alias.in_(changes.remove_aliases)
            )
        )
    for alias in given:
        give_alias(connection, version, alias, force=True)


def delete_version(store: Store, ref: ArtifactRef, *, force: bool = False) -> None:
    """Delete a version; its number stays used, and `collect` frees its bytes.

    Raises:
        NotFound: there is none.
        Conflict: it has an alias other than ``latest`` and ``force`` is not given, or a model
            stands on it.
    """
    with store.moving, store.database.write() as connection:
        version = find_version(connection, ref)
        _refuse_former(ref, version.name)
        aliases = connection.execute(
            sa.select(artifact_alias.c.alias).where(
                artifact_alias.c.version_id == version.id, artifact_alias.c.alias != LATEST
            )
        ).scalars()
        names = sorted(aliases)
        if names and not force:
            raise Conflict(
                f"version v{version.number} of {ref.path} has the alias {', '.join(names)}; "
                f"remove it first, or delete with force"
            )
        _refuse_linked(connection, version)
        changed = note_makers(connection, [version.id])
        remove_version(connection, version)
    announce(store, changed)


def _refuse_former(ref: ArtifactRef, name: str) -> None:
    """Who asks to delete what had this name before may not know what has become of it."""
    if ref.name != name:
        raise NotFound(
            f"the artifact {ref.name!r} of project {ref.entity}/{ref.project} is called "
            f"{name!r} now; delete it under that name"
        )


def _refuse_linked(connection: sa.Connection, version: Any) -> None:
    found = linked_models(connection, version)
    if found:
        raise Conflict(
            f"version v{version.number} of {version.name!r} is version {found[0][1]} of the model "
            f"{found[0][0]!r}; delete that first"
        )


def remove_version(connection: sa.Connection, version: Any) -> None:
    """Give up a version's references and aliases; ``latest`` falls back to the newest left."""
    connection.execute(sa.delete(version_blob).where(version_blob.c.version_id == version.id))
    connection.execute(sa.delete(artifact_alias).where(artifact_alias.c.version_id == version.id))
    connection.execute(
        sa.update(artifact_version)
        .where(artifact_version.c.id == version.id)
        .values(state=DELETED, missing=0, wanted=_encode([]))
    )
    newest = connection.execute(
        sa.select(artifact_version)
        .where(
            artifact_version.c.artifact_id == version.artifact_id,
            artifact_version.c.state == COMMITTED,
        )
        .order_by(artifact_version.c.number.desc())
        .limit(1)
    ).first()
    if newest is not None:
        give_alias(connection, newest, LATEST)


def remove_made(connection: sa.Connection, run_id: int) -> None:
    """Remove the versions that this run made and no other run that is still there.

    Raises:
        Conflict: a model stands on one of them; none was removed then.
    """
    versions = made_alone(connection, run_id)
    for version in versions:
        _refuse_linked(connection, version)
    for version in versions:
        remove_version(connection, version)


def delete_artifact(store: Store, ref: ArtifactRef) -> None:
    """Delete an artifact with all its versions; `collect` frees their bytes.

    Raises:
        NotFound: there is none.
        Conflict: a model stands on one of its versions.
    """
    with store.moving:
        with store.database.write() as connection:
            owner = find_artifact(connection, ref)
            _refuse_former(ref, owner.name)
            versions = undeleted_versions(connection, owner.id)
            for version in versions:
                _refuse_linked(connection, version)
            changed = note_makers(connection, [version.id for version in versions])
            connection.execute(sa.delete(artifact).where(artifact.c.id == owner.id))
        forget_called(store, (owner.entity, owner.project, owner.name))
    announce(store, changed)
