"""The baseline beside the store: a SQLite table with one row per point."""

from __future__ import annotations

import sqlite3
from pathlib import Path

TABLE = (
    "CREATE TABLE point(run INT, key TEXT, step INT, wall REAL, value REAL,"
    " PRIMARY KEY(run, key, step)) WITHOUT ROWID"
)
INSERT = "INSERT INTO point VALUES(?,?,?,?,?)"
WALL = 1.79e9


def table(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(TABLE)
    return connection


def insert(
    connection: sqlite3.Connection, rows: list[dict[str, float]], batch: int, run: int = 1
) -> None:
    """Point rows in transactions of ``batch`` calls each."""
    for start in range(0, len(rows), batch):
        points = [
            (run, key, start + offset, WALL + start + offset, value)
            for offset, values in enumerate(rows[start : start + batch])
            for key, value in values.items()
        ]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, points)
        connection.execute("COMMIT")


def insert_series(connection: sqlite3.Connection, values: list[float]) -> None:
    """One long series under the key ``loss`` of run 1."""
    connection.execute("BEGIN IMMEDIATE")
    rows = ((1, "loss", step, WALL + step, value) for step, value in enumerate(values))
    connection.executemany(INSERT, rows)
    connection.execute("COMMIT")


def buckets(connection: sqlite3.Connection, width: int) -> list[tuple[object, ...]]:
    """All series in buckets of ``width`` steps."""
    query = "SELECT run, key, step/?, min(value), max(value), count(*) FROM point GROUP BY 1,2,3"
    return connection.execute(query, (width,)).fetchall()
