"""How long an end may take: some time of silence, and longer while something still comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SLICE: Final = 0.1


class Patience:
    """The time that is left, counted anew whenever there was progress.

    Args:
        timeout: seconds without progress after which it is over.
        more: seconds that progress may add to that.
        progress: a number that changes with it.
    """

    def __init__(self, timeout: float, more: float, progress: Callable[[], int]) -> None:
        now = time.monotonic()
        self._timeout = timeout
        self._progress = progress
        self._seen = progress()
        self._over = now + timeout
        self._latest = self._over + more

    def left(self) -> float:
        """Seconds that are left if nothing comes meanwhile; not below 0."""
        now = time.monotonic()
        progress = self._progress()
        if progress != self._seen:
            self._seen = progress
            self._over = min(self._latest, now + self._timeout)
        return max(0.0, self._over - now)

    def wait(self, happened: Callable[[float], bool]) -> bool:
        """Wait for something, in short waits.

        Args:
            happened: waits for at most so many seconds; whether it was there.

        Returns:
            False when the time was over first.
        """
        while not happened(min(SLICE, self.left())):
            if self.left() <= 0:
                return False
        return True
