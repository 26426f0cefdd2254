"""What people said of artifacts, kept beside the database, which may be lost.

Journals bring an artifact back as its runs called it. A name, a type, a description and tags that
people gave stand in one file for each artifact, ``kept/<digest of its name>.artifact``, written
whole before a change is acknowledged, and laid over what the records made. Records are applied
under the name that they mean (`Eras`), so that versions get their numbers again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from epochal.errors import CorruptFile
from epochal.store import registry
from epochal.store.durable import durable_file
from epochal.store.eras import Era, Eras
from epochal.store.former import Place, bring_along, lead_on
from epochal.store.keep import DIRECTORY
from epochal.store.schema_objects import (
    artifact,
    artifact_former,
    artifact_label,
    artifact_version,
)
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
    eras: list[Era] = []

    @property
    def place(self) -> Place:
        """Where it is found now."""
        return (self.entity, self.project, self.name)

    def last(self, name: str) -> int:
        """The end of the last time in which it had a name, in microseconds."""
        return max((era.until_us for era in self.eras if era.name == name), default=0)


_decode = msgspec.msgpack.Decoder(Called).decode


def write_called(store: Store, connection: sa.Connection, before: Any) -> None:
    """Write down how an artifact is called. Call it last in the transaction that changed it.

    The file under a former name is for `forget_called`, after the transaction.

    Args:
        store: the home.
        connection: the write transaction.
        before: the row of the artifact before the change.

    Raises:
        CorruptFile: what was written of it before is damaged.
        StorageFull: no room.
    """
    artifact_id = before.id
    row = connection.execute(sa.select(artifact).where(artifact.c.id == artifact_id)).one()
    labels = sa.select(artifact_label.c.label).where(artifact_label.c.artifact_id == artifact_id)
    names = sa.select(artifact_former.c.name).where(artifact_former.c.artifact_id == artifact_id)
    found = Called(
        row.entity, row.project, row.name, row.type, row.description,
        sorted(connection.execute(labels).scalars()),
        sorted(connection.execute(names).scalars()), _past(store, connection, before, row),
    )  # fmt: skip
    path = _path(store, (row.entity, row.project, row.name))
    if not path.parent.is_dir():
        path.parent.mkdir(mode=DIRECTORY_MODE)
        store.disk.sync_directory(store.home)
    with durable_file(path, store.disk) as write:
        write(msgspec.msgpack.encode(found))


def _past(store: Store, connection: sa.Connection, before: Any, row: Any) -> list[Era]:
    """The eras of an artifact; one more ends with a change of its name or type."""
    path = _path(store, (before.entity, before.project, before.name))
    eras = _read(path).eras if path.exists() else []
    if (before.name, before.type) == (row.name, row.type):
        return eras
    created = artifact_version.c.created_us
    span = sa.select(sa.func.min(created), sa.func.max(created))
    first, last = connection.execute(span.where(artifact_version.c.artifact_id == row.id)).one()
    if eras:
        since = eras[-1].until_us
    else:
        since = min(before.created_us, before.created_us if first is None else first) - 1
    until = max(since, before.updated_us, last or 0)
    return [*eras, Era(before.name, before.type, since, until)]


def forget_called(store: Store, place: Place) -> None:
    """Remove what was written of an artifact that was deleted or renamed.

    Call it after the transaction, while nobody else may write it down.
    """
    _path(store, place).unlink(missing_ok=True)


def set_labels(connection: sa.Connection, artifact_id: int, labels: list[str]) -> None:
    """Replace the tags of an artifact."""
    mine = artifact_label.c.artifact_id == artifact_id
    connection.execute(sa.delete(artifact_label).where(mine))
    rows = [{"artifact_id": artifact_id, "label": label} for label in dict.fromkeys(labels)]
    if rows:
        connection.execute(sa.insert(artifact_label), rows)


def read_called(home: Path) -> tuple[list[Called], list[CorruptFile]]:
    """How artifacts were called, and the files that cannot be read."""
    found, problems = [], []
    for path in sorted((home / DIRECTORY).glob(f"*{SUFFIX}")):
        try:
            found.append(_read(path))
        except CorruptFile as error:
            problems.append(error)
        except OSError as error:
            problems.append(CorruptFile(path, str(error)))
    return found, problems


def _read(path: Path) -> Called:
    try:
        called = _decode(path.read_bytes())
    except msgspec.MsgspecError as error:
        raise CorruptFile(path, str(error)) from error
    if called.eras or not called.former:
        return called
    # From before eras were written down: until the file was written, each former name meant this.
    until = path.stat().st_mtime_ns // 1000
    eras = [Era(name, called.type, 0, until) for name in called.former]
    return msgspec.structs.replace(called, eras=eras)


def eras_of(names: list[Called]) -> Eras:
    """The past of these artifacts."""
    eras = Eras()
    for called in sorted(names, key=lambda one: -len(one.eras)):  # a crash may leave a stale file
        eras.add(called.place, called.type, called.eras)
    return eras


def call(connection: sa.Connection, names: list[Called]) -> None:
    """Let artifacts be called as they were; one that no record made is left out."""
    leading: list[tuple[int, str, Any]] = []
    for called in names:
        owner = _find(connection, called)
        if owner is None:
            continue
        values = {"type": called.type, "description": called.description}
        connection.execute(sa.update(artifact).where(artifact.c.id == owner.id).values(values))
        set_labels(connection, owner.id, called.labels)
        for name in {era.name for era in called.eras} - {called.name}:
            bring_along(connection, owner, name, called.last(name))
        registry.look_ready(connection, called.place)
        leading += [(called.last(name), name, owner) for name in called.former]
    for _, name, owner in sorted(leading, key=lambda one: one[0]):  # who had it last has it
        lead_on(connection, owner, name)


def _find(connection: sa.Connection, called: Called) -> Any:
    here = (
        artifact.c.entity == called.entity, artifact.c.project == called.project,
        artifact.c.name == called.name,
    )  # fmt: skip
    return connection.execute(sa.select(artifact).where(*here)).first()


def _path(store: Store, place: Place) -> Path:
    """A name never becomes a path."""
    digest = hashlib.sha256("\0".join(place).encode()).hexdigest()
    return store.home / DIRECTORY / f"{digest}{SUFFIX}"
