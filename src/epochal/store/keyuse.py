"""Which keys the runs of a project use.

What is remembered of a project is which keys each of its runs has, so that after a change only
the runs are read again that changed since; their revisions tell which. Most runs of a project have
the same keys: they are counted by what they have, and what they have is kept once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from epochal.domain.view import KeyUse
from epochal.store.dialect import batches, plain_rows
from epochal.store.enroll import last_revision
from epochal.store.filters import CONFIG, SUMMARY, TEXT
from epochal.store.labels import LABEL
from epochal.store.remembered import KeyUses, UsedKeys
from epochal.store.scalars import NUMBER_KINDS, Kind
from epochal.store.schema import key, latest, param, run
from epochal.store.store import Store

MOST_KEPT: Final = 16_000_000
"""Of a project whose runs have so many different sets of keys, in characters, only the uses are
remembered, and all of it is counted again after a change."""

_TEXT, _NUMBER, _NULL = range(3)
_CODES: Final = 16
"""So many codes a key has: its scope, times 4, and what its value is."""

_SERIES = (
    sa.select(sa.func.aggregate_strings(sa.cast(latest.c.key_id, sa.Text), ","))
    .where(latest.c.run_id == run.c.id)
    .correlate(run)
    .scalar_subquery()
)
_value = sa.case(
    (param.c.kind.in_(sorted(NUMBER_KINDS)), _NUMBER), (param.c.kind == Kind.NULL, _NULL),
    else_=_TEXT,
)  # fmt: skip
_FACTS = (
    sa.select(
        sa.func.aggregate_strings(
            sa.cast(param.c.key_id * _CODES + param.c.scope * 4 + _value, sa.Text), ","
        )
    )
    .where(param.c.run_id == run.c.id)
    .correlate(run)
    .scalar_subquery()
)
_HERE = run.c.project_id == sa.bindparam("project")
_ALL = sa.select(run.c.id, _SERIES, _FACTS).where(_HERE)
_SINCE = _ALL.where(run.c.rev > sa.bindparam("since"))
_COUNT = sa.select(sa.func.count()).select_from(run).where(_HERE)
_IDS = sa.select(run.c.id).where(_HERE)
_NAMES = sa.select(key.c.id, key.c.name).where(key.c.id.in_(sa.bindparam("keys", expanding=True)))


def key_uses(store: Store, connection: sa.Connection, project_id: int) -> KeyUses:
    """The keys of a project; of its runs only those are read that changed since they were."""
    # Read first: what is read after it can be newer than it says, and never older.
    revision = last_revision(connection)
    since, known = store.key_uses.last(project_id) or (0, None)
    if known is None or since != revision:
        known = _renewed(connection, project_id, known, since)
        store.key_uses.put(project_id, revision, known)
    return known.uses


def _renewed(
    connection: sa.Connection, project_id: int, known: UsedKeys | None, since: int
) -> UsedKeys:
    given = {"project": project_id}
    if known is None or known.had is None:
        return _used(connection, _read(connection, _ALL, given, {}))
    had = known.had | _read(connection, _SINCE, {**given, "since": since}, known.had)
    if len(had) != connection.execute(_COUNT, given).scalar_one():
        here = set(connection.execute(_IDS, given).scalars())
        had = {id: keys for id, keys in had.items() if id in here}
    return UsedKeys(had, known.uses) if had == known.had else _used(connection, had)


def _used(connection: sa.Connection, had: dict[int, str]) -> UsedKeys:
    size = sum(map(len, set(had.values())))
    return UsedKeys(had if size <= MOST_KEPT else None, _count(connection, had))


def _read(
    connection: sa.Connection, query: sa.Select[Any], given: dict[str, int], known: dict[int, str]
) -> dict[int, str]:
    """What runs have, by row id; equal texts are one."""
    texts = {text: text for text in known.values()}
    found: dict[int, str] = {}
    for id, series, facts in plain_rows(connection.execute(query, given)):
        text = f"{series or ''};{facts or ''}"
        found[id] = texts.setdefault(text, text)
    return found


class _Use:
    """How many runs have a key, how many values it has, and how many of them are numbers."""

    __slots__ = ("known", "numbers", "runs")

    def __init__(self) -> None:
        self.runs = self.numbers = self.known = 0

    @property
    def kind(self) -> str:
        if self.numbers == 0:
            return "text"
        return "number" if self.numbers == self.known else "mixed"


def _count(connection: sa.Connection, had: dict[int, str]) -> KeyUses:
    metrics: Counter[int] = Counter()
    facts: dict[tuple[int, int], _Use] = {}
    for text, runs in Counter(had.values()).items():
        keys, _, codes = text.partition(";")
        for id in _numbers(keys):
            metrics[id] += runs
        seen = set()
        for code in _numbers(codes):
            id, (scope, value) = code // _CODES, divmod(code % _CODES, 4)
            place = SUMMARY if scope == TEXT else scope, id
            use = facts.setdefault(place, _Use())
            use.runs += 0 if place in seen else runs
            use.numbers += runs if value == _NUMBER else 0
            use.known += runs if value != _NULL else 0
            seen.add(place)
    names = _names(connection, {*metrics, *(id for _, id in facts)})
    of = {
        scope: _sorted(
            KeyUse(key=names[id], runs=use.runs, kind=use.kind)
            for (area, id), use in facts.items()
            if area == scope and not (scope == LABEL and names[id].startswith("$"))
        )
        for scope in (CONFIG, SUMMARY, LABEL)
    }
    series = _sorted(KeyUse(key=names[id], runs=runs) for id, runs in metrics.items())
    return KeyUses(series, of[CONFIG], of[SUMMARY], of[LABEL])


def _numbers(text: str) -> Iterable[int]:
    return map(int, text.split(",")) if text else ()


def _names(connection: sa.Connection, ids: set[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for part in batches(sorted(ids)):
        found.update(plain_rows(connection.execute(_NAMES, {"keys": part})))
    return found


def _sorted(uses: Iterable[KeyUse]) -> list[KeyUse]:
    return sorted(uses, key=lambda use: use.key)
