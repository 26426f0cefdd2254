"""The table of saved views.

A view names its project, it does not hang on the project's row: a link stays good when a
project's last run goes and comes again.
"""

from __future__ import annotations

import sqlalchemy as sa

from epochal.store.schema import Id, Micros, Text, metadata

saved_view = sa.Table(
    "saved_view",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("entity", Text, nullable=False),
    sa.Column("project", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("query", Text, nullable=False),
    sa.Column("preferred", sa.Boolean, nullable=False, default=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("updated_us", Micros, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.UniqueConstraint("entity", "project", "name"),
)
"""``query`` is the view as the query string of the page; ``~`` begins the names of those that are
named by their content."""

view_saver = sa.Table(
    "view_saver",
    metadata,
    sa.Column(
        "view_id",
        Id,
        sa.ForeignKey("saved_view.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("name", Text, nullable=False),
)
"""Who saved a view last, where that is not who made it."""
