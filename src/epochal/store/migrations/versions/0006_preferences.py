"""What people chose for a project."""

from alembic import op

from epochal.store.schema import preference

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    preference.create(op.get_bind())


def downgrade() -> None:
    preference.drop(op.get_bind())
