"""Latest values computed anew from the points, where a cut hid some of them."""

from __future__ import annotations

import sqlalchemy as sa

from epochal.domain.names import SYSTEM_PREFIX
from epochal.store.columns import ColumnGroup
from epochal.store.definitions import read_definitions
from epochal.store.gather import RunSeries, gather_in
from epochal.store.latest import Known, replace_rows, summarize, to_row
from epochal.store.points import assemble, find_windows
from epochal.store.rules import find_definition, rules_of
from epochal.store.schema import cut, journal, key, latest, run
from epochal.store.store import Store
from epochal.store.tail import JournalRow

_mine = (
    sa.select(journal.c.started_us, journal.c.writer)
    .where(journal.c.id == sa.bindparam("journal"))
    .subquery()
)
_HIDDEN = (
    sa.select(sa.func.min(cut.c.step))
    .join(journal, journal.c.id == cut.c.journal_id)
    .join(_mine, sa.true())
    .where(
        cut.c.run_id == sa.bindparam("run"),
        sa.or_(
            journal.c.started_us > _mine.c.started_us,
            sa.and_(journal.c.started_us == _mine.c.started_us, journal.c.writer > _mine.c.writer),
        ),
    )
)


def rows_are_hidden(connection: sa.Connection, row: JournalRow) -> int | None:
    """The lowest step from which cuts of later writers hide the rows of this one.

    None without any.
    """
    found: int | None = connection.execute(
        _HIDDEN, {"journal": row.id, "run": row.run_id}
    ).scalar()
    return found


def recount(store: Store, connection: sa.Connection, run_id: int, lowest: int) -> None:
    """Compute anew what the table ``latest`` says of every series that has a step >= ``lowest``.

    Args:
        store: the home; its tails hold every row whose facts are applied in ``connection``.
        connection: a write transaction.
        run_id: the run.
        lowest: no point with a smaller step was hidden.
    """
    query = (
        sa.select(latest.c.key_id, key.c.name)
        .join(key, key.c.id == latest.c.key_id)
        .where(latest.c.run_id == run_id, latest.c.step_max >= lowest)
    )
    recount_keys(store, connection, run_id, {name: id for id, name in connection.execute(query)})


def recount_keys(
    store: Store, connection: sa.Connection, run_id: int, touched: dict[str, int]
) -> None:
    """Compute anew what ``latest`` says of some series, ``touched`` being their key ids."""
    uid = connection.execute(sa.select(run.c.uid).where(run.c.id == run_id)).scalar_one()
    contents = {tail.key: tail.content for tail in store.tails if tail.key.run == uid}
    series = gather_in(store, connection, run_id, contents)
    definitions = read_definitions(connection, run_id)
    rows = []
    for name, key_id in touched.items():
        found = _count(store, series, name)
        if found is not None:
            known, started_us = found
            rule = int(rules_of(find_definition(definitions, name))[0])
            rows.append(to_row(known, run_id, key_id, started_us, rule))
    replace_rows(connection, run_id, touched.values(), rows)
    _restate_run(connection, run_id)


def _count(store: Store, series: RunSeries, name: str) -> tuple[Known, int] | None:
    """Aggregates over all visible points, and the start of the writer that wrote the last one."""
    writers = series.points_of(store, name)
    points = assemble(writers, "all")
    if not len(points):
        return None
    group = ColumnGroup([name], points.order, points.step, points.wall_us, [points.value])
    last = max(
        window.writer
        for window in find_windows(writers)
        if window.step_max >= window.stretch.step_min
    )
    return summarize([group])[name], series.writers[last].started_us


def _restate_run(connection: sa.Connection, run_id: int) -> None:
    """The run's last step and first NaN, from its series."""
    query = (
        sa.select(key.c.name, latest.c.step_max, latest.c.first_nan_step)
        .join(key, key.c.id == latest.c.key_id)
        .where(latest.c.run_id == run_id)
        .order_by(key.c.name)
    )
    rows = [row for row in connection.execute(query) if not row[0].startswith(SYSTEM_PREFIX)]
    first_nan = min(
        ((step, name) for name, _, step in rows if step is not None), default=(None, None)
    )
    connection.execute(
        sa.update(run)
        .where(run.c.id == run_id)
        .values(
            last_step=max((step for _, step, _ in rows), default=None),
            nan_key=first_nan[1],
            nan_step=first_nan[0],
        )
    )
