"""The first schema. A new database is made in one go and stamped.

This serves an empty one as well. Tables that a later revision alters have their first form here.
"""

import sqlalchemy as sa
from alembic import op

from epochal.store.schema import Micros, Real, Text, _run_id, metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "project", "run", "detail", "counter", "key", "param", "tag", "definition", "event",
    "journal", "cut", "segment", "text_value", "console", "api_key",
)  # fmt: skip


def upgrade() -> None:
    metadata.create_all(op.get_bind(), [metadata.tables[name] for name in TABLES])
    op.create_table(
        "latest",
        sa.Column("key_id", sa.BigInteger, primary_key=True, autoincrement=False),
        _run_id(primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("last_kind", sa.SmallInteger, nullable=False),
        sa.Column("last", Real),
        sa.Column("last_txt", Text),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("last_start", Micros, nullable=False),
        sa.Column("step_max", sa.BigInteger, nullable=False),
        sa.Column("min", Real),
        sa.Column("max", Real),
        sa.Column("total", Real, nullable=False),
        sa.Column("n_nan", sa.BigInteger, nullable=False),
        sa.Column("n_inf", sa.BigInteger, nullable=False),
        sa.Column("first_nan_step", sa.BigInteger),
        sa.Column("rule", sa.SmallInteger, nullable=False, default=0),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_latest_run", "latest", ["run_id"])


def downgrade() -> None:
    op.drop_table("latest")
    metadata.drop_all(op.get_bind(), [metadata.tables[name] for name in TABLES])
