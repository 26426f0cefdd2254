"""The database behind a store: one writing connection, many reading ones.

`write` gives the only connection that may write, in one transaction that is committed at the end
of the block or rolled back by an exception; it blocks other writers of this process. `read` gives
a consistent snapshot that can change nothing. Commits reach the device before `write` returns
(``synchronous=FULL``).

On SQLite the writer is also the only checkpointer: engines before 3.51.3 can lose committed pages
when two connections checkpoint at the same instant (https://sqlite.org/wal.html, "WAL-reset").
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

from epochal.errors import (
    CorruptFile,
    EpochalError,
    NewerFormat,
    StorageError,
    StorageFull,
    Unavailable,
)
from epochal.store import (
    schema_alerts,
    schema_objects,
    schema_reports,
    schema_sweeps,
    schema_views,
)
from epochal.store.schema import REVISION

BUSY_MS = 10_000
READERS = 16
FILE_MODE = 0o600
SCHEMAS = (schema_objects, schema_sweeps, schema_views, schema_alerts, schema_reports)
"""The modules with all tables; one metadata holds them."""


class Database:
    """A connection factory with rules. Safe to use from any thread.

    Args:
        address: a SQLite file, or a SQLAlchemy URL of a PostgreSQL database.
    """

    def __init__(self, address: Path | str) -> None:
        self.path = address if isinstance(address, Path) else None
        self._lock = threading.RLock()
        self._writing: sa.Connection | None = None
        if self.path is not None:
            self._writer = _sqlite_engine(self.path, read_only=False)
            self._readers = _sqlite_engine(self.path, read_only=True)
        else:
            self._writer = sa.create_engine(str(address))
            self._readers = self._writer.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """The writing connection, in one transaction.

        Inside another `write` of the same thread it joins that one.

        Raises:
            StorageFull: the disk has no room; nothing was changed.
            CorruptFile: the database file is damaged.
            Unavailable: another process keeps the database locked.
        """
        with self._lock:
            if self._writing is not None:
                yield self._writing
                return
            with self._translated(), self._writer.begin() as connection:
                self._writing = connection
                try:
                    yield connection
                finally:
                    self._writing = None

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A reading connection that sees one moment of the database.

        Raises:
            CorruptFile: the database file is damaged.
        """
        with self._translated(), self._readers.begin() as connection:
            yield connection

    def create(self) -> None:
        """Make all tables in an empty database and stamp it with the newest revision."""
        metadata = SCHEMAS[0].metadata
        with self.write() as connection:
            if self.path is None:
                metadata.create_all(connection)
            else:
                for statement in _sqlite_statements():
                    connection.exec_driver_sql(statement)
            stamp(connection, REVISION)

    def revision(self) -> int:
        """The number of the migration that the database is at; 0 when it is empty.

        Raises:
            NewerFormat: a newer Epochal made it.
        """
        with self.read() as connection:
            found = stored_revision(connection)
        if found > REVISION:
            raise NewerFormat(
                f"the database {self.path or ''} has format {found}, "
                f"this Epochal knows up to {REVISION}; upgrade epochal"
            )
        return found

    def check(self) -> list[str]:
        """Problems that the database finds in itself, at most 20; empty when it is sound."""
        with self.read() as connection:
            if connection.dialect.name != "sqlite":
                return []
            found = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
        return [] if found == ["ok"] else [str(problem) for problem in found]

    def close(self) -> None:
        """Let go of every connection; readers first, so that only the writer ever checkpoints."""
        with self._lock:
            self._readers.dispose()
            self._writer.dispose()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._translate(error) from error

    def _translate(self, error: DBAPIError) -> EpochalError | DBAPIError:
        text = str(error.orig)
        name = self.path or "the database"
        if "disk I/O error" in text:
            return StorageError(f"{name} cannot be read or written: {text}; check the disk")
        if "disk is full" in text:
            return StorageFull(
                f"{name} cannot grow: {text}; free some space on the disk, nothing was lost"
            )
        if "malformed" in text or "not a database" in text:
            return CorruptFile(
                name, f"{text}; `epochal doctor --rebuild` makes a new one from the runs"
            )
        if "locked" in text or (error.connection_invalidated and self.path is None):
            return Unavailable(f"{name} is busy: {text}; try again")
        return error


@functools.cache
def _sqlite_statements() -> tuple[str, ...]:
    """What makes all tables of an empty SQLite database: wording it takes longer than doing it."""
    found: list[str] = []

    def note(statement: sa.DDLElement, *_: object) -> None:
        found.append(str(statement.compile(dialect=engine.dialect)))

    engine = sa.create_mock_engine("sqlite://", note)
    SCHEMAS[0].metadata.create_all(engine, checkfirst=False)
    return tuple(found)


def stored_revision(connection: sa.Connection) -> int:
    """The revision number written in the database, 0 when there is none."""
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if not sa.inspect(connection).has_table("alembic_version"):
        return 0
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return int(found or 0)


def stamp(connection: sa.Connection, revision: int) -> None:
    """Write the revision where Alembic looks for it, and into SQLite's ``user_version``."""
    connection.execute(
        sa.text(
            "CREATE TABLE IF NOT EXISTS alembic_version "
            "(version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        )
    )
    connection.execute(sa.text("DELETE FROM alembic_version"))
    connection.execute(
        sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": f"{revision:04d}"}
    )
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version = {int(revision)}")


def _sqlite_engine(path: Path, *, read_only: bool) -> sa.Engine:
    if not read_only and not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE))
    engine = sa.create_engine(
        f"sqlite:///{path}",
        connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000},
        **(
            {"poolclass": QueuePool, "pool_size": READERS, "max_overflow": 16}
            if read_only
            else {"poolclass": StaticPool}
        ),
    )

    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # this module begins transactions itself
        for pragma in (
            f"busy_timeout = {BUSY_MS}",
            "foreign_keys = ON",
            "cache_size = -16000",
            *(
                ("wal_autocheckpoint = 0", "query_only = ON")
                if read_only
                else ("journal_mode = WAL", "synchronous = FULL", "journal_size_limit = 67108864")
            ),
        ):
            connection.execute(f"PRAGMA {pragma}")

    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    sa.event.listen(engine, "connect", configure)
    sa.event.listen(engine, "begin", begin)
    return engine
