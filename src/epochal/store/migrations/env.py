"""Alembic's entry: runs revisions on the connection that `store.upgrade` hands over."""

from alembic import context

from epochal.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller's transaction is the only one
    render_as_batch=True,
)
context.run_migrations()
