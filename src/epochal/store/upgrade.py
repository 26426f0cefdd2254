"""Bringing an old database to the present revision: a copy of the file first, then Alembic.

The caller holds ``store.lock``. Each revision is one transaction; a crash leaves the database at
a revision, and the next start goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from epochal.store.database import FILE_MODE, Database, stored_revision
from epochal.store.schema import REVISION

SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(
    database: Database, path: Path | None, revision: int = REVISION, scripts: Path = SCRIPTS
) -> Path | None:
    """Upgrade a database.

    Args:
        database: open, not newer than this Epochal.
        path: its file, when it is one.
        revision: where to stop; the newest by default.
        scripts: directory of the revisions.

    Returns:
        The copy made before, None when there was nothing to do or the database is no file.

    Raises:
        StorageFull: no room; the database is as it was.
    """
    with database.read() as connection:
        found = stored_revision(connection)
    if found >= revision:
        return None
    copy = _copy(path, found) if path is not None and found else None
    with database.write() as connection:
        command.upgrade(_config(connection, scripts), f"{revision:04d}")
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA user_version = {revision}")
    return copy


def _config(connection: sa.Connection, scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    return config


def _copy(path: Path, revision: int) -> Path:
    """A consistent copy, write-ahead log included."""
    target = path.with_name(f"{path.name}.before-{revision:04d}")
    temporary = target.with_name(f".{target.name}.tmp")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    os.close(os.open(temporary, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE))
    source = sqlite3.connect(path)
    copied = sqlite3.connect(temporary)
    try:
        source.backup(copied)
    finally:
        copied.close()
        source.close()
    os.replace(temporary, target)
    return target
