"""Sweeps, their trials and agents: new tables only.

Whoever alters one of these tables writes its form at this revision here first.
"""

from alembic import op

from epochal.store.schema import metadata
from epochal.store.schema_sweeps import sweep, sweep_agent, trial

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (sweep, trial, sweep_agent)


def upgrade() -> None:
    metadata.create_all(op.get_bind(), list(TABLES))


def downgrade() -> None:
    metadata.drop_all(op.get_bind(), list(TABLES))
