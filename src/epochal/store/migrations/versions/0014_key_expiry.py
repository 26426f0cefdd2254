"""Until when an API key is good: a new table only.

Whoever alters it writes its form at this revision here first.
"""

from alembic import op

from epochal.store.schema import key_expiry

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key_expiry.create(op.get_bind())


def downgrade() -> None:
    key_expiry.drop(op.get_bind())
