"""Journals that stay where they are: a new table only."""

from alembic import op

from epochal.store.schema import resting

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    resting.create(op.get_bind())


def downgrade() -> None:
    resting.drop(op.get_bind())
