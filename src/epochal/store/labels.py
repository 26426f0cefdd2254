"""Labels: named texts of a run, kept whole and found by name and value.

They lie in ``param`` under a scope of their own, so that a condition on a label is one range of a
table clustered by key, as it is for config.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from epochal.domain.logged import METRICS, MODEL
from epochal.domain.names import MAX_KEY, MAX_TEXT
from epochal.domain.origin import Origin, origin_of, used_models
from epochal.domain.tracked import CLIENT, FORK, INPUTS, OUTPUTS, USER
from epochal.store.dialect import batches, plain_rows
from epochal.store.params import GONE, intern_keys, saving
from epochal.store.scalars import Kind, storable
from epochal.store.schema import key, param, project, run
from epochal.store.store import Store
from epochal.store.together import Together

LABEL = 3
"""The scope of labels in ``param``."""
MAX_LABEL = 64 * MAX_TEXT

_OF_RUNS = (
    sa.select(param.c.run_id, key.c.name, param.c.txt)
    .join(key, key.c.id == param.c.key_id)
    .where(param.c.run_id.in_(sa.bindparam("runs", expanding=True)), param.c.scope == LABEL)
    .order_by(key.c.name)
)
_TELLING = (
    sa.select(key.c.name, param.c.txt)
    .join(key, key.c.id == param.c.key_id)
    .where(
        param.c.run_id == sa.bindparam("run"), param.c.scope == LABEL,
        sa.or_(
            key.c.name.not_like("$%"), key.c.name.in_([CLIENT, USER, INPUTS, OUTPUTS, FORK]),
            key.c.name.startswith(MODEL), key.c.name.startswith(METRICS),
        ),
    )
    .order_by(key.c.name)
)  # fmt: skip
"""The labels that tell of a run's origin; protocols keep longer ones in mind."""
_NAMED = (
    sa.select(key.c.name, param.c.txt)
    .join(key, key.c.id == param.c.key_id)
    .where(key.c.name.in_(sa.bindparam("names", expanding=True)), param.c.scope == LABEL)
)


def store_labels(
    connection: sa.Connection,
    run_id: int,
    changes: Mapping[str, str | None],
    known: dict[str, int],
    together: Together,
) -> None:
    """Set and remove labels of a run.

    Args:
        connection: a write transaction.
        run_id: of the run.
        changes: the new text of each label; None removes it.
        known: that of `intern_keys`.
        together: takes the rows.
    """
    values = {str(name)[:MAX_KEY]: value for name, value in changes.items()}
    ids = intern_keys(connection, values, known)
    gone = [
        {"gone": ids[name], "within": LABEL, "of": run_id}
        for name, value in values.items()
        if value is None
    ]
    if gone:
        together.add(GONE, *gone)
    rows = [
        {
            "key_id": ids[name], "scope": LABEL, "run_id": run_id, "kind": int(Kind.TEXT),
            "num": None, "txt": storable(str(value))[:MAX_LABEL],
        }
        for name, value in values.items()
        if value is not None
    ]  # fmt: skip
    together.insert(saving(connection.dialect.name), *rows)


def read_labels(connection: sa.Connection, run_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """The labels of some runs, each by name; runs without any are left out."""
    found: dict[int, dict[str, str]] = {}
    for part in batches(run_ids):
        for run_id, name, text in plain_rows(connection.execute(_OF_RUNS, {"runs": part})):
            found.setdefault(run_id, {})[name] = text or ""
    return found


def read_origin(connection: sa.Connection, run_id: int) -> Origin:
    """What the labels of a run tell of its origin."""
    labels = {name: text or "" for name, text in connection.execute(_TELLING, {"run": run_id})}
    used = used_models(labels)
    others = connection.execute(_NAMED, {"names": used}) if used else ()
    return origin_of(labels, {name: text or "" for name, text in others})


def remove_label(connection: sa.Connection, run_ids: Sequence[int], name: str) -> None:
    """Take a label from runs, where they have it."""
    which = sa.select(key.c.id).where(key.c.name == name).scalar_subquery()
    for part in batches(run_ids):
        connection.execute(
            sa.delete(param).where(
                param.c.key_id == which, param.c.scope == LABEL, param.c.run_id.in_(part)
            )
        )


class Found(msgspec.Struct, frozen=True):
    """A label of some run, and whose run it is."""

    uid: str
    entity: str
    project: str
    name: str
    text: str


def find_labels(
    store: Store, prefix: str, *, name: str | None = None, projects: Sequence[tuple[str, str]] = ()
) -> list[Found]:
    """Labels whose names begin with ``prefix``, of all runs, archived ones too.

    Args:
        store: the home.
        prefix: some text that is not empty.
        name: the rest of the name; all when it is left out.
        projects: only runs of these, given by entity and name; of all when empty.

    Returns:
        Those of archived runs last.
    """
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    named = (
        sa.and_(key.c.name >= prefix, key.c.name < after)
        if name is None
        else key.c.name == storable(prefix + name)
    )
    query = (
        sa.select(run.c.uid, project.c.entity, project.c.name, key.c.name, param.c.txt)
        .join(param, param.c.key_id == key.c.id)
        .join(run, run.c.id == param.c.run_id)
        .join(project, project.c.id == run.c.project_id)
        .where(named, param.c.scope == LABEL)
        .order_by(run.c.archived, run.c.id)
    )
    if projects:
        query = query.where(sa.tuple_(project.c.entity, project.c.name).in_(projects))
    with store.database.read() as connection:
        return [
            Found(uid, entity, place, label, text or "")
            for uid, entity, place, label, text in connection.execute(query)
        ]
