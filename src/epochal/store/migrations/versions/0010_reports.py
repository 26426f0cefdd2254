"""Reports of projects: a new table only.

Whoever alters this table writes its form at this revision here first.
"""

from alembic import op

from epochal.store.schema_reports import report

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    report.create(op.get_bind())


def downgrade() -> None:
    report.drop(op.get_bind())
