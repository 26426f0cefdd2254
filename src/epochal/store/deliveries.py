"""Deliveries: what rules found, told once each, and tried again when telling it failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from epochal.domain.alert import DeliveryRow, Occasion, Rule, target_of
from epochal.store.dialect import upsert
from epochal.store.schema_alerts import delivery
from epochal.store.store import Store

PAUSES_US: Final = tuple(s * 1_000_000 for s in (10, 60, 300, 1_800, 7_200))
"""Before the second attempt and each later one; after the last, it has failed."""
_TEXT: Final = 4_000


def add_deliveries(
    store: Store, place: tuple[str, str], rule: Rule, found: Sequence[Occasion], now_us: int
) -> None:
    """Remember what a rule found; what it found before stays as it is."""
    if not found:
        return
    rows = [
        {
            "entity": place[0], "project": place[1], "rule": rule.id, "uid": one.uid,
            "mark": one.mark, "run": one.name, "run_id": one.run_id, "title": one.title[:_TEXT],
            "text": one.text[:_TEXT], "target": target_of(rule), "state": "waiting",
            "attempts": 0, "created_us": now_us, "due_us": now_us, "sent_us": None, "error": "",
        }
        for one in found
    ]  # fmt: skip
    with store.database.write() as connection:
        change = upsert(connection.dialect.name, delivery, ("rule", "uid", "mark"), None)
        connection.execute(change, rows)


def due(store: Store, now_us: int, limit: int) -> list[Any]:
    """What is to be told now: of each rule the oldest, then of each the second, and so on.

    A rule with much to tell keeps no other waiting.
    """
    turn = sa.func.row_number().over(
        partition_by=delivery.c.rule, order_by=(delivery.c.due_us, delivery.c.id)
    )
    query = (
        sa.select(delivery, turn.label("turn"))
        .where(delivery.c.state == "waiting", delivery.c.due_us <= now_us)
        .order_by(sa.text("turn"), delivery.c.due_us, delivery.c.id)
        .limit(limit)
    )
    with store.database.read() as connection:
        return list(connection.execute(query))


def settle(store: Store, id: int, attempts: int, error: str, now_us: int) -> None:
    """Write down how an attempt went.

    Args:
        store: the home.
        id: of the delivery.
        attempts: how many there were, this one included.
        error: why it failed; empty when it did not.
        now_us: microseconds since 1970.
    """
    values: dict[str, Any] = {"attempts": attempts, "error": error[:_TEXT]}
    if not error:
        values |= {"state": "sent", "sent_us": now_us}
    elif attempts > len(PAUSES_US):
        values |= {"state": "failed"}
    else:
        values |= {"due_us": now_us + PAUSES_US[attempts - 1]}
    with store.database.write() as connection:
        connection.execute(sa.update(delivery).where(delivery.c.id == id).values(**values))


def list_deliveries(store: Store, place: tuple[str, str], limit: int) -> list[DeliveryRow]:
    """What a project's rules found, newest first."""
    query = (
        sa.select(delivery)
        .where(delivery.c.entity == place[0], delivery.c.project == place[1])
        .order_by(delivery.c.id.desc())
        .limit(limit)
    )
    with store.database.read() as connection:
        return [
            DeliveryRow(
                id=row.id, rule=row.rule, uid=row.uid, run=row.run, run_id=row.run_id,
                title=row.title, text=row.text, target=row.target, state=row.state,
                attempts=row.attempts, created_us=row.created_us, sent_us=row.sent_us,
                next_us=row.due_us if row.state == "waiting" else None, error=row.error,
            )
            for row in connection.execute(query)
        ]  # fmt: skip
