"""The first schema. A new database is made in one go and stamped.

This serves an empty one as well.
"""

from alembic import op

from epochal.store.schema import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "project", "run", "detail", "counter", "key", "param", "latest", "tag", "definition", "event",
    "journal", "cut", "segment", "text_value", "console", "api_key",
)  # fmt: skip


def upgrade() -> None:
    metadata.create_all(op.get_bind(), [metadata.tables[name] for name in TABLES])


def downgrade() -> None:
    metadata.drop_all(op.get_bind(), [metadata.tables[name] for name in TABLES])
