"""Sweeps, their trials and agents as they were at first."""

import sqlalchemy as sa
from alembic import op

from epochal.store import schema
from epochal.store.schema import Blob, Id, Micros, Real, Text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

metadata = sa.MetaData(naming_convention=schema.metadata.naming_convention)
sweep = sa.Table(
    "sweep",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("uid", Text, nullable=False, unique=True),
    sa.Column("entity", Text, nullable=False),
    sa.Column("project", Text, nullable=False),
    sa.Column("config", Blob, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("run_cap", sa.BigInteger),
    sa.Column("next_number", sa.BigInteger, nullable=False, default=0),
    sa.Column("searched", sa.BigInteger, nullable=False, default=0),
    sa.Column("queue", Blob, nullable=False),
    sa.Column("rev", sa.BigInteger, nullable=False, default=0),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("updated_us", Micros, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.Index("ix_sweep_project", "entity", "project", "created_us"),
)

trial = sa.Table(
    "trial",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("sweep_id", Id, sa.ForeignKey("sweep.id", ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("params", Blob, nullable=False),
    sa.Column("coordinates", Blob, nullable=False),
    sa.Column("run", Text, nullable=False),
    sa.Column("agent", Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("origin", Text, nullable=False),
    sa.Column("value", Real),
    sa.Column("iterations", sa.BigInteger, nullable=False, default=0),
    sa.Column("reports", Blob, nullable=False),
    sa.Column("note", Text, nullable=False),
    sa.Column("started_us", Micros, nullable=False),
    sa.Column("seen_us", Micros, nullable=False),
    sa.Column("ended_us", Micros),
    sa.Column("rev", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("sweep_id", "number"),
    sa.Index("ix_trial_rev", "sweep_id", "rev"),
    sa.Index("ix_trial_state", "sweep_id", "state"),
)

sweep_agent = sa.Table(
    "sweep_agent",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("sweep_id", Id, sa.ForeignKey("sweep.id", ondelete="CASCADE"), nullable=False),
    sa.Column("host", Text, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("trials", sa.BigInteger, nullable=False, default=0),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("seen_us", Micros, nullable=False),
    sa.Index("ix_sweep_agent_sweep", "sweep_id"),
)

TABLES = (sweep, trial, sweep_agent)


def upgrade() -> None:
    metadata.create_all(op.get_bind(), list(TABLES))


def downgrade() -> None:
    metadata.drop_all(op.get_bind(), list(TABLES))
