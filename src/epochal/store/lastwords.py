"""What a run said last, and when: for those who are told that it failed or went silent."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.traceback import exception_line, shown_error
from epochal.store.logfind import plain
from epochal.store.logs import read_logs
from epochal.store.rows import find_run_id
from epochal.store.schema import event, key, latest, run
from epochal.store.store import Store

LINES: Final = 400
"""A traceback stands among so many of the last lines."""

NEWEST_POINT: Final = (
    sa.select(sa.func.max(latest.c.last_us))
    .join(key, key.c.id == latest.c.key_id)
    .where(latest.c.run_id == run.c.id, ~key.c.name.startswith(SYSTEM_PREFIX, autoescape=True))
    .scalar_subquery()
)
"""When the run logged its newest point, system metrics left out; NULL when it never did."""


def newest_point_us(store: Store, uid: str) -> int | None:
    """When a run logged its newest point, in microseconds since 1970; None when it never did.

    Raises:
        NotFound: there is no such run.
    """
    with store.database.read() as connection:
        found = sa.select(NEWEST_POINT).where(run.c.id == find_run_id(connection, uid))
        newest = connection.execute(found.select_from(run)).scalar_one()
    return None if newest is None else int(newest)


def last_exception(store: Store, uid: str) -> str | None:
    """The exception that ended a run's program.

    As its console has it, else as the run noted it: a ``with`` block ends the run before Python
    prints the traceback.

    Raises:
        NotFound: there is no such run.
    """
    lines = read_logs(store, uid, tail=LINES).lines
    return exception_line([plain(line.text) for line in lines]) or _noted(store, uid)


def _noted(store: Store, uid: str) -> str | None:
    with store.database.read() as connection:
        errors = sa.select(event.c.title).where(
            event.c.run_id == find_run_id(connection, uid), event.c.level == "error"
        )
        title = connection.execute(errors.order_by(event.c.id.desc()).limit(1)).scalar()
    return shown_error(str(title)) if title else None
