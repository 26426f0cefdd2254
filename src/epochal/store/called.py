"""What people said of artifacts, kept beside the database, which may be lost.

Journals bring an artifact back as its runs called it. A name, a type, a description and tags that
people gave stand in one file for each artifact, ``kept/<digest of its name>.artifact``, written
whole before a change is acknowledged, and laid over what the records made.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from epochal.errors import CorruptFile
from epochal.store.durable import durable_file
from epochal.store.former import Place, rename
from epochal.store.keep import DIRECTORY
from epochal.store.schema_objects import artifact, artifact_former, artifact_label
from epochal.store.store import DIRECTORY_MODE, Store

SUFFIX: Final = ".artifact"


class Called(msgspec.Struct, array_like=True, frozen=True):
    """An artifact as people call it, and its former names."""

    entity: str
    project: str
    name: str
    type: str
    description: str
    labels: list[str]
    former: list[str]


_decode = msgspec.msgpack.Decoder(Called).decode


def write_called(store: Store, connection: sa.Connection, artifact_id: int, before: str) -> None:
    """Write down how an artifact is called. Call it last in the transaction that changed it.

    Args:
        store: the home.
        connection: the write transaction.
        artifact_id: of the artifact.
        before: its name before the change.

    Raises:
        StorageFull: no room.
    """
    row = connection.execute(sa.select(artifact).where(artifact.c.id == artifact_id)).one()
    labels = sa.select(artifact_label.c.label).where(artifact_label.c.artifact_id == artifact_id)
    names = sa.select(artifact_former.c.name).where(artifact_former.c.artifact_id == artifact_id)
    found = Called(
        row.entity, row.project, row.name, row.type, row.description,
        sorted(connection.execute(labels).scalars()),
        sorted(connection.execute(names).scalars()),
    )  # fmt: skip
    path = _path(store, (row.entity, row.project, row.name))
    if not path.parent.is_dir():
        path.parent.mkdir(mode=DIRECTORY_MODE)
        store.disk.sync_directory(store.home)
    with durable_file(path, store.disk) as write:
        write(msgspec.msgpack.encode(found))
    if before != row.name:
        _path(store, (row.entity, row.project, before)).unlink(missing_ok=True)


def forget_called(store: Store, place: Place) -> None:
    """Remove what was written of an artifact that was deleted."""
    _path(store, place).unlink(missing_ok=True)


def set_labels(connection: sa.Connection, artifact_id: int, labels: list[str]) -> None:
    """Replace the tags of an artifact."""
    mine = artifact_label.c.artifact_id == artifact_id
    connection.execute(sa.delete(artifact_label).where(mine))
    rows = [{"artifact_id": artifact_id, "label": label} for label in dict.fromkeys(labels)]
    if rows:
        connection.execute(sa.insert(artifact_label), rows)


def read_called(home: Path) -> list[Called]:
    """How artifacts were called.

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


def call(connection: sa.Connection, called: Called) -> None:
    """Let an artifact be called as it was; one that no record made is left out."""
    for name in called.former:
        owner = _find(connection, called, name)
        if owner is not None and _find(connection, called, called.name) is None:
            rename(connection, owner, called.name)
    owner = _find(connection, called, called.name)
    if owner is None:
        return
    values = {"type": called.type, "description": called.description}
    connection.execute(sa.update(artifact).where(artifact.c.id == owner.id).values(values))
    set_labels(connection, owner.id, called.labels)


def _find(connection: sa.Connection, called: Called, name: str) -> Any:
    here = (artifact.c.entity == called.entity, artifact.c.project == called.project)
    return connection.execute(sa.select(artifact).where(*here, artifact.c.name == name)).first()


def _path(store: Store, place: Place) -> Path:
    """A name never becomes a path."""
    digest = hashlib.sha256("\0".join(place).encode()).hexdigest()
    return store.home / DIRECTORY / f"{digest}{SUFFIX}"
