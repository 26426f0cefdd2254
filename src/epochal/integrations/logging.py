"""A handler for Python's `logging`: warnings and errors become notices of the current run."""

from __future__ import annotations

import logging
import threading
from typing import Any

from epochal.client import guard
from epochal.client.api import current_run
from epochal.client.run import Run

_LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warning"), (logging.NOTSET, "info"))


class RunHandler(logging.Handler):
    """Puts log records into a run, with their tracebacks.

    Args:
        level: the least level.
        run: the run; by default the one that is current when something is logged.
        repeat: seconds within which the same text is not recorded again.

    Example:
        >>> logging.getLogger().addHandler(RunHandler())
    """

    def __init__(
        self, level: int | str = logging.WARNING, run: Run | None = None, repeat: float = 60.0
    ) -> None:
        super().__init__(level)
        self._run = run
        self._repeat = repeat
        self._busy = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`; without a run nothing happens."""
        run = self._run or current_run()
        if run is None or getattr(self._busy, "now", False):
            return
        self._busy.now = True  # what recording logs itself is not recorded
        try:
            with guard.Shield("recording a log record"):
                title, text = self._words(record)
                run.alert(title, text, _level(record.levelno), wait_duration=self._repeat)
        finally:
            self._busy.now = False

    def _words(self, record: logging.LogRecord) -> tuple[str, str]:
        """The first line of the message, and the rest with where it came from."""
        first, _, rest = self.format(record).partition("\n")
        where = f"{record.name}, {record.pathname}:{record.lineno}"
        return first[:256] or "(empty)", "\n".join(
            part for part in (first[256:], rest, where) if part
        )


def _level(number: int) -> Any:
    return next(name for least, name in _LEVELS if number >= least)
