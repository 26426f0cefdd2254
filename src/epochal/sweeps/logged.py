"""What the run of a trial has logged of the metric so far, read from its journals on this machine.

A value is in the journal when `log` returns, so an agent knows of it before any server does, and
can ask at once whether the trial shall end. Nothing is written, and the program is not disturbed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from epochal.domain.sweep import MAX_REPORTS, Assignment
from epochal.journal.frame import SUFFIX
from epochal.journal.home import run_directory
from epochal.journal.reader import JournalReader

MOST_BYTES: Final = 256 * 1024
"""Of a journal, at each look."""


class Logged:
    """The first values of one metric in the journals of one run.

    Args:
        directory: of the run; it may appear later.
        key: the metric.
        rungs: numbers of values that are news; empty: each is.

    Attributes:
        rungs: as given.
        values: oldest first, as they stand in the journals; no more than rules look at.
    """

    def __init__(self, directory: Path, key: str, rungs: list[int]) -> None:
        self.values: list[float] = []
        self._directory = directory
        self._key = key
        self.rungs = rungs
        self._readers: dict[Path, JournalReader] = {}

    def has_news(self) -> bool:
        """Read on; whether a rung was reached, or any value came where there are no rungs.

        Raises:
            OSError: a journal cannot be read.
            EpochalError: it is damaged, or of a newer Epochal.
        """
        before = len(self.values)
        if before < MAX_REPORTS:
            for path in sorted(self._directory.glob(f"*{SUFFIX}")):
                if path not in self._readers:
                    self._readers[path] = JournalReader(str(path))
                self._read(self._readers[path])
            del self.values[MAX_REPORTS:]
        now = len(self.values)
        if not self.rungs:
            return now > before
        return any(before < rung <= now for rung in self.rungs)

    def _read(self, reader: JournalReader) -> None:
        for schema, _, _, values in reader.read(MOST_BYTES).rows:
            keys = reader.schemas.get(schema, [])
            if self._key in keys:
                self.values.append(float(values[keys.index(self._key)]))


def logged_by(given: Assignment, home: Path) -> Logged | None:
    """What the trial of an assignment logs; None where nobody ends trials early."""
    if not given.watched or not given.metric or given.trial is None:
        return None
    return Logged(run_directory(home, given.trial.uid), given.metric, given.rungs)
