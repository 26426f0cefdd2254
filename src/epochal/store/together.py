"""Statements of one transaction that wait and then run together, each once for many rows.

Whoever adds rows says with that that their order among each other does not matter, and that
nobody reads what they change before `Together.run`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from epochal.store.dialect import insert_each, run_each


class Together:
    """What waits in one transaction."""

    def __init__(self) -> None:
        self._waiting: dict[sa.Executable, list[dict[str, Any]]] = {}
        self._plain: dict[sa.Executable, list[dict[str, Any]]] = {}

    def add(self, statement: sa.Executable, *given: dict[str, Any]) -> None:
        """Run a statement later, once with each of these parameters.

        Args:
            statement: always the same object where it is the same statement.
            given: with the same names every time.
        """
        if given:
            self._waiting.setdefault(statement, []).extend(given)

    def insert(self, statement: sa.Executable, *rows: dict[str, Any]) -> None:
        """Insert rows later, in the way and under the conditions of `insert_each`."""
        if rows:
            self._plain.setdefault(statement, []).extend(rows)

    def run(self, connection: sa.Connection) -> None:
        """Run all that waits: statements in the order in which they came first, then inserts."""
        waiting, self._waiting = self._waiting, {}
        plain, self._plain = self._plain, {}
        for statement, given in waiting.items():
            run_each(connection, statement, given)
        for statement, rows in plain.items():
            insert_each(connection, statement, rows)
