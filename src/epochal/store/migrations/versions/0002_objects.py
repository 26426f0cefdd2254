"""Media, files, artifacts and models: new tables only, none of the first schema changes.

Whoever alters one of these tables writes its form at this revision here first.
"""

from alembic import op

from epochal.store import schema_objects
from epochal.store.schema import metadata

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    schema_objects.blob, schema_objects.run_blob, schema_objects.media, schema_objects.file,
    schema_objects.spooled, schema_objects.artifact, schema_objects.artifact_version,
    schema_objects.version_blob, schema_objects.version_run, schema_objects.artifact_alias,
    schema_objects.artifact_tag, schema_objects.artifact_use, schema_objects.model,
    schema_objects.model_version, schema_objects.model_alias, schema_objects.model_tag,
    schema_objects.model_event,
)  # fmt: skip


def upgrade() -> None:
    metadata.create_all(op.get_bind(), list(TABLES))


def downgrade() -> None:
    metadata.drop_all(op.get_bind(), list(TABLES))
