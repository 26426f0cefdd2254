"""Former names and tags of artifacts, steps of versions, names of sweeps: new tables only.

Whoever alters one of them writes its form at this revision here first.
"""

from alembic import op

from epochal.store.schema_objects import artifact_former, artifact_label, version_step
from epochal.store.schema_sweeps import sweep_name

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = (artifact_former, artifact_label, version_step, sweep_name)


def upgrade() -> None:
    for table in TABLES:
        table.create(op.get_bind())


def downgrade() -> None:
    for table in reversed(TABLES):
        table.drop(op.get_bind())
