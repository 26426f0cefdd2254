"""The tables, in words that SQLite and PostgreSQL share.

Those of media, files, artifacts and models are in `store.schema_objects`.

Times are microseconds since 1970 UTC. Databases disagree about NaN, signed zero and wide
integers, so a number is stored as ``num`` (never NaN) beside ``kind``, see `store.scalars`.
Msgpack blobs hold what is shown but never searched. Tables that are scanned by key are clustered
by it.
"""

from __future__ import annotations

import sqlalchemy as sa

REVISION = 15
"""Number of the newest migration under ``store/migrations/versions``."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Micros = sa.BigInteger
Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Real = sa.Double
Blob = sa.LargeBinary


def _run_id(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "run_id",
        Id,
        sa.ForeignKey("run.id", ondelete="CASCADE"),
        nullable=False,
        primary_key=primary_key,
        autoincrement=False,
    )


project = sa.Table(
    "project",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("entity", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("updated_us", Micros, nullable=False),
    sa.Column("next_color", sa.Integer, nullable=False, default=0),
    sa.UniqueConstraint("entity", "name"),
)

experiment = sa.Table(
    "experiment",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entity", Text, nullable=False),
    sa.Column("project", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("updated_us", Micros, nullable=False),
    sa.Column("deleted", sa.Boolean, nullable=False, default=False),
    sa.Column("tags", Blob, nullable=False),
    sa.UniqueConstraint("entity", "project"),
)
"""What foreign clients said of projects; the others have no row. See `store.experiments`."""

note = sa.Table(
    "note",
    metadata,
    sa.Column("area", Text, primary_key=True),
    sa.Column("name", Text, primary_key=True),
    sa.Column("value", Blob, nullable=False),
    sa.Column("wall_us", Micros, nullable=False),
)
"""What foreign protocols keep in mind between requests. See `store.notes`."""

preference = sa.Table(
    "preference",
    metadata,
    sa.Column("entity", Text, primary_key=True),
    sa.Column("project", Text, primary_key=True),
    sa.Column("name", Text, primary_key=True),
    sa.Column("value", Blob, nullable=False),
    sa.Column("changed_us", Micros, nullable=False),
)
"""What people chose for a project on this server. See `store.preferences`."""

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("uid", Text, nullable=False, unique=True),
    sa.Column("project_id", Id, sa.ForeignKey("project.id"), nullable=False),
    sa.Column("name_id", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("updated_us", Micros, nullable=False),
    sa.Column("ended_us", Micros),
    sa.Column("group", Text, nullable=False, default=""),
    sa.Column("job_type", Text, nullable=False, default=""),
    sa.Column("notes", Text, nullable=False, default=""),
    sa.Column("parent", Text, nullable=False, default=""),
    sa.Column("sweep", Text, nullable=False, default=""),
    sa.Column("host", Text, nullable=False, default=""),
    sa.Column("tags", Blob, nullable=False),
    sa.Column("color", sa.Integer, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False, default=False),
    sa.Column("exit_code", sa.Integer),
    sa.Column("last_step", sa.BigInteger),
    sa.Column("nan_key", Text),
    sa.Column("nan_step", sa.BigInteger),
    sa.Column("lines", sa.BigInteger, nullable=False, default=0),
    sa.Column("rev", sa.BigInteger, nullable=False, default=0),
    sa.Index("ix_run_project_created", "project_id", "archived", "created_us", "uid"),
)

detail = sa.Table(
    "detail",
    metadata,
    _run_id(primary_key=True),
    sa.Column("config", Blob, nullable=False),
    sa.Column("summary", Blob, nullable=False),
    sa.Column("environment", Blob, nullable=False),
)
"""What is shown of one run only; kept out of ``run`` so that lists read few pages."""

counter = sa.Table(
    "counter",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

key = sa.Table(
    "key",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", Text, nullable=False, unique=True),
)

param = sa.Table(
    "param",
    metadata,
    sa.Column("key_id", Id, primary_key=True, autoincrement=False),
    sa.Column("scope", sa.SmallInteger, primary_key=True, autoincrement=False),
    _run_id(primary_key=True),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("num", Real),
    sa.Column("txt", Text),
    sa.Index("ix_param_run", "run_id", "scope"),
    sqlite_with_rowid=False,
)
"""Leaves of config (scope 0), of the user's summary (1), of logged texts (2), and labels (3)."""

latest = sa.Table(
    "latest",
    metadata,
    sa.Column("key_id", Id, primary_key=True, autoincrement=False),
    _run_id(primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("last_kind", sa.SmallInteger, nullable=False),
    sa.Column("last", Real),
    sa.Column("last_txt", Text),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("last_start", Micros, nullable=False),
    sa.Column("step_max", sa.BigInteger, nullable=False),
    sa.Column("min", Real),
    sa.Column("max", Real),
    sa.Column("total", Real, nullable=False),
    sa.Column("n_nan", sa.BigInteger, nullable=False),
    sa.Column("n_inf", sa.BigInteger, nullable=False),
    sa.Column("first_nan_step", sa.BigInteger),
    sa.Column("rule", sa.SmallInteger, nullable=False, default=0),
    sa.Column("last_us", Micros),
    sa.Column("huge", Real, nullable=False, server_default="0"),
    sa.Index("ix_latest_run", "run_id"),
    sqlite_with_rowid=False,
)
"""What is known of each series.

``total`` is the sum of its finite values, but for those past `means.HUGE`: ``huge`` is the sum of
them, each times `means.SCALE`, as a sum of values near the largest float would overflow.

``rule`` says which aggregate the summary shows (`store.rules`). ``last_us`` is the time of the
last point, NULL where an older Epochal wrote the row.
"""

tag = sa.Table(
    "tag",
    metadata,
    sa.Column("tag", Text, primary_key=True),
    _run_id(primary_key=True),
    sa.Index("ix_tag_run", "run_id"),
    sqlite_with_rowid=False,
)

definition = sa.Table(
    "definition",
    metadata,
    _run_id(primary_key=True),
    sa.Column("name", Text, primary_key=True),
    sa.Column("step_metric", Text),
    sa.Column("summary", Blob, nullable=False),
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Column("goal", Text),
    sa.Column("wall_us", Micros, nullable=False),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _run_id(),
    sa.Column("t_us", Micros, nullable=False),
    sa.Column("level", Text, nullable=False),
    sa.Column("title", Text, nullable=False),
    sa.Column("text", Text, nullable=False),
    sa.Index("ix_event_run", "run_id"),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _run_id(),
    sa.Column("writer", Text, nullable=False),
    sa.Column("remote", sa.Boolean, nullable=False, default=False),
    sa.Column("host", Text, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("primary", sa.Boolean, nullable=False),
    sa.Column("started_us", Micros, nullable=False),
    sa.Column("contact_us", Micros, nullable=False),
    sa.Column("facts_pos", sa.BigInteger, nullable=False),
    sa.Column("rows_pos", sa.BigInteger, nullable=False),
    sa.Column("rows_ordinal", sa.BigInteger, nullable=False),
    sa.Column("schemas", Blob, nullable=False),
    sa.Column("lines", sa.BigInteger, nullable=False, default=0),
    sa.Column("damaged", sa.Integer, nullable=False, default=0),
    sa.Column("unknown", sa.Integer, nullable=False, default=0),
    sa.Column("closed", sa.Boolean, nullable=False, default=False),
    sa.Column("lost", sa.Boolean, nullable=False, default=False),
    sa.Column("removed", sa.Boolean, nullable=False, default=False),
    sa.Column("finish_state", Text),
    sa.Column("exit_code", sa.Integer),
    sa.Column("finished_us", Micros),
    sa.UniqueConstraint("run_id", "writer"),
)
"""One row per writer. ``facts_pos`` and ``rows_pos`` are file offsets.

Each moves with its effects.
"""

resting = sa.Table(
    "resting",
    metadata,
    sa.Column("journal_id", Id, sa.ForeignKey("journal.id", ondelete="CASCADE"), primary_key=True),
)
"""Journals that stay where they are for good; see `store.resting`."""

cut = sa.Table(
    "cut",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _run_id(),
    sa.Column("journal_id", Id, sa.ForeignKey("journal.id", ondelete="CASCADE"), nullable=False),
    sa.Column("ordinal", sa.BigInteger, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Index("ix_cut_run", "run_id"),
)

segment = sa.Table(
    "segment",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _run_id(),
    sa.Column("journal_id", Id, sa.ForeignKey("journal.id", ondelete="CASCADE"), nullable=False),
    sa.Column("file", Text, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("keys", sa.Integer, nullable=False),
    sa.Column("order_first", sa.BigInteger, nullable=False),
    sa.Column("order_last", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("run_id", "file"),
)

text_value = sa.Table(
    "text_value",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _run_id(),
    sa.Column("key_id", Id, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("wall_us", Micros, nullable=False),
    sa.Column("value", Blob, nullable=False),
    sa.Index("ix_text_run_key", "run_id", "key_id"),
)

console = sa.Table(
    "console",
    metadata,
    _run_id(primary_key=True),
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("journal_id", Id, sa.ForeignKey("journal.id", ondelete="CASCADE"), nullable=False),
    sa.Column("writer_first", sa.BigInteger, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("data", Blob, nullable=False),
    sa.Index("ix_console_journal", "journal_id", "writer_first"),
)
"""Console lines in compressed chunks.

``first`` counts over the run, ``writer_first`` over the writer.
"""

api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("prefix", Text, nullable=False, unique=True),
    sa.Column("digest", Blob, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("role", sa.SmallInteger, nullable=False),
    sa.Column("created_us", Micros, nullable=False),
    sa.Column("used_us", Micros),
    sa.Column("revoked_us", Micros),
)

key_expiry = sa.Table(
    "key_expiry",
    metadata,
    sa.Column(
        "key_id",
        Id,
        sa.ForeignKey("api_key.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("expires_us", Micros, nullable=False),
)
"""Until when a key is good, where that is not until somebody revokes it."""
