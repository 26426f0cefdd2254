"""What foreign protocols keep in mind between requests."""

from alembic import op

from epochal.store.schema import note

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    note.create(op.get_bind())


def downgrade() -> None:
    note.drop(op.get_bind())
