"""Running users' scripts as processes of their own, and reading what they left in a home."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from epochal.domain.record import Fact, Finish, Header
from epochal.journal.reader import JournalReader

QUIET = {
    "console": False,
    "git": False,
    "environment": False,
    "system_interval": 0,
    "silent": True,
}
"""Settings of a run that records nothing but what is logged."""

PRELUDE = f"import epochal\nQUIET = {QUIET!r}\n"


@dataclass
class Told:
    """What one journal says."""

    path: str
    header: Header
    rows: list[tuple[list[str], int, list[Any]]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def points(self, key: str) -> list[tuple[int, Any]]:
        """Step and value of every point of a key, in writing order."""
        return [
            (step, values[names.index(key)]) for names, step, values in self.rows if key in names
        ]

    def all(self, kind: type) -> list[Any]:
        """All facts of a kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def finish(self) -> Finish | None:
        """The last record, if the journal has its end."""
        last = self.facts[-1]
        return last if isinstance(last, Finish) else None


def read_journal(path: Path | str) -> Told:
    """Read one journal to its end."""
    reader = JournalReader(str(path))
    rows: list[tuple[list[str], int, list[Any]]] = []
    facts: list[Fact] = []
    while True:
        entry = reader.read()
        if entry.end == entry.start:
            break
        assert entry.damaged == entry.unknown == 0
        rows += [(reader.schemas[row[0]], row[1], row[3]) for row in entry.rows]
        facts += entry.facts
    assert isinstance(facts[0], Header)
    return Told(str(path), facts[0], rows, facts)


def read_home(home: Path) -> list[Told]:
    """All journals of a home, in the order of their writers' starts."""
    told = [read_journal(path) for path in home.glob("runs/*/*.ej")]
    return sorted(told, key=lambda one: one.header.started_us)


def run_script(
    source: str,
    home: Path,
    *,
    timeout: float = 60.0,
    arguments: list[str] | None = None,
    **env: Any,
) -> subprocess.CompletedProcess[str]:
    """Run Python source that may use ``epochal`` and ``QUIET``; a hang is a failure after a
    minute.
    """
    environment = {**os.environ, "EPOCHAL_HOME": str(home), **env}
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(source), *(arguments or [])],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        check=False,
    )
