"""Foreign clients: what they say of projects, and the time of the last point of each series."""

import sqlalchemy as sa
from alembic import op

from epochal.store.schema import experiment, latest

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OLD = "latest_0002"
NEW = ("last_us", "huge")
"""The second one is of revision 15, which finds it there."""
KEPT = ", ".join(column.name for column in latest.columns if column.name not in NEW)


def upgrade() -> None:
    experiment.create(op.get_bind())
    if op.get_bind().dialect.name != "sqlite":
        op.add_column("latest", sa.Column("last_us", sa.BigInteger))
        return
    # Made anew and not altered, so that a database that was upgraded equals a new one.
    op.drop_index("ix_latest_run", "latest")
    op.rename_table("latest", OLD)
    latest.create(op.get_bind())
    op.execute(f"INSERT INTO latest ({KEPT}) SELECT {KEPT} FROM {OLD}")  # noqa: S608 - our names
    op.drop_table(OLD)


def downgrade() -> None:
    op.drop_column("latest", "last_us")
    experiment.drop(op.get_bind())
