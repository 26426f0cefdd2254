"""Alerts that rules found."""

from alembic import op

from epochal.store.schema_alerts import delivery

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    delivery.create(op.get_bind())


def downgrade() -> None:
    delivery.drop(op.get_bind())
