"""Media of runs: applied from journals, found by key and step.

Every entry is kept, also several of one key and step. A cut hides media as it hides points: those
with a step of at least the cut's that lie before it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.names import MAX_KEY
from epochal.domain.objects import (
    MediaEntry,
    MediaKey,
    MediaKeys,
    MediaPage,
    MediaQuery,
    MediaView,
)
from epochal.domain.record import BlobRef, Media, MediaItem
from epochal.errors import InvalidInput
from epochal.journal.blobs import Blobs
from epochal.store.blobs import blob_views, change_uses, intern_blobs, portions, usable
from epochal.store.dialect import inserted_id
from epochal.store.params import intern_keys
from epochal.store.rows import find_run_id
from epochal.store.scalars import clamp, storable
from epochal.store.schema import cut, journal, key, run
from epochal.store.schema_objects import media, spooled
from epochal.store.store import Store

MAX_STEPS = 10_000
MAX_KIND = 64

_encode = msgspec.msgpack.encode
_decode_items = msgspec.msgpack.Decoder(list[MediaItem]).decode


class MediaWriter:
    """Applies the media of one journal within one transaction, in portions.

    Args:
        connection: the transaction.
        blobs: those of the home.
        run_id: the run.
        journal_id: the writer's journal.
    """

    def __init__(
        self, connection: sa.Connection, blobs: Blobs, run_id: int, journal_id: int
    ) -> None:
        self._connection = connection
        self._blobs = blobs
        self._run_id = run_id
        self._journal_id = journal_id
        self._pending: list[Media] = []

    def add(self, fact: Media) -> None:
        """Take an entry; `flush` stores it."""
        if fact.items:
            self._pending.append(fact)

    def flush(self) -> None:
        """Store the entries taken so far."""
        if not self._pending:
            return
        entries, self._pending = self._pending, []
        limit = self._hidden_from()
        entries = [fact for fact in entries if limit is None or clamp(fact.step) < limit]
        items = [item for fact in entries for item in fact.items]
        count_uses(self._connection, self._blobs, self._run_id, items, 1)
        keys = intern_keys(self._connection, {fact.key[:MAX_KEY] for fact in entries})
        plain: list[dict[str, Any]] = []
        for fact in entries:
            row = {
                "run_id": self._run_id, "key_id": keys[fact.key[:MAX_KEY]],
                "journal_id": self._journal_id, "step": clamp(fact.step),
                "wall_us": clamp(fact.wall_us), "kind": storable(fact.items[0].kind)[:MAX_KIND],
                "many": fact.many, "content": _encode(fact.items),
            }  # fmt: skip
            names = spool_names(fact.items)
            if names:
                self._await(row, names)
            else:
                plain.append(row)
        if plain:
            self._connection.execute(sa.insert(media), plain)

    def _await(self, row: dict[str, Any], names: set[str]) -> None:
        id = inserted_id(self._connection.execute(sa.insert(media).values(row)))
        self._connection.execute(
            sa.insert(spooled),
            [
                {"journal_id": self._journal_id, "name": storable(name), "media_id": id,
                 "path": None, "wall_us": row["wall_us"]}
                for name in sorted(names)
            ],
        )  # fmt: skip

    def _hidden_from(self) -> int | None:
        """The lowest step from which a cut of a later writer hides what this one adds."""
        mine = sa.select(journal.c.started_us, journal.c.writer).where(
            journal.c.id == self._journal_id
        )
        started, writer = self._connection.execute(mine).one()
        query = (
            sa.select(sa.func.min(cut.c.step))
            .join(journal, journal.c.id == cut.c.journal_id)
            .where(
                cut.c.run_id == self._run_id,
                sa.tuple_(journal.c.started_us, journal.c.writer) > (started, writer),
            )
        )
        found: int | None = self._connection.execute(query).scalar()
        return found

    def cut(self, step: int) -> None:
        """Hide what lies before a cut: of this writer, and of those that started earlier."""
        self.flush()
        mine = sa.select(journal.c.started_us, journal.c.writer).where(
            journal.c.id == self._journal_id
        )
        started, writer = self._connection.execute(mine).one()
        query = (
            sa.select(media.c.id, media.c.content)
            .join(journal, journal.c.id == media.c.journal_id)
            .where(
                media.c.run_id == self._run_id,
                media.c.step >= clamp(step),
                sa.tuple_(journal.c.started_us, journal.c.writer) <= (started, writer),
            )
        )
        rows = self._connection.execute(query).all()
        items = [item for row in rows for item in _decode_items(row.content)]
        count_uses(self._connection, self._blobs, self._run_id, items, -1)
        for part in portions(row.id for row in rows):
            self._connection.execute(sa.delete(media).where(media.c.id.in_(part)))

    def resolve(self, stored: dict[str, BlobRef]) -> None:
        """Put blobs where entries name files of the spool."""
        self.flush()
        wanted = sa.select(spooled.c.media_id, spooled.c.name).where(
            spooled.c.journal_id == self._journal_id, spooled.c.media_id.is_not(None)
        )
        waiting: dict[int, set[str]] = defaultdict(set)
        for part in portions(storable(name) for name in stored):
            for row in self._connection.execute(wanted.where(spooled.c.name.in_(part))):
                waiting[row.media_id].add(row.name)
            self._connection.execute(
                sa.delete(spooled).where(
                    spooled.c.journal_id == self._journal_id,
                    spooled.c.name.in_(part),
                    spooled.c.media_id.is_not(None),
                )
            )
        for id, names in waiting.items():
            blob = self._connection.execute(
                sa.select(media.c.content).where(media.c.id == id)
            ).scalar_one()
            found = {name: stored[name] for name in names}
            items = [_with_blobs(item, found) for item in _decode_items(blob)]
            fresh = [MediaItem("", {}, dict(found))]
            count_uses(self._connection, self._blobs, self._run_id, fresh, 1)
            self._connection.execute(
                sa.update(media).where(media.c.id == id).values(content=_encode(items))
            )


def _with_blobs(item: MediaItem, found: dict[str, BlobRef]) -> MediaItem:
    blobs = {
        role: found.get(ref, ref) if isinstance(ref, str) else ref
        for role, ref in item.blobs.items()
    }
    return msgspec.structs.replace(item, blobs=blobs)


def spool_names(items: Sequence[MediaItem]) -> set[str]:
    """Files of the spool that items name."""
    return {ref for item in items for ref in item.blobs.values() if isinstance(ref, str)}


def count_uses(
    connection: sa.Connection, blobs: Blobs, run_id: int, items: Sequence[MediaItem], sign: int
) -> None:
    """Count the references of items for their run, or take them back with a ``sign`` of -1."""
    refs = Counter(
        ref
        for item in items
        for ref in item.blobs.values()
        if isinstance(ref, BlobRef) and usable(ref)
    )
    if not refs:
        return
    known = intern_blobs(connection, blobs, {ref.digest: ref.size for ref in refs})
    changes: Counter[int] = Counter()
    types = {}
    for ref, times in refs.items():
        changes[known[ref.digest].id] += sign * times
        types[known[ref.digest].id] = ref.type
    change_uses(connection, run_id, changes, types)


def media_keys(store: Store, uid: str) -> MediaKeys:
    """What media a run has.

    Raises:
        NotFound: no such run.
    """
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        query = (
            sa.select(
                key.c.name, sa.func.max(media.c.kind), sa.func.count(),
                sa.func.min(media.c.step), sa.func.max(media.c.step), media.c.key_id,
                sa.func.rank().over(order_by=sa.func.min(media.c.id)),
            )
            .join(key, key.c.id == media.c.key_id)
            .where(media.c.run_id == run_id)
            .group_by(key.c.name, media.c.key_id)
            .order_by(key.c.name)
        )  # fmt: skip
        steps = _steps(connection, run_id)
        keys = [
            MediaKey(name, kind, n, first, last, steps[key_id], rank - 1)
            for name, kind, n, first, last, key_id, rank in connection.execute(query).all()
        ]
    return MediaKeys(uid, keys)


def _steps(connection: sa.Connection, run_id: int) -> dict[int, list[int]]:
    """The last steps of each key, in order, by the key's row id; one query for all keys."""
    rank = sa.func.row_number().over(partition_by=media.c.key_id, order_by=media.c.step.desc())
    numbered = (
        sa.select(media.c.key_id, media.c.step, rank.label("rank"))
        .where(media.c.run_id == run_id)
        .group_by(media.c.key_id, media.c.step)
        .subquery()
    )
    query = sa.select(numbered.c.key_id, numbered.c.step).where(numbered.c.rank <= MAX_STEPS)
    found: dict[int, list[int]] = defaultdict(list)
    for key_id, step in connection.execute(query.order_by(numbered.c.key_id, numbered.c.step)):
        found[key_id].append(step)
    return found


def query_media(store: Store, query: MediaQuery) -> MediaPage:
    """Entries of some runs and keys, a page of them.

    Raises:
        InvalidInput: the cursor is none of ours.
    """
    chosen: sa.Select[Any] = sa.select(
        media.c.id, media.c.run_id, media.c.step, media.c.wall_us, media.c.many, media.c.content,
        run.c.uid, key.c.name,
    ).join(run, run.c.id == media.c.run_id).join(key, key.c.id == media.c.key_id)  # fmt: skip
    chosen = chosen.where(run.c.uid.in_(query.runs))
    if query.keys:
        chosen = chosen.where(key.c.name.in_(query.keys))
    if query.lo is not None:
        chosen = chosen.where(media.c.step >= clamp(query.lo))
    if query.hi is not None:
        chosen = chosen.where(media.c.step <= clamp(query.hi))
    if query.at is not None:
        chosen = _newest(chosen.where(media.c.step <= clamp(query.at)))
    elif query.most is not None:
        chosen = chosen.where(media.c.id.in_(_spaced(chosen, query.most)))
    columns = chosen.selected_columns
    place = [columns.run_id, columns.name, columns.step, columns.id]
    if query.cursor is not None:
        chosen = chosen.where(sa.tuple_(*place) > _read_cursor(query.cursor))
    with store.database.read() as connection:
        rows = connection.execute(chosen.order_by(*place).limit(query.limit + 1)).all()
        page = rows[: query.limit]
        items = {row.id: _decode_items(row.content) for row in page}
        refs = [ref for many in items.values() for item in many for ref in item.blobs.values()]
        views = blob_views(connection, refs)
    entries = [
        MediaEntry(
            row.uid, row.name, row.step, row.wall_us, row.many,
            [
                MediaView(
                    i.kind,
                    {k: v for k, v in i.meta.items() if k in query.meta} if query.meta else i.meta,
                    {role: views[ref] for role, ref in i.blobs.items()},
                )
                for i in items[row.id]
            ],
        )
        for row in page
    ]  # fmt: skip
    more = len(rows) > len(page)
    last = page[-1] if page else None
    cursor = _cursor([last.run_id, last.name, last.step, last.id]) if more and last else None
    return MediaPage(entries, cursor)


def _newest(chosen: sa.Select[Any]) -> sa.Select[Any]:
    """Of each run and key, only the entry with the greatest step, the last one logged there."""
    rank = sa.func.row_number().over(
        partition_by=(media.c.run_id, media.c.key_id),
        order_by=(media.c.step.desc(), media.c.id.desc()),
    )
    ranked = chosen.add_columns(rank.label("rank")).subquery()
    return sa.select(*[c for c in ranked.c if c.name != "rank"]).where(ranked.c.rank == 1)


def _spaced(chosen: sa.Select[Any], most: int) -> sa.Select[Any]:
    """The ids of at most so many entries of each run and key: its first, its last, and between."""
    each = (media.c.run_id, media.c.key_id)
    place = sa.func.row_number().over(partition_by=each, order_by=(media.c.step, media.c.id))
    count = sa.func.count().over(partition_by=each)
    numbered = chosen.with_only_columns(
        media.c.id, (place - 1).label("place"), (count - 1).label("last")
    ).subquery()
    columns = numbered.c

    def part(at: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return at * (most - 1) // sa.func.nullif(columns.last, 0)

    # The first entry of each part of a stretch that is cut into `most` - 1 of them, and its end.
    return sa.select(columns.id).where(
        sa.or_(
            columns.last < most,
            columns.place == 0,
            part(columns.place) != part(columns.place - 1),
        )
    )


def _cursor(place: list[Any]) -> str:
    return msgspec.json.encode(place).decode()


def _read_cursor(text: str) -> tuple[int, str, int, int]:
    try:
        return msgspec.json.decode(text.encode(), type=tuple[int, str, int, int])
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise InvalidInput(
            f"this cursor was not made by this server: {text[:80]!r}; leave it out"
        ) from None
