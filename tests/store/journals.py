"""Journals for tests, written by the real writing end; nothing here is a stand-in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Console, Cut, Fact, Finish, Header
from epochal.journal.home import run_directory
from epochal.journal.writer import open_journal

START = 1_700_000_000_000_000
_encode = msgspec.msgpack.encode


def lose(home: Path) -> None:
    """The database is gone, and nobody says so."""
    for path in home.glob("epochal.db*"):
        path.unlink()


class Writing:
    """One writer of one run, which started ``second`` seconds after ``start_us``."""

    def __init__(
        self,
        home: Path,
        run_id: str = "r1",
        *,
        project: str = "p",
        entity: str = "local",
        second: int = 0,
        start_us: int = START,
        writer: str | None = None,
        **header: Any,
    ) -> None:
        self.home = home
        self.uid = run_uid(entity, project, run_id)
        self.writer = writer or new_uid()
        self.now = start_us + second * 1_000_000
        self.directory = run_directory(home, self.uid)
        self.journal = open_journal(
            str(self.directory), self.uid, self.writer,
            Header(entity, project, run_id, self.now, host="host", pid=os.getpid(), **header),
        )  # fmt: skip

    @property
    def path(self) -> Path:
        return self.directory / f"{self.writer}.ej"

    def row(self, step: int, **values: Any) -> None:
        self.rows([step], [values])

    def rows(self, steps: list[int], values: list[dict[str, Any]]) -> None:
        for step, row in zip(steps, values, strict=True):
            keys = tuple(row)
            schema = self.journal.schemas.get(keys) or self.journal.declare(keys, list(keys))
            self.now += 1000
            self.journal.append(_encode((schema, step, self.now, list(row.values()))))

    def line(self, step: int, count: int, key: str = "loss") -> None:
        """``count`` points of one series from ``step`` on, value = step / 8."""
        self.rows(
            list(range(step, step + count)), [{key: i / 8} for i in range(step, step + count)]
        )

    def fact(self, fact: Fact) -> None:
        self.journal.append_fact(fact)

    def cut(self, step: int) -> None:
        self.fact(Cut(step, self.now))

    def print(self, first: int, *lines: str, stream: int = 0) -> None:
        self.fact(Console(self.now, stream, first, list(lines)))

    def finish(self, state: str | None = "finished", exit_code: int | None = 0) -> None:
        self.fact(Finish(self.now, state, exit_code))
        self.journal.close()

    def die(self) -> None:
        """Let go of the file as the kernel does for a killed process."""
        self.journal.abandon()

    def data(self) -> bytes:
        """The bytes written so far."""
        return self.journal.read(0, self.journal.size)
