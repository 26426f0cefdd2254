"""What people said of registered models, kept beside the database, which may be lost.

Journals and `keep` bring a model's versions back. Everything that was said later stands in one
file for each model, ``kept/<digest of its name>.model``: descriptions, tags, aliases, stages,
numbers, and which versions were deleted. It is written whole, before a change is acknowledged, and
laid over what the records made: what is in it holds, what came after it stays.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import sqlalchemy as sa

from epochal.domain.objects import RunRef
from epochal.errors import CorruptFile
from epochal.store import registry
from epochal.store.durable import durable_file
from epochal.store.keep import DIRECTORY
from epochal.store.registry import Change
from epochal.store.registry import Path as Place
from epochal.store.schema_objects import model, model_alias, model_tag, model_version
from epochal.store.store import DIRECTORY_MODE, Store

SUFFIX: Final = ".model"
WHO: Final = "what was kept"
_PARKED: Final = 2**53

_decode_ref = msgspec.msgpack.Decoder(RunRef).decode
_decode_words = msgspec.msgpack.Decoder(list[str]).decode
_encode = msgspec.msgpack.encode


class Standing(msgspec.Struct, array_like=True, frozen=True):
    """A version as it stood. Whose record made it is told by maker, time and content."""

    number: int
    place: Place
    digest: str
    maker: bytes
    created_us: int
    updated_us: int
    stage: str
    description: str
    aliases: list[str]
    tags: dict[str, str]


Known: TypeAlias = tuple[str, int, str]
"""Whose record made a version: its maker's uid, its time and its content."""


class Book(msgspec.Struct, array_like=True, frozen=True):
    """A model as it stood; without versions and deleted when ``gone``."""

    entity: str
    name: str
    gone: bool
    created_us: int
    updated_us: int
    next_number: int
    description: str
    tags: dict[str, str]
    versions: list[Standing]
    deleted: list[Known]


_decode = msgspec.msgpack.Decoder(Book).decode


def write_book(
    store: Store, connection: sa.Connection, model_id: int, deleted: Iterable[Known] = ()
) -> None:
    """Write down how a model stands. Call it last in the transaction that changed it.

    Args:
        store: the home.
        connection: the write transaction.
        model_id: of the model.
        deleted: versions that the transaction deleted.

    Raises:
        StorageFull: no room.
    """
    row = connection.execute(sa.select(model).where(model.c.id == model_id)).one()
    tags: dict[int, dict[str, str]] = {}
    for tag in connection.execute(sa.select(model_tag).where(model_tag.c.model_id == model_id)):
        tags.setdefault(tag.number, {})[tag.name] = tag.value
    aliases: dict[int, list[str]] = {}
    for one in connection.execute(
        sa.select(model_alias).where(model_alias.c.model_id == model_id)
    ):
        aliases.setdefault(one.version_id, []).append(one.alias)
    versions = [
        Standing(
            one.number, (one.entity, one.project, one.name), one.digest, one.maker,
            one.created_us, one.updated_us, one.stage, one.description,
            sorted({*aliases.get(one.id, []), *_decode_words(one.wanted)}),
            tags.get(one.number, {}),
        )
        for one in connection.execute(_versions(model_id))
    ]  # fmt: skip
    path = _path(store, row.entity, row.name)
    before = _read(path).deleted if path.exists() else []
    book = Book(
        row.entity, row.name, False, row.created_us, row.updated_us, row.next_number,
        row.description, tags.get(0, {}), versions, [*before, *deleted],
    )  # fmt: skip
    _write(store, path, book)


def close_book(store: Store, entity: str, name: str, deleted: Iterable[Known]) -> None:
    """Write down that a model is deleted, so that its versions' records make it no more.

    Raises:
        StorageFull: no room.
    """
    path = _path(store, entity, name)
    before = _read(path).deleted if path.exists() else []
    now = registry.now_us()
    _write(store, path, Book(entity, name, True, now, now, 1, "", {}, [], [*before, *deleted]))


def known_of(row: Any) -> Known:
    """Whose record made the version of a row of ``model_version``."""
    return _maker(row.maker), row.created_us, row.digest


def _known(one: Standing) -> Known:
    return _maker(one.maker), one.created_us, one.digest


def _maker(packed: bytes) -> str:
    return _decode_ref(packed).uid if packed else ""


def _versions(model_id: int) -> sa.Select[Any]:
    return (
        sa.select(model_version)
        .where(model_version.c.model_id == model_id)
        .order_by(model_version.c.number)
    )


def _path(store: Store, entity: str, name: str) -> Path:
    """A name never becomes a path."""
    digest = hashlib.sha256(f"{entity}\0{name}".encode()).hexdigest()
    return store.home / DIRECTORY / f"{digest}{SUFFIX}"


def _write(store: Store, path: Path, book: Book) -> None:
    if not path.parent.is_dir():
        path.parent.mkdir(mode=DIRECTORY_MODE)
        store.disk.sync_directory(store.home)
    with durable_file(path, store.disk) as write:
        write(_encode(book))


def _read(path: Path) -> Book:
    try:
        return _decode(path.read_bytes())
    except msgspec.MsgspecError as error:
        raise CorruptFile(path, str(error)) from error


def read_books(home: Path) -> list[Book]:
    """How the models stood.

    Raises:
        CorruptFile: a file of it is damaged.
    """
    return [_read(path) for path in sorted((home / DIRECTORY).glob(f"*{SUFFIX}"))]


def lay_over(connection: sa.Connection, book: Book) -> None:
    """Let a model stand as it did, over what the records of runs made of it.

    A version that the book does not know came later: it stays, after those of the book.
    """
    change = Change(WHO, book.updated_us)
    model_id = registry.find_model_id(connection, book.entity, book.name)
    if model_id is None:
        if book.gone:
            return
        made = Change(WHO, book.created_us)
        model_id = registry.insert_model(connection, book.entity, book.name, "", made)
    dropped = set(book.deleted)
    rows = connection.execute(_versions(model_id)).all()
    for row in [row for row in rows if known_of(row) in dropped]:
        _delete(connection, row)
    rows = [row for row in rows if known_of(row) not in dropped]
    if book.gone and not rows:
        connection.execute(sa.delete(model).where(model.c.id == model_id))
    if book.gone:
        return
    standing = {_known(one): one for one in book.versions}
    late = [row for row in rows if known_of(row) not in standing]
    _renumber(connection, model_id, rows, standing, book.next_number)
    for one in book.versions:
        found = next((row.id for row in rows if known_of(row) == _known(one)), None)
        _restate(connection, model_id, one, found, change)
    _name(connection, model_id, book, {row.id for row in late})
    registry.set_tags(connection, model_id, 0, dict(book.tags), change)
    connection.execute(
        sa.update(model)
        .where(model.c.id == model_id)
        .values(
            description=book.description, created_us=book.created_us,
            updated_us=book.updated_us, next_number=book.next_number + len(late),
        )
    )  # fmt: skip


def _delete(connection: sa.Connection, row: Any) -> None:
    connection.execute(sa.delete(model_version).where(model_version.c.id == row.id))
    connection.execute(sa.delete(model_tag).where(_tags_of(row.model_id, row.number)))


def _tags_of(model_id: int, number: int) -> sa.ColumnElement[bool]:
    return sa.and_(model_tag.c.model_id == model_id, model_tag.c.number == number)


def _renumber(
    connection: sa.Connection,
    model_id: int,
    rows: list[Any],
    standing: dict[Known, Standing],
    next_number: int,
) -> None:
    """Give each version the number that it had, and later ones those that follow."""
    last = itertools.count(next_number)
    for step in (_PARKED, 0):  # two steps: each number is there once at every moment
        for row in rows:
            one = standing.get(known_of(row))
            if step:
                before, after = row.number, _PARKED + row.number
            else:
                before = _PARKED + row.number
                after = next(last) if one is None else one.number
            here = model_version.c.id == row.id
            connection.execute(sa.update(model_version).where(here).values(number=after))
            tags = _tags_of(model_id, before)
            connection.execute(sa.update(model_tag).where(tags).values(number=after))


def _restate(
    connection: sa.Connection, model_id: int, one: Standing, id: int | None, change: Change
) -> None:
    """A version as it stood, made when no record did."""
    if id is None:
        entity, project, name = one.place
        is_ready = registry.is_committed(connection, one.place, one.digest)
        state = registry.READY if is_ready else registry.PENDING
        connection.execute(
            sa.insert(model_version).values(
                model_id=model_id, number=one.number, state=state, stage=one.stage,
                wanted=_encode([]), description=one.description, entity=entity, project=project,
                name=name, digest=one.digest, created_us=one.created_us,
                updated_us=one.updated_us, maker=one.maker,
            )
        )  # fmt: skip
    else:
        connection.execute(
            sa.update(model_version)
            .where(model_version.c.id == id)
            .values(stage=one.stage, description=one.description, updated_us=one.updated_us)
        )
    connection.execute(sa.delete(model_tag).where(_tags_of(model_id, one.number)))
    registry.set_tags(connection, model_id, one.number, dict(one.tags), change)


def _name(connection: sa.Connection, model_id: int, book: Book, late: set[int]) -> None:
    """Aliases as they were, but for those that a later version took."""
    held = sa.select(model_alias).where(model_alias.c.model_id == model_id)
    taken = {row.alias for row in connection.execute(held) if row.version_id in late}
    connection.execute(
        sa.delete(model_alias).where(
            model_alias.c.model_id == model_id, model_alias.c.alias.not_in(taken)
        )
    )
    versions = {row.number: row for row in connection.execute(_versions(model_id))}
    for one in book.versions:
        version = versions[one.number]
        mine = [alias for alias in one.aliases if alias not in taken]
        if version.state == registry.READY:
            rows = [
                {"model_id": model_id, "alias": alias, "version_id": version.id} for alias in mine
            ]
            if rows:
                connection.execute(sa.insert(model_alias), rows)
            mine = []
        connection.execute(
            sa.update(model_version)
            .where(model_version.c.id == version.id)
            .values(wanted=_encode(mine))
        )
