"""Stretches of journals moved into the database: facts, and the latest values of series.

All stretches given go in one transaction, each together with its journal's ``facts_pos``, which
only moves if it still stands where the stretch begins. So every record counts exactly once,
whoever else is applying the same journal and wherever a crash falls.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.record import Header
from epochal.domain.run import RunState
from epochal.domain.view import DefinitionRow, RunChange
from epochal.errors import CorruptFile, EpochalError
from epochal.journal.blobs import Blobs
from epochal.store.definitions import read_definitions, restate_rules
from epochal.store.dialect import batches, run_each, update_each
from epochal.store.enroll import New, check_header, enroll_all, next_revision
from epochal.store.eras import Eras
from epochal.store.facts import FactWriter
from epochal.store.latest import Known, add_rows, newest_steps, summarize, to_row
from epochal.store.params import intern_keys
from epochal.store.recount import recount, rows_are_hidden
from epochal.store.resting import ADD, may_rest
from epochal.store.rules import find_definition, rules_of
from epochal.store.scalars import clamp
from epochal.store.schema import journal, project, run
from epochal.store.state import WriterState, decide_state
from epochal.store.store import Store
from epochal.store.stretch import Stretch
from epochal.store.tail import JournalKey, JournalRow, Tail
from epochal.store.together import Together

What = Literal["series", "facts", "logs", "media", "files", "artifacts", "deleted"]
_ORDER: tuple[What, ...] = ("series", "facts", "logs", "media", "files", "artifacts", "deleted")


_MOVE = (
    sa.update(journal)
    .where(journal.c.id == sa.bindparam("journal"), journal.c.facts_pos == sa.bindparam("start"))
    .values(
        facts_pos=sa.bindparam("end"),
        lines=sa.bindparam("seen"),
        lost=False,
        damaged=journal.c.damaged + sa.bindparam("bad"),
        unknown=journal.c.unknown + sa.bindparam("unread"),
        contact_us=sa.case(
            (
                journal.c.contact_us < sa.bindparam("contact", type_=sa.BigInteger),
                sa.bindparam("contact", type_=sa.BigInteger),
            ),
            else_=journal.c.contact_us,
        ),
    )
)
_DESCRIBE = (
    sa.select(
        run.c.id, run.c.uid, run.c.rev, run.c.state, run.c.last_step, project.c.entity,
        project.c.name,
    )
    .join(project, project.c.id == run.c.project_id)
    .where(run.c.id.in_(sa.bindparam("runs", expanding=True)))
)  # fmt: skip


_WRITERS = sa.select(
    journal.c.started_us, journal.c.primary, journal.c.closed, journal.c.lost,
    journal.c.finish_state, journal.c.exit_code, journal.c.finished_us, journal.c.contact_us,
    journal.c.host, journal.c.run_id,
).where(journal.c.run_id.in_(sa.bindparam("runs", expanding=True)))  # fmt: skip


def _greater(column: sa.Column[int], name: str) -> sa.ColumnElement[int]:
    """The parameter where it is more than the column or that is NULL, else the column."""
    given = sa.bindparam(name, type_=sa.BigInteger)
    return sa.case(
        (given.is_(None), column), (column.is_(None), given), (column < given, given), else_=column
    )


_THIS = run.c.id == sa.bindparam("which")
_UPDATE = (
    sa.update(run)
    .where(_THIS)
    .values(
        updated_us=_greater(run.c.updated_us, "contact"),
        last_step=_greater(run.c.last_step, "step"),
        nan_key=sa.func.coalesce(run.c.nan_key, sa.bindparam("key", type_=sa.String)),
        nan_step=sa.func.coalesce(run.c.nan_step, sa.bindparam("at", type_=sa.BigInteger)),
    )
)
_SET_STATE = (
    sa.update(run)
    .where(_THIS)
    .values(
        state=sa.bindparam("verdict"), exit_code=sa.bindparam("code"),
        ended_us=sa.bindparam("ended"), created_us=sa.bindparam("begun"), host=sa.bindparam("on"),
    )
)  # fmt: skip
_SET_REVISION = sa.update(run).where(_THIS).values(rev=sa.bindparam("to"))


class Raced(EpochalError):
    """Another ingester moved a journal's offset first; nothing was changed.

    Read the journal again.
    """


class Work(msgspec.Struct, frozen=True):
    """One stretch to apply."""

    tail: Tail
    stretch: Stretch
    remote: bool = False


class RunNews(msgspec.Struct):
    """What a transaction did to one run."""

    uid: str
    what: set[What]
    reset: bool = False
    last_step: int | None = None
    nan: tuple[str, int] | None = None
    contact_us: int = 0
    state_matters: bool = False
    recount_from: int | None = None


def apply(store: Store, work: Sequence[Work]) -> list[RunChange]:
    """Apply stretches in one transaction.

    Args:
        store: the home; the caller holds ``store.moving``.
        work: what was read, at most one stretch of each journal.

    Raises:
        Raced: another ingester was faster; nothing was changed.
        CorruptFile: a journal contradicts its place; nothing was changed.
        StorageFull: no room; nothing was changed.
    """
    try:
        ready = [item for item in work if _is_ready(item)]
        ready.sort(key=lambda item: item.tail.order)
        if not ready:
            return []
        with store.database.write() as connection:
            rows, changes = _apply_all(store, connection, ready)
    except BaseException:
        # The tails are ahead of the database now; they are read again from where it stands.
        for item in work:
            store.tails.drop(item.tail.key)
        raise
    for item, row in zip(ready, rows, strict=True):
        item.tail.row = row
        if row.rests:
            store.tails.put(item.tail)
    return changes


def _is_ready(item: Work) -> bool:
    """Whether there is anything to apply. A new journal must begin with its header."""
    entry = item.stretch.entry
    if item.tail.row is not None or not (entry.facts or item.stretch.rows):
        return entry.end > entry.start
    header = entry.facts[0] if entry.facts and entry.fact_positions[0] == 0 else None
    if not isinstance(header, Header):
        raise CorruptFile(item.tail.path, "its first record is not a header")
    check_header(item.tail.key, header, item.tail.path)
    return True


class Batch(msgspec.Struct):
    """What one transaction has found and has still to write."""

    connection: sa.Connection
    blobs: Blobs
    news: dict[int, RunNews] = {}
    series: list[dict[str, Any]] = []
    moves: list[dict[str, Any]] = []
    keys: dict[str, int] = {}
    together: Together = msgspec.field(default_factory=Together)
    eras: Eras | None = None

    def flush(self) -> None:
        """Write what is pending.

        Raises:
            Raced: a journal does not stand where its stretch begins.
        """
        moves, self.moves = self.moves, []
        series, self.series = self.series, []
        if update_each(self.connection, _MOVE, moves) != len(moves):
            raise Raced("a journal was applied by someone else")
        add_rows(self.connection, series)
        self.together.run(self.connection)


def _apply_all(
    store: Store, connection: sa.Connection, ready: list[Work]
) -> tuple[list[JournalRow], list[RunChange]]:
    batch = Batch(connection, store.blobs, eras=store.eras)
    made = _rows_of(connection, ready)
    rows = [_apply_one(batch, item, *made[item.tail.key]) for item in ready]
    batch.flush()
    for run_id, found in batch.news.items():
        if found.recount_from is not None:
            recount(store, connection, run_id, found.recount_from)
    return rows, publish(connection, batch.news)


def _apply_one(batch: Batch, item: Work, row: JournalRow, is_fresh: bool) -> JournalRow:
    tail, entry = item.tail, item.stretch.entry
    if row.run_id in batch.news:
        batch.flush()  # what follows may depend on what an earlier writer of the run wrote
    note = batch.news.setdefault(row.run_id, RunNews(uid=tail.key.run, what=set()))
    note.state_matters |= tail.row is None or row.lost
    if tail.row is None:
        note.what.add("facts")
    ordinals = [item.stretch.ordinal + position for position in entry.fact_positions]
    writer = FactWriter(
        batch.connection, row.run_id, row.id, row.lines, batch.blobs, batch.keys, batch.together,
        is_fresh=is_fresh, eras=batch.eras,
    )  # fmt: skip
    effects = writer.apply(entry.facts, ordinals)
    if effects.begun_us is not None:
        row = msgspec.structs.replace(row, started_us=min(row.started_us, effects.begun_us))
    last_wall = max((int(group.wall_us[-1]) for group in item.stretch.groups), default=0)
    contact = max(effects.contact_us, clamp(last_wall))
    batch.moves.append({
        "journal": row.id, "start": entry.start, "end": entry.end, "seen": effects.lines,
        "bad": entry.damaged, "unread": entry.unknown + item.stretch.skipped, "contact": contact,
    })  # fmt: skip
    note.contact_us = max(note.contact_us, contact)
    note.state_matters |= effects.finish is not None or effects.told
    note.what |= {w for w, on in (("facts", effects.changed), ("logs", effects.logs)) if on}  # type: ignore[misc]
    note.what |= {what for what in _ORDER if what in effects.objects}
    if effects.redefined:
        restate_rules(batch.connection, row.run_id)
    _add_series(
        batch, row, summarize(item.stretch.groups), note,
        is_fresh=is_fresh, is_redefined=effects.redefined,
    )  # fmt: skip
    _note_cuts(batch.connection, row, item.stretch, effects.cuts, note, is_fresh)
    rests = effects.finish is not None and not item.remote and may_rest(tail, item.stretch)
    if rests:
        batch.together.add(ADD, {"journal_id": row.id})
    return JournalRow(
        id=row.id, run_id=row.run_id, started_us=row.started_us, facts_pos=entry.end,
        lines=effects.lines, closed=row.closed or effects.finish is not None, lost=False,
        rests=rests,
    )  # fmt: skip


def _rows_of(
    connection: sa.Connection, ready: Sequence[Work]
) -> dict[JournalKey, tuple[JournalRow, bool]]:
    """The journals' rows, made where they are new, and whether their runs were made with them."""
    new: list[New] = []
    for item in ready:
        if item.tail.row is None:
            header = item.stretch.entry.facts[0]
            if not isinstance(header, Header):
                raise CorruptFile(item.tail.path, "its first record is not a header")
            directory = os.path.dirname(item.tail.path)
            new.append(New(item.tail.key, header, item.remote, directory))
    made = enroll_all(connection, new) if new else {}
    for item in ready:
        if item.tail.row is not None:
            made[item.tail.key] = item.tail.row, False
        elif made[item.tail.key][0].facts_pos != item.stretch.entry.start:
            raise Raced(f"{item.tail.path} was applied by someone else")
    return made


def _add_series(
    batch: Batch, row: JournalRow, known: dict[str, Known], note: RunNews,
    *, is_fresh: bool, is_redefined: bool,
) -> None:  # fmt: skip
    """Add rows to ``latest``; what else follows from the points goes into ``note``.

    A fresh run was made in this transaction, so that nothing of it is stored yet.
    """
    if not known:
        return
    connection = batch.connection
    note.what.add("series")
    ids = intern_keys(connection, known, batch.keys)
    is_plain = is_fresh and not is_redefined
    definitions = [] if is_plain else read_definitions(connection, row.run_id)
    note.reset |= not is_fresh and _goes_back(connection, row.run_id, known, ids)
    for key, found in known.items():
        if not key.startswith(SYSTEM_PREFIX):
            if note.last_step is None or found.step_max > note.last_step:
                note.last_step = found.step_max
            if found.first_nan_step is not None and note.nan is None:
                note.nan = (key, found.first_nan_step)
    batch.series += [
        to_row(found, row.run_id, ids[key], row.started_us, _rule(definitions, key))
        for key, found in known.items()
    ]


def _rule(definitions: list[DefinitionRow], key: str) -> int:
    return int(rules_of(find_definition(definitions, key))[0]) if definitions else 0


def _goes_back(
    connection: sa.Connection, run_id: int, known: dict[str, Known], ids: dict[str, int]
) -> bool:
    """Whether any point lies before the newest step that its series had."""
    before = newest_steps(connection, run_id, ids.values())
    return any(
        found.step_min < before.get(ids[key], found.step_min) for key, found in known.items()
    )


def _note_cuts(
    connection: sa.Connection,
    row: JournalRow,
    stretch: Stretch,
    cuts: list[int],
    note: RunNews,
    is_fresh: bool,
) -> None:
    """Cuts hide what came before; rows that come late may be hidden by cuts known already."""
    steps = list(cuts)
    if stretch.groups and not is_fresh:
        hidden = rows_are_hidden(connection, row)
        steps += [] if hidden is None else [hidden]
    if steps:
        note.reset = True
        note.what.add("series")
        lowest = min(steps)
        note.recount_from = lowest if note.recount_from is None else min(lowest, note.recount_from)


def publish(
    connection: sa.Connection, news: dict[int, RunNews], now_us: int | None = None
) -> list[RunChange]:
    """Bring the rows of changed runs up to date and say what changed.

    Args:
        connection: the transaction.
        news: by database id of the run.
        now_us: the present, microseconds since 1970 UTC; the time of day by default.
    """
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    told = {run_id: note for run_id, note in news.items() if note.what or note.state_matters}
    if news:
        run_each(connection, _UPDATE, [_update(run_id, note) for run_id, note in news.items()])
    if not told:
        return []
    moved = [run_id for run_id, note in told.items() if note.state_matters]
    if moved:
        run_each(connection, _SET_STATE, _states(connection, moved, now_us))
    revision = next_revision(connection)
    run_each(connection, _SET_REVISION, [{"which": run_id, "to": revision} for run_id in told])
    return describe_changes(connection, told)


def _update(run_id: int, note: RunNews) -> dict[str, object]:
    counted = note.recount_from is None
    key, step = note.nan if note.nan is not None and counted else (None, None)
    return {
        "which": run_id, "contact": note.contact_us, "key": key, "at": step,
        "step": note.last_step if counted else None,
    }  # fmt: skip


def _states(
    connection: sa.Connection, run_ids: Sequence[int], now_us: int
) -> list[dict[str, object]]:
    """The parameters of `_SET_STATE` for some runs."""
    writers: dict[int, list[Any]] = {}
    for part in batches(run_ids):
        for row in connection.execute(_WRITERS, {"runs": part}):
            writers.setdefault(row.run_id, []).append(row)
    found: list[dict[str, object]] = []
    for run_id in run_ids:
        rows = writers[run_id]
        verdict = decide_state((WriterState(*row[:8]) for row in rows), now_us)
        latest_primary = max(rows, key=lambda row: (row.primary, row.started_us))
        found.append({
            "which": run_id, "verdict": verdict.state.value, "code": verdict.exit_code,
            "ended": verdict.ended_us, "begun": min(row.started_us for row in rows),
            "on": latest_primary.host,
        })  # fmt: skip
    return found


def describe_change(connection: sa.Connection, run_id: int, note: RunNews) -> RunChange:
    """The invalidation to send for a run."""
    return describe_changes(connection, {run_id: note})[0]


def describe_changes(connection: sa.Connection, news: dict[int, RunNews]) -> list[RunChange]:
    """The invalidations to send for some runs, in their order."""
    rows: dict[int, Any] = {}
    for part in batches(list(news)):
        rows.update((row.id, row) for row in connection.execute(_DESCRIBE, {"runs": part}))
    return [
        RunChange(
            uid=row.uid, entity=row.entity, project=row.name, rev=row.rev,
            what=[what for what in _ORDER if what in note.what] or ["facts"],
            state=RunState(row.state), last_step=row.last_step, reset=note.reset,
        )
        for row, note in ((rows[run_id], note) for run_id, note in news.items())
    ]  # fmt: skip
