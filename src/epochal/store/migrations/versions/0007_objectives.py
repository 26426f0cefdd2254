"""Trials of several objectives and of functions that ask by name; a queue that says who asked."""

from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

from epochal.store.schema import Blob
from epochal.store.schema_sweeps import trial

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLD = "trial_0006"
NEW = ("outcomes", "space")
KEPT = ", ".join(column.name for column in trial.columns if column.name not in NEW)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # Made anew and not altered, so that a database that was upgraded equals a new one.
        op.drop_index("ix_trial_rev", "trial")
        op.drop_index("ix_trial_state", "trial")
        op.rename_table("trial", OLD)
        trial.create(op.get_bind())
        op.execute(f"INSERT INTO trial ({KEPT}) SELECT {KEPT} FROM {OLD}")  # noqa: S608 - our names
        op.drop_table(OLD)
    else:
        for name in NEW:
            op.add_column("trial", sa.Column(name, Blob))
    _rewrite(lambda entry: {"values": entry, "origin": "queue"})


def downgrade() -> None:
    _rewrite(lambda entry: entry["values"])
    for name in NEW:
        op.drop_column("trial", name)


def _rewrite(change: Callable[[Any], Any]) -> None:
    """Write every entry of every queue in its other form."""
    sweep = sa.table("sweep", sa.column("id"), sa.column("queue", Blob))
    for identity, queue in op.get_bind().execute(sa.select(sweep.c.id, sweep.c.queue)).all():
        changed = [change(entry) for entry in msgspec.msgpack.decode(bytes(queue))]
        op.get_bind().execute(
            sa.update(sweep)
            .where(sweep.c.id == identity)
            .values(queue=msgspec.msgpack.encode(changed))
        )
