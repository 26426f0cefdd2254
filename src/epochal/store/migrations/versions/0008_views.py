"""Saved views of projects: a new table only.

Whoever alters this table writes its form at this revision here first.
"""

from alembic import op

from epochal.store.schema import metadata
from epochal.store.schema_views import saved_view

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = (saved_view,)


def upgrade() -> None:
    metadata.create_all(op.get_bind(), list(TABLES))


def downgrade() -> None:
    metadata.drop_all(op.get_bind(), list(TABLES))
