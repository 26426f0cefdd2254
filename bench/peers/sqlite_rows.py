"""The plain database: one row per point, WAL, one transaction per call."""

import os
import sqlite3
import time

SCALE = 0.2
connection: sqlite3.Connection
TABLE = (
    "CREATE TABLE IF NOT EXISTS point(run INT, key TEXT, step INT, wall REAL, value REAL,"
    " PRIMARY KEY(run, key, step)) WITHOUT ROWID"
)


def start(directory: str) -> None:
    global connection
    path = os.path.join(directory, "rows.db")
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(TABLE)


def log(values: dict[str, float], step: int) -> None:
    now = time.time()
    run = os.getpid()
    rows = [(run, key, step, now, value) for key, value in values.items()]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO point VALUES(?,?,?,?,?)", rows)
    connection.execute("COMMIT")


def finish() -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def points(directory: str, key: str) -> int:
    reader = sqlite3.connect(os.path.join(directory, "rows.db"))
    query = "SELECT step, wall, value FROM point WHERE key=?"
    return len(reader.execute(query, (key,)).fetchall())
