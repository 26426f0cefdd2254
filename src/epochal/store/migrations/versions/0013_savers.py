"""Who saved a view last: a new table only.

Whoever alters it writes its form at this revision here first.
"""

from alembic import op

from epochal.store.schema_views import view_saver

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    view_saver.create(op.get_bind())


def downgrade() -> None:
    view_saver.drop(op.get_bind())
