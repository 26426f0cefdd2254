"""Experiments: every project, with what foreign clients said of it.

A project that no foreign client changed has no row here. There are few of them, so that finding
and filtering is done on the whole list. Each is also a file, ``kept/<digest of its project>
.experiment``, written whole before a change is acknowledged, from which a database that was lost
gets it back.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.names import DEFAULT_ENTITY, MAX_NAME, check_name
from epochal.domain.tracked import (
    DEFAULT_EXPERIMENT,
    DEFAULT_EXPERIMENT_ID,
    Experiment,
    KeptExperiment,
    experiment_id,
)
from epochal.errors import Conflict, CorruptFile, InvalidInput, NotFound
from epochal.store.archived import unmark
from epochal.store.dialect import replace, upsert
from epochal.store.durable import durable_file
from epochal.store.enroll import next_revision
from epochal.store.keep import DIRECTORY
from epochal.store.scalars import storable
from epochal.store.schema import experiment, project, run
from epochal.store.store import DIRECTORY_MODE, Store

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(Experiment).decode
_decode_tags = msgspec.msgpack.Decoder(dict[str, str]).decode
SUFFIX = ".experiment"
MOST_PLACES = 10_000
_PLACES: dict[int, tuple[str, str]] = {}
"""Projects by the ids that were asked for; which project an id means never changes."""
_COLUMNS = ("name", "updated_us", "deleted", "tags")


def list_experiments(store: Store) -> list[Experiment]:
    """Every experiment, deleted ones too; the default one is always there."""
    with store.database.read() as connection:
        return _read_all(connection)


def get_experiment(store: Store, id: int) -> Experiment:
    """One experiment, deleted or not.

    Raises:
        NotFound: there is no such experiment.
    """
    with store.database.read() as connection:
        return _find(connection, id)


def named_experiment(store: Store, name: str) -> Experiment:
    """The experiment with a name, deleted or not.

    Raises:
        NotFound: there is none.
    """
    name = storable(name)
    entity, slash, place = name.partition("/")
    places = [(DEFAULT_ENTITY, name), (entity, place)] if slash else [(DEFAULT_ENTITY, name)]
    with store.database.read() as connection:
        said = connection.execute(sa.select(experiment).where(experiment.c.name == name)).first()
        if said is not None:
            return _changed(said)
        for entity, place in places:
            here = sa.select(experiment.c.id).where(
                experiment.c.entity == entity, experiment.c.project == place
            )
            row = connection.execute(
                sa.select(project).where(
                    project.c.entity == entity, project.c.name == place, ~here.exists()
                )
            ).first()
            if row is not None and _plain(entity, place, 0, 0).name == name:
                return _plain(entity, place, row.created_us, row.updated_us)
        if name == DEFAULT_EXPERIMENT:
            return _find(connection, DEFAULT_EXPERIMENT_ID)
    raise NotFound(f"Could not find experiment with name '{name[:500]}'")


def create_experiment(store: Store, name: str, tags: Mapping[str, str]) -> Experiment:
    """Make an experiment.

    Raises:
        Conflict: one of that name exists, perhaps deleted.
    """
    name = storable(name)
    with store.database.write() as connection:
        every = _read_all(connection)
        _refuse_taken(every, name)
        place = _free_place(name, {one.project for one in every})
        now = time.time_ns() // 1000
        made = Experiment(
            id=experiment_id(DEFAULT_ENTITY, place), name=name, entity=DEFAULT_ENTITY,
            project=place, created_us=now, updated_us=now, tags=dict(tags),
        )  # fmt: skip
        _save(store, connection, made)
    return made


def rename_experiment(store: Store, id: int, name: str) -> Experiment:
    """Give an experiment another name; the project under it keeps its own.

    Raises:
        NotFound: there is no such experiment.
        Conflict: another one has that name.
    """
    name = storable(name)
    with store.database.write() as connection:
        found = _find(connection, id)
        if name != found.name:
            _refuse_taken(_read_all(connection), name)
        return _change(store, connection, msgspec.structs.replace(found, name=name))


def tag_experiment(
    store: Store, id: int, changes: Mapping[str, str], removed: tuple[str, ...] = ()
) -> Experiment:
    """Set and remove tags.

    Raises:
        NotFound: there is no such experiment, or no such tag to remove.
    """
    with store.database.write() as connection:
        found = _find(connection, id)
        missing = [key for key in removed if key not in found.tags]
        if missing:
            raise NotFound(f"No tag with name: {missing[0]} in experiment with id {id}")
        kept = {key: value for key, value in found.tags.items() if key not in removed}
        clean = {key: storable(value) for key, value in changes.items()}
        return _change(store, connection, msgspec.structs.replace(found, tags={**kept, **clean}))


def archive_experiment(store: Store, id: int, *, deleted: bool) -> None:
    """Delete or restore an experiment and archive or restore all of its runs with it.

    Raises:
        NotFound: there is no such experiment, or it is in that state already.
    """
    with store.database.write() as connection:
        found = _find(connection, id)
        if found.deleted == deleted:
            word = "deleted" if deleted else "active"
            raise NotFound(f"Experiment with id={id} is {word} already")
        _change(store, connection, msgspec.structs.replace(found, deleted=deleted))
        uids = _archive_runs(connection, found, archived=deleted)
        if not deleted:
            unmark(store, uids)


def keep_experiment(store: Store, told: KeptExperiment) -> Experiment:
    """Lay what an import tells of a project over what is known of it.

    It is deleted only when none of its runs is active: others may have made some in it.

    Returns:
        What it is now.
    """
    with store.database.write() as connection:
        found = _begin(connection, told)
        tags = {**found.tags, **told.tags}
        kept = {key: storable(value) for key, value in tags.items() if value is not None}
        deleted = found.deleted if told.deleted is None else told.deleted
        if deleted and not found.deleted:
            deleted = found.id != DEFAULT_EXPERIMENT_ID and not _has_active(connection, found)
        return _change(
            store, connection, msgspec.structs.replace(found, tags=kept, deleted=deleted)
        )


def _begin(connection: sa.Connection, told: KeptExperiment) -> Experiment:
    """What is known of a project, or what is told of it when nobody said anything before."""
    id = experiment_id(DEFAULT_ENTITY, told.project)
    said = connection.execute(sa.select(experiment).where(experiment.c.id == id)).first()
    if said is not None:
        return _changed(said)
    names = {one.name for one in _read_all(connection) if one.id != id}
    name, number = storable(told.name), 2
    if name in names:
        name = told.project
    while name in names:
        name, number = f"{told.project} ({number})", number + 1
    now = time.time_ns() // 1000
    created = told.created_us or now
    return Experiment(id, name, DEFAULT_ENTITY, told.project, created, max(created, now))


def _has_active(connection: sa.Connection, inside: Experiment) -> bool:
    query = (
        sa.select(run.c.id)
        .join(project, project.c.id == run.c.project_id)
        .where(
            project.c.entity == inside.entity, project.c.name == inside.project,
            run.c.archived == sa.false(),
        )
        .limit(1)
    )  # fmt: skip
    return connection.execute(query).first() is not None


def restore_experiments(store: Store) -> list[CorruptFile]:
    """Bring experiments back into a database that was lost; returns what could not be read."""
    problems: list[CorruptFile] = []
    with store.database.write() as connection:
        for path in sorted((store.home / DIRECTORY).glob(f"*{SUFFIX}")):
            try:
                one = _decode(path.read_bytes())
            except (msgspec.MsgspecError, OSError) as error:
                problems.append(CorruptFile(path, str(error)))
                continue
            _insert(connection, one)
            if one.deleted:
                _archive_runs(connection, one, archived=True)
    return problems


def _archive_runs(connection: sa.Connection, inside: Experiment, *, archived: bool) -> list[str]:
    """Archive or restore all runs; returns their uids."""
    projects = sa.select(project.c.id).where(
        project.c.entity == inside.entity, project.c.name == inside.project
    )
    connection.execute(
        sa.update(run)
        .where(run.c.project_id.in_(projects))
        .values(archived=archived, rev=next_revision(connection))
    )
    found = sa.select(run.c.uid).where(run.c.project_id.in_(projects))
    return list(connection.execute(found).scalars())


def _read_all(connection: sa.Connection) -> list[Experiment]:
    found: dict[tuple[str, str], Experiment] = {}
    for row in connection.execute(sa.select(experiment)):
        found[row.entity, row.project] = _changed(row)
    for row in connection.execute(sa.select(project)):
        if (row.entity, row.name) not in found:
            found[row.entity, row.name] = _plain(
                row.entity, row.name, row.created_us, row.updated_us
            )
    if (DEFAULT_ENTITY, DEFAULT_EXPERIMENT) not in found:
        found[DEFAULT_ENTITY, DEFAULT_EXPERIMENT] = _plain(
            DEFAULT_ENTITY, DEFAULT_EXPERIMENT, 0, 0
        )
    return list(found.values())


def _plain(entity: str, name: str, created_us: int, updated_us: int) -> Experiment:
    """A project that no foreign client changed. Those of other entities show whose they are."""
    shown = name if entity == DEFAULT_ENTITY else f"{entity}/{name}"
    id = experiment_id(entity, name)
    return Experiment(id, shown, entity, name, created_us, updated_us)


def _find(connection: sa.Connection, id: int) -> Experiment:
    row = connection.execute(sa.select(experiment).where(experiment.c.id == id)).first()
    if row is not None:
        return _changed(row)
    if id in _PLACES:  # an id is made of a project's name and cannot be turned back
        entity, name = _PLACES[id]
        row = connection.execute(
            sa.select(project).where(project.c.entity == entity, project.c.name == name)
        ).first()
        if row is not None:
            return _plain(entity, name, row.created_us, row.updated_us)
    for one in _read_all(connection):
        if one.id == id:
            if len(_PLACES) < MOST_PLACES:
                _PLACES[id] = (one.entity, one.project)
            return one
    raise NotFound(f"No Experiment with id={id} exists")


def _changed(row: sa.Row[Any]) -> Experiment:
    """A project of which a foreign client said something."""
    return Experiment(
        id=row.id, name=row.name, entity=row.entity, project=row.project,
        created_us=row.created_us, updated_us=row.updated_us, deleted=row.deleted,
        tags=_decode_tags(row.tags),
    )  # fmt: skip


def _refuse_taken(every: list[Experiment], name: str) -> None:
    for one in every:
        if one.name == name:
            state = "a deleted" if one.deleted else "an"
            raise Conflict(
                f"Experiment(name={name}) already exists: {state} experiment has that name"
            )


def _free_place(name: str, taken: set[str]) -> str:
    """A project name for an experiment: its own where that can be one."""
    try:
        base = check_name(name, "experiment name")
    except InvalidInput:
        readable = "".join(c if c.isprintable() else " " for c in name).strip(" .")
        base = readable[: MAX_NAME - 32].strip() or "experiment"
    place, number = base, 2
    while place in taken:
        place, number = f"{base[: MAX_NAME - 16].strip()} ({number})", number + 1
    return place


def _change(store: Store, connection: sa.Connection, changed: Experiment) -> Experiment:
    now = max(time.time_ns() // 1000, changed.updated_us + 1)
    changed = msgspec.structs.replace(changed, updated_us=now)
    _save(store, connection, changed)
    return changed


def _save(store: Store, connection: sa.Connection, one: Experiment) -> None:
    _insert(connection, one)
    digest = hashlib.sha256(f"{one.entity}\0{one.project}".encode()).hexdigest()
    folder = store.home / DIRECTORY
    if not folder.is_dir():
        folder.mkdir(mode=DIRECTORY_MODE)
        store.disk.sync_directory(store.home)
    path: Path = folder / f"{digest}{SUFFIX}"
    with durable_file(path, store.disk) as write:
        write(_encode(one))


def _insert(connection: sa.Connection, one: Experiment) -> None:
    connection.execute(
        upsert(connection.dialect.name, experiment, ("entity", "project"), replace(*_COLUMNS)),
        {**msgspec.structs.asdict(one), "tags": _encode(one.tags)},
    )
