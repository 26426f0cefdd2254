"""What overflows in sums, apart: a column of `latest`."""

import sqlalchemy as sa
from alembic import op

from epochal.store.schema import latest

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OLD = "latest_0014"
KEPT = ", ".join(column.name for column in latest.columns if column.name != "huge")


def upgrade() -> None:
    bind = op.get_bind()
    if any(column["name"] == "huge" for column in sa.inspect(bind).get_columns("latest")):
        return  # revision 3 has made the table in this form
    if bind.dialect.name != "sqlite":
        column = sa.Column("huge", sa.Double, nullable=False, server_default="0")
        op.add_column("latest", column)
        return
    # Made anew and not altered, so that a database that was upgraded equals a new one.
    op.drop_index("ix_latest_run", "latest")
    op.rename_table("latest", OLD)
    latest.create(bind)
    op.execute(f"INSERT INTO latest ({KEPT}) SELECT {KEPT} FROM {OLD}")  # noqa: S608 - our names
    op.drop_table(OLD)


def downgrade() -> None:
    op.drop_column("latest", "huge")
