"""The table of alerts: what rules found, and how far telling it got."""

from __future__ import annotations

import sqlalchemy as sa

from epochal.store.schema import Id, Micros, Text, metadata

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("entity", Text, nullable=False),
    sa.Column("project", Text, nullable=False),
    sa.Column("rule", Text, nullable=False),
    sa.Column("uid", Text, nullable=False),
    sa.Column("mark", Text, nullable=False),
    sa.Column("run", Text, nullable=False),
    sa.Column("run_id", Text, nullable=False),
    sa.Column("title", Text, nullable=False),
    sa.Column("text", Text, nullable=False),
    sa.Column("target", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("due_us", Micros, nullable=False),
    sa.Column("sent_us", Micros),
    sa.Column("error", Text, nullable=False),
    sa.UniqueConstraint("rule", "uid", "mark"),
    sa.Index("ix_delivery_state", "state", "due_us"),
    sa.Index("ix_delivery_project", "entity", "project", "id"),
)
"""One row for each occasion that a rule found; its uniqueness is what tells it once."""
