"""The table of reports.

A report names its project, it does not hang on the project's row: it outlives the project's runs.
"""

from __future__ import annotations

import sqlalchemy as sa

from epochal.store.schema import Id, Micros, Text, metadata

report = sa.Table(
    "report",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("uid", Text, nullable=False, unique=True),
    sa.Column("entity", Text, nullable=False),
    sa.Column("project", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("title", Text, nullable=False),
    sa.Column("text", Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("updated_us", Micros, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.Column("updated_by", Text, nullable=False),
    sa.Column("deleted_us", Micros),
    sa.UniqueConstraint("entity", "project", "name"),
)
"""``uid`` names its directory below ``reports``."""
