"""Sweeps, trials and agents in the database.

A `Ledger` works within one transaction: whoever decides something (which trial comes next) reads
and writes through one ledger, so that no two decisions overlap. It is in no journal: a database
that is made anew has no sweeps, only their runs, which name them.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
import sqlalchemy as sa

from epochal.domain.names import new_run_id
from epochal.domain.sweep import EARLIER, REPEAT, AgentRow, SweepState, TrialFacts, TrialState
from epochal.errors import NotFound
from epochal.store.dialect import replace, upsert
from epochal.store.schema import Id
from epochal.store.schema_sweeps import sweep, sweep_agent, sweep_name, trial
from epochal.store.store import Store

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode
BLOBS: Final = ("params", "coordinates", "reports", "queue", "config", "outcomes", "space")
Given: TypeAlias = Mapping[str, Any]


class Wanted(msgspec.Struct, frozen=True):
    """A configuration that waits to be tried: values by name, and who asked (see `TrialFacts`)."""

    values: dict[str, Any]
    origin: str


class StoredSweep(msgspec.Struct, frozen=True):
    """A row of ``sweep``."""

    id: int
    uid: str
    entity: str
    project: str
    config: Any
    state: SweepState
    seed: int
    run_cap: int | None
    next_number: int
    searched: int
    queue: list[Wanted]
    rev: int
    created_us: int
    updated_us: int
    created_by: str
    name: str | None


class StoredTrial(TrialFacts, frozen=True):
    """A row of ``trial``, without what it reported."""

    coordinates: dict[str, int | float] | None
    space: dict[str, dict[str, Any]] | None
    rev: int


_SWEEP = sa.select(sweep, sweep_name.c.name).join(sweep_name, isouter=True)
_TRIAL = [trial.c[name] for name in StoredTrial.__struct_fields__]

# Statements of each question for a trial, made once: to build one costs more than to run it.
_ONE_SWEEP = _SWEEP.where(sweep.c.uid == sa.bindparam("wanted"))
_ONE_TRIAL = sa.select(*_TRIAL).where(
    trial.c.sweep_id == sa.bindparam("of"), trial.c.number == sa.bindparam("wanted")
)
_ONE_AGENT = (
    sa.select(sweep_agent, sweep.c.uid)
    .join(sweep)
    .where(sweep_agent.c.id == sa.bindparam("wanted"))
)
_TOUCHED = (
    sa.update(sweep_agent)
    .where(sweep_agent.c.id == sa.bindparam("touched"))
    .values(
        seen_us=sa.bindparam("at"), trials=sweep_agent.c.trials + sa.bindparam("more", type_=Id)
    )
)
_HANDED = (
    sa.update(sweep)
    .where(sweep.c.id == sa.bindparam("of"))
    .values(
        next_number=sa.bindparam("next"),
        rev=sa.bindparam("revised"),
        searched=sweep.c.searched + sa.bindparam("more", type_=Id),
    )
)
_ADDED = sa.insert(trial)


@functools.cache
def _trials(states: tuple[TrialState, ...], *, newer: bool) -> sa.Select[Any]:
    query = sa.select(*_TRIAL).where(trial.c.sweep_id == sa.bindparam("of"))
    if newer:
        query = query.where(trial.c.rev > sa.bindparam("beyond"))
    if states:
        query = query.where(sa.or_(*(trial.c.state == state.value for state in states)))
    return query.order_by(trial.c.number)


@contextlib.contextmanager
def changing(store: Store) -> Iterator[Ledger]:
    """A ledger that may change things; all of it is kept, or nothing."""
    with store.database.write() as connection:
        yield Ledger(connection)


@contextlib.contextmanager
def reading(store: Store) -> Iterator[Ledger]:
    """A ledger that sees one moment and can change nothing."""
    with store.database.read() as connection:
        yield Ledger(connection)


class Ledger:
    """Reads and writes within the transaction of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    # --------------------------------------------------------------------------------- sweeps
    def add_sweep(self, values: Given) -> StoredSweep:
        """A new sweep with an id of its own."""
        uid = new_run_id()
        while self._connection.execute(sa.select(sweep.c.id).where(sweep.c.uid == uid)).first():
            uid = new_run_id()
        given = {**_packed(values), "uid": uid, "queue": _encode([])}
        self._connection.execute(sa.insert(sweep).values(given))
        return self.sweep(uid)

    def sweep(self, uid: str) -> StoredSweep:
        """A sweep by its id.

        Raises:
            NotFound: there is none.
        """
        row = self._connection.execute(_ONE_SWEEP, {"wanted": uid}).mappings().first()
        if row is None:
            raise NotFound(f"there is no sweep {uid[:40]!r}; `epochal sweep ls` lists them")
        return _row(row, StoredSweep)

    def sweeps(self, entity: str | None, project: str | None, limit: int) -> list[StoredSweep]:
        """Sweeps, newest first."""
        query = _SWEEP.order_by(sweep.c.created_us.desc(), sweep.c.id.desc())
        if entity is not None:
            query = query.where(sweep.c.entity == entity)
        if project is not None:
            query = query.where(sweep.c.project == project)
        rows = self._connection.execute(query.limit(limit)).mappings()
        return [_row(row, StoredSweep) for row in rows]

    def change_sweep(self, found: StoredSweep, at_us: int, **values: Any) -> StoredSweep:
        """Set columns of a sweep."""
        given = {**_packed(values), "updated_us": at_us}
        self._connection.execute(sa.update(sweep).where(sweep.c.id == found.id).values(given))
        return self.sweep(found.uid)

    def name_sweep(self, found: StoredSweep, name: str) -> None:
        """Call a sweep otherwise than its configuration does; an empty name ends that."""
        if name:
            self._connection.execute(
                upsert(self._connection.dialect.name, sweep_name, ("sweep_id",), replace("name")),
                {"sweep_id": found.id, "name": name},
            )
        else:
            mine = sweep_name.c.sweep_id == found.id
            self._connection.execute(sa.delete(sweep_name).where(mine))

    def remove_sweep(self, found: StoredSweep) -> None:
        """Forget a sweep with its trials and agents; its runs stay."""
        self._connection.execute(sa.delete(sweep).where(sweep.c.id == found.id))

    # --------------------------------------------------------------------------------- trials
    def add_trial(self, found: StoredSweep, values: Given) -> StoredTrial:
        """Hand out the sweep's next number."""
        number, rev = found.next_number, found.rev + 1
        more = 1 if values["origin"] == "search" else 0
        self._connection.execute(
            _HANDED, {"of": found.id, "next": number + 1, "revised": rev, "more": more}
        )
        fixed = {"sweep_id": found.id, "number": number, "rev": rev, "reports": _encode([])}
        self._connection.execute(_ADDED, {**_packed(values), **fixed})
        return self.trial(found, number)

    def trial(self, found: StoredSweep, number: int) -> StoredTrial:
        """A trial by its number.

        Raises:
            NotFound: there is none.
        """
        wanted = {"of": found.id, "wanted": number}
        row = self._connection.execute(_ONE_TRIAL, wanted).mappings().first()
        if row is None:
            raise NotFound(f"sweep {found.uid} has no trial {number}")
        return _row(row, StoredTrial)

    def trials(
        self, found: StoredSweep, *, beyond: int = -1, states: tuple[TrialState, ...] = ()
    ) -> list[StoredTrial]:
        """Trials by number: those that changed beyond a revision, those in some states."""
        query, of = _trials(states, newer=beyond >= 0), {"of": found.id}
        wanted = {**of, "beyond": beyond} if beyond >= 0 else of
        rows = self._connection.execute(query, wanted).mappings()
        return [_row(row, StoredTrial) for row in rows]

    def ended(self, found: StoredSweep, agent: str, at_us: int) -> bool:
        """Whether an agent reported the end of a trial at this time."""
        query = sa.select(trial.c.id).where(
            trial.c.sweep_id == found.id, trial.c.agent == agent, trial.c.ended_us == at_us
        )
        return self._connection.execute(query).first() is not None

    def counts(self, found: StoredSweep) -> dict[str, int]:
        """How many trials there are, by state."""
        query = (
            sa.select(trial.c.state, sa.func.count())
            .where(trial.c.sweep_id == found.id)
            .group_by(trial.c.state)
        )
        return {str(state): int(count) for state, count in self._connection.execute(query)}

    def besides(self, found: StoredSweep) -> int:
        """How many trials the cap does not count: earlier runs, and repeats."""
        query = sa.select(sa.func.count()).where(
            trial.c.sweep_id == found.id,
            sa.or_(trial.c.origin == EARLIER, trial.c.origin.startswith(REPEAT)),
        )
        return int(self._connection.execute(query).scalar_one())

    def best(self, found: StoredSweep, *, maximize: bool) -> StoredTrial | None:
        """The trial with the best value, the first one of equals; repeats do not count."""
        order = trial.c.value.desc() if maximize else trial.c.value.asc()
        ended = (TrialState.FINISHED.value, TrialState.STOPPED.value)
        query = (
            sa.select(*_TRIAL)
            .where(
                trial.c.sweep_id == found.id,
                trial.c.value.is_not(None),
                trial.c.state.in_(ended),
                sa.not_(trial.c.origin.startswith(REPEAT)),
            )
            .order_by(order, trial.c.number)
            .limit(1)
        )
        row = self._connection.execute(query).mappings().first()
        return None if row is None else _row(row, StoredTrial)

    def change_trial(self, found: StoredSweep, number: int, **values: Any) -> StoredTrial:
        """Set columns of a trial, as a further revision of its sweep."""
        revised = sa.update(sweep).where(sweep.c.id == found.id).values(rev=sweep.c.rev + 1)
        self._connection.execute(revised)
        rev = sa.select(sweep.c.rev).where(sweep.c.id == found.id).scalar_subquery()
        self._connection.execute(
            sa.update(trial)
            .where(trial.c.sweep_id == found.id, trial.c.number == number)
            .values({**_packed(values), "rev": rev})
        )
        return self.trial(found, number)

    def seen(self, found: StoredSweep, number: int, at_us: int) -> None:
        """A trial was heard of; that is no revision."""
        self._connection.execute(
            sa.update(trial)
            .where(trial.c.sweep_id == found.id, trial.c.number == number)
            .values(seen_us=at_us)
        )

    def set_reports(self, found: StoredSweep, number: int, values: list[float]) -> None:
        """Keep what a trial logged so far; that is no revision."""
        self._connection.execute(
            sa.update(trial)
            .where(trial.c.sweep_id == found.id, trial.c.number == number)
            .values(reports=_encode(values), iterations=len(values))
        )

    def reports(self, found: StoredSweep) -> dict[int, list[float]]:
        """What every trial logged, by number, but for repeats."""
        query = sa.select(trial.c.number, trial.c.reports).where(
            trial.c.sweep_id == found.id, sa.not_(trial.c.origin.startswith(REPEAT))
        )
        return {row.number: _decode(row.reports) for row in self._connection.execute(query)}

    # --------------------------------------------------------------------------------- agents
    def add_agent(self, found: StoredSweep, host: str, pid: int, at_us: int) -> AgentRow:
        """Someone new who asks for trials."""
        identity = secrets.token_hex(8)
        self._connection.execute(
            sa.insert(sweep_agent).values(
                id=identity, sweep_id=found.id, host=host, pid=pid, trials=0,
                created_us=at_us, seen_us=at_us,
            )
        )  # fmt: skip
        return AgentRow(identity, found.uid, host, pid, 0, at_us, at_us)

    def agent(self, identity: str) -> tuple[AgentRow, StoredSweep]:
        """An agent and its sweep.

        Raises:
            NotFound: there is none, or its sweep was deleted.
        """
        row = self._connection.execute(_ONE_AGENT, {"wanted": identity}).mappings().first()
        if row is None:
            raise NotFound(
                f"there is no agent {identity[:40]!r}; its sweep was deleted, or is in another "
                f"store"
            )
        return _agent(row), self.sweep(row["uid"])

    def agents(self, found: StoredSweep) -> list[AgentRow]:
        """The agents of a sweep, oldest first."""
        query = (
            sa.select(sweep_agent, sweep.c.uid)
            .join(sweep)
            .where(sweep_agent.c.sweep_id == found.id)
            .order_by(sweep_agent.c.created_us, sweep_agent.c.id)
        )
        return [_agent(row) for row in self._connection.execute(query).mappings()]

    def touch_agent(self, agent: AgentRow, at_us: int, *, handed: int = 0) -> None:
        """An agent was heard of, and maybe got a trial."""
        self._connection.execute(_TOUCHED, {"touched": agent.id, "at": at_us, "more": handed})


Row = TypeVar("Row", StoredSweep, StoredTrial)


def _packed(values: Given) -> dict[str, Any]:
    return {name: _encode(value) if name in BLOBS else value for name, value in values.items()}


def _row(row: Any, kind: type[Row]) -> Row:
    given: dict[str, Any] = {
        name: _decode(bytes(row[name])) if name in BLOBS and row[name] is not None else row[name]
        for name in kind.__struct_fields__
    }
    return msgspec.convert(given, kind)


def _agent(row: Any) -> AgentRow:
    return AgentRow(
        row["id"], row["uid"], row["host"], row["pid"], row["trials"], row["created_us"],
        row["seen_us"],
    )  # fmt: skip
