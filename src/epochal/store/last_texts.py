"""The last text of each key of a run, for tables and filters: kept right when a cut hides some.

All texts lie in journals, see `texts`; the copies here are of those that no cut has hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.names import MAX_KEY
from epochal.domain.record import Text
from epochal.store.filters import TEXT
from epochal.store.params import intern_keys, saving
from epochal.store.scalars import clamp, encode_value
from epochal.store.schema import param, text_value

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


def save_texts(
    connection: sa.Connection, run_id: int, texts: Sequence[Text], known: dict[str, int]
) -> None:
    """Keep some texts of a run, in writing order; ``known`` is that of `intern_keys`."""
    if not texts:
        return
    names = {text.key: text.key[:MAX_KEY] for text in texts}
    ids = intern_keys(connection, names.values(), known)
    connection.execute(
        sa.insert(text_value),
        [
            {
                "run_id": run_id, "key_id": ids[names[text.key]], "step": clamp(text.step),
                "wall_us": clamp(text.wall_us), "value": _encode(text.value),
            }
            for text in texts
        ],
    )  # fmt: skip
    _show(connection, run_id, {ids[names[text.key]]: text.value for text in texts})


def cut_texts(connection: sa.Connection, run_id: int, step: int) -> None:
    """Hide the texts of a run from ``step`` on: the last one before it is shown again."""
    behind = sa.and_(text_value.c.run_id == run_id, text_value.c.step >= step)
    found = connection.execute(sa.select(text_value.c.key_id).where(behind).distinct())
    hidden = [*found.scalars()]
    connection.execute(sa.delete(text_value).where(behind))
    before: dict[int, Any] = {}
    for key_id in hidden:
        left = sa.select(text_value.c.value).where(
            text_value.c.run_id == run_id, text_value.c.key_id == key_id
        )
        last = connection.execute(left.order_by(text_value.c.id.desc()).limit(1)).scalar()
        if last is not None:
            before[key_id] = _decode(last)
        else:
            gone = sa.and_(param.c.run_id == run_id, param.c.scope == TEXT)
            connection.execute(sa.delete(param).where(gone, param.c.key_id == key_id))
    _show(connection, run_id, before)


def _show(connection: sa.Connection, run_id: int, last: Mapping[int, Any]) -> None:
    rows = []
    for key_id, value in last.items():
        kind, num, txt = encode_value(value)
        rows.append({
            "key_id": key_id, "scope": TEXT, "run_id": run_id, "kind": int(kind), "num": num,
            "txt": txt,
        })  # fmt: skip
    if rows:
        connection.execute(saving(connection.dialect.name), rows)
