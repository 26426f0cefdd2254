"""Stretches of journals moved into the database: facts, and the latest values of series.

All stretches given go in one transaction, each together with its journal's ``facts_pos``, which
only moves if it still stands where the stretch begins. So every record counts exactly once,
whoever else is applying the same journal and wherever a crash falls.
"""

from __future__ import annotations

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
from epochal.store.definitions import read_definitions, restate_rules
from epochal.store.enroll import check_header, enroll, find_journal, next_revision
from epochal.store.facts import FactWriter, clamp
from epochal.store.latest import Known, add_rows, newest_steps, summarize, to_row
from epochal.store.params import intern_keys
from epochal.store.recount import recount, rows_are_hidden
from epochal.store.rules import find_definition, rules_of
from epochal.store.schema import journal, project, run
from epochal.store.state import WriterState, decide_state
from epochal.store.store import Store
from epochal.store.tail import JournalRow, Stretch, Tail

What = Literal["series", "facts", "logs", "deleted"]
_ORDER: tuple[What, ...] = ("series", "facts", "logs", "deleted")


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
    sa.select(run.c.uid, run.c.rev, run.c.state, run.c.last_step, project.c.entity, project.c.name)
    .join(project, project.c.id == run.c.project_id)
    .where(run.c.id == sa.bindparam("run"))
)


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
        ready.sort(key=lambda item: (item.tail.created_us, item.tail.key.writer))
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
    return changes


def _is_ready(item: Work) -> bool:
    """Whether there is anything to apply. A new journal must begin with its header."""
    entry = item.stretch.entry
    if item.tail.row is not None or not (entry.facts or entry.rows):
        return entry.end > entry.start
    header = entry.facts[0] if entry.facts and entry.fact_positions[0] == 0 else None
    if not isinstance(header, Header):
        raise CorruptFile(item.tail.path, "its first record is not a header")
    check_header(item.tail.key, header, item.tail.path)
    return True


def _apply_all(
    store: Store, connection: sa.Connection, ready: list[Work]
) -> tuple[list[JournalRow], list[RunChange]]:
    news: dict[int, RunNews] = {}
    series: list[dict[str, Any]] = []
    rows = [_apply_one(connection, item, news, series) for item in ready]
    add_rows(connection, series)
    for run_id, found in news.items():
        if found.recount_from is not None:
            recount(store, connection, run_id, found.recount_from)
    return rows, publish(connection, news)


def _apply_one(
    connection: sa.Connection,
    item: Work,
    news: dict[int, RunNews],
    series: list[dict[str, Any]],
) -> JournalRow:
    tail, stretch = item.tail, item.stretch
    entry = stretch.entry
    row = tail.row
    is_new = row is None
    if row is None:
        found = find_journal(connection, tail.key)
        header = entry.facts[0]
        if found is not None and found[0].facts_pos != entry.start:
            raise Raced(f"{tail.path} was applied by someone else")
        if not isinstance(header, Header):
            raise CorruptFile(tail.path, "its first record is not a header")
        row = enroll(connection, tail.key, header, remote=item.remote)
    note = news.setdefault(row.run_id, RunNews(uid=tail.key.run, what=set()))
    note.state_matters |= is_new or row.lost
    if is_new:
        note.what.add("facts")
    ordinals = [stretch.ordinal + position for position in entry.fact_positions]
    effects = FactWriter(connection, row.run_id, row.id, row.lines).apply(entry.facts, ordinals)
    last_wall = max((int(group.wall_us[-1]) for group in stretch.groups), default=0)
    contact = max(effects.contact_us, clamp(last_wall))
    given = {
        "journal": row.id, "start": entry.start, "end": entry.end, "seen": effects.lines,
        "bad": entry.damaged, "unread": entry.unknown + stretch.skipped, "contact": contact,
    }  # fmt: skip
    moved = connection.execute(_MOVE, given)
    if moved.rowcount != 1:
        raise Raced(f"{tail.path} was applied by someone else")
    note.contact_us = max(note.contact_us, contact)
    note.state_matters |= effects.finish is not None
    note.what |= {w for w, on in (("facts", effects.changed), ("logs", effects.logs)) if on}  # type: ignore[misc]
    if effects.redefined:
        restate_rules(connection, row.run_id)
    series += _series_rows(connection, row, summarize(stretch.groups), note)
    _note_cuts(connection, row, stretch, effects.cuts, note)
    return JournalRow(
        id=row.id, run_id=row.run_id, started_us=row.started_us, facts_pos=entry.end,
        lines=effects.lines, closed=row.closed or effects.finish is not None, lost=False,
    )  # fmt: skip


def _at_least(column: sa.Column[int], value: int) -> sa.ColumnElement[int]:
    return sa.case((column < value, value), else_=column)


def _series_rows(
    connection: sa.Connection, row: JournalRow, known: dict[str, Known], note: RunNews
) -> list[dict[str, Any]]:
    """Rows to add to ``latest``; what else follows from the points goes into ``note``."""
    if not known:
        return []
    note.what.add("series")
    ids = intern_keys(connection, known)
    definitions = read_definitions(connection, row.run_id)
    note.reset |= _goes_back(connection, row.run_id, known, ids)
    for key, found in known.items():
        if not key.startswith(SYSTEM_PREFIX):
            note.last_step = max(
                found.step_max, note.last_step if note.last_step is not None else found.step_max
            )
            if found.first_nan_step is not None and note.nan is None:
                note.nan = (key, found.first_nan_step)
    return [
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
    connection: sa.Connection, row: JournalRow, stretch: Stretch, cuts: list[int], note: RunNews
) -> None:
    """Cuts hide what came before; rows that come late may be hidden by cuts known already."""
    steps = list(cuts)
    if stretch.groups:
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
    revision = next_revision(connection) if told else 0
    changes = []
    for run_id, note in news.items():
        values: dict[str, object] = {
            "updated_us": _at_least(run.c.updated_us, note.contact_us),
        }
        if note.last_step is not None and note.recount_from is None:
            values["last_step"] = sa.case(
                (run.c.last_step > note.last_step, run.c.last_step), else_=note.last_step
            )
        if note.nan is not None and note.recount_from is None:
            values["nan_key"] = sa.func.coalesce(run.c.nan_key, note.nan[0])
            values["nan_step"] = sa.func.coalesce(run.c.nan_step, note.nan[1])
        if note.state_matters:
            values |= _state_values(connection, run_id, now_us)
        if run_id in told:
            values["rev"] = revision
        connection.execute(sa.update(run).where(run.c.id == run_id).values(values))
        if run_id in told:
            changes.append(describe_change(connection, run_id, note))
    return changes


def _state_values(connection: sa.Connection, run_id: int, now_us: int) -> dict[str, object]:
    columns = journal.c
    rows = connection.execute(
        sa.select(
            columns.started_us, columns.primary, columns.closed, columns.lost,
            columns.finish_state, columns.exit_code, columns.finished_us, columns.contact_us,
            columns.host,
        ).where(columns.run_id == run_id)
    ).all()  # fmt: skip
    verdict = decide_state((WriterState(*row[:8]) for row in rows), now_us)
    latest_primary = max(rows, key=lambda row: (row.primary, row.started_us))
    return {
        "state": verdict.state.value,
        "exit_code": verdict.exit_code,
        "ended_us": verdict.ended_us,
        "created_us": min(row.started_us for row in rows),
        "host": latest_primary.host,
    }


def describe_change(connection: sa.Connection, run_id: int, note: RunNews) -> RunChange:
    """The invalidation to send for a run."""
    row = connection.execute(_DESCRIBE, {"run": run_id}).one()
    return RunChange(
        uid=row.uid, entity=row.entity, project=row.name, rev=row.rev,
        what=[what for what in _ORDER if what in note.what] or ["facts"],
        state=RunState(row.state), last_step=row.last_step, reset=note.reset,
    )  # fmt: skip
