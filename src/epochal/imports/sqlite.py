"""SQLite databases of other programs, read without changing anything in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from epochal.errors import InvalidInput, NotFound, Unavailable

MAGIC = b"SQLite format 3\0"


def is_sqlite(path: Path) -> bool:
    """Whether a file begins as SQLite databases do."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


class Source:
    """A database, open for reading.

    Args:
        path: the file.
        what: how messages call it.

    Raises:
        NotFound: there is none.
        InvalidInput: it is no database, or cannot be read.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what
        if not path.exists():
            raise NotFound(f"there is no file {path}; name {what}")
        if not is_sqlite(path):
            raise InvalidInput(f"{path} is no SQLite database; {what} was expected")
        self._connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, timeout=20
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.text_factory = lambda data: data.decode("utf-8", "replace")
        self._columns: dict[str, set[str]] = {}
        for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
            table = str(row["name"])
            quoted = table.replace('"', '""')
            self._columns[table] = {
                str(column["name"]) for column in self.rows(f'PRAGMA table_info("{quoted}")')
            }

    def rows(self, query: str, *values: object) -> Iterator[Any]:
        """Rows, one by one.

        Raises:
            InvalidInput: the database is damaged.
            Unavailable: another program holds it for longer than 20 seconds.
        """
        try:
            yield from self._connection.execute(query, values)
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise Unavailable(f"{self.path} is in use by another program: {error}") from None
            raise InvalidInput(f"{self.path} cannot be read: {error}") from None
        except sqlite3.DatabaseError as error:
            raise InvalidInput(f"{self.path} is damaged: {error}") from None

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is a table with these columns."""
        return table in self._columns and self._columns[table].issuperset(columns)

    def need(self, table: str, *columns: str) -> None:
        """Refuse a database that is something else.

        Raises:
            InvalidInput: it has no such table or column.
        """
        if not self.has(table, *columns):
            raise InvalidInput(
                f"{self.path} has no table {table!r} with {', '.join(columns)}; "
                f"{self._what} was expected"
            )

    def count(self, table: str) -> int:
        """Rows of a table; 0 without it."""
        if table not in self._columns:
            return 0
        return int(next(self.rows(f'SELECT count(*) AS n FROM "{table}"'))["n"])  # noqa: S608

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
