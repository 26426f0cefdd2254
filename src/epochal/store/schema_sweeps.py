"""The tables of sweeps, their trials and agents.

``rev`` of a sweep grows with every change of one of its trials, which takes the new number: who
follows a sweep reads the trials beyond the last one that it saw. Msgpack blobs hold what is never
searched. A sweep names its project, it does not hang on the project's row, which may come later.
"""

from __future__ import annotations

import sqlalchemy as sa

from epochal.store.schema import Blob, Id, Micros, Real, Text, metadata

sweep = sa.Table(
    "sweep",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("uid", Text, nullable=False, unique=True),
    sa.Column("entity", Text, nullable=False),
    sa.Column("project", Text, nullable=False),
    sa.Column("config", Blob, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("run_cap", sa.BigInteger),
    sa.Column("next_number", sa.BigInteger, nullable=False, default=0),
    sa.Column("searched", sa.BigInteger, nullable=False, default=0),
    sa.Column("queue", Blob, nullable=False),
    sa.Column("rev", sa.BigInteger, nullable=False, default=0),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("updated_us", Micros, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.Index("ix_sweep_project", "entity", "project", "created_us"),
)
"""``config`` as it was given; ``searched`` counts trials that were chosen, not queued; ``queue``
holds ``{"values", "origin"}`` in the order in which they are tried."""

sweep_name = sa.Table(
    "sweep_name",
    metadata,
    sa.Column(
        "sweep_id",
        Id,
        sa.ForeignKey("sweep.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("name", Text, nullable=False),
)
"""Names that people gave; others are those of the configurations."""

trial = sa.Table(
    "trial",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("sweep_id", Id, sa.ForeignKey("sweep.id", ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("params", Blob, nullable=False),
    sa.Column("coordinates", Blob, nullable=False),
    sa.Column("run", Text, nullable=False),
    sa.Column("agent", Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("origin", Text, nullable=False),
    sa.Column("value", Real),
    sa.Column("iterations", sa.BigInteger, nullable=False, default=0),
    sa.Column("reports", Blob, nullable=False),
    sa.Column("note", Text, nullable=False),
    sa.Column("started_us", Micros, nullable=False),
    sa.Column("seen_us", Micros, nullable=False),
    sa.Column("ended_us", Micros),
    sa.Column("rev", sa.BigInteger, nullable=False),
    sa.Column("outcomes", Blob),
    sa.Column("space", Blob),
    sa.UniqueConstraint("sweep_id", "number"),
    sa.Index("ix_trial_rev", "sweep_id", "rev"),
    sa.Index("ix_trial_state", "sweep_id", "state"),
)
"""``reports`` are the first values of the metric, where trials may end early; ``outcomes`` the
values of all objectives, where there are several; ``space`` what a function asked for by name;
``origin`` names the seed of a repeat, too (``repeat:3:seed``)."""

sweep_agent = sa.Table(
    "sweep_agent",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("sweep_id", Id, sa.ForeignKey("sweep.id", ondelete="CASCADE"), nullable=False),
    sa.Column("host", Text, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("trials", sa.BigInteger, nullable=False, default=0),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("seen_us", Micros, nullable=False),
    sa.Index("ix_sweep_agent_sweep", "sweep_id"),
)
