"""How fast a body has to come."""

from __future__ import annotations

import time
from typing import Final

from epochal.errors import RequestTimeout

SLOWEST_BYTES_PER_SECOND: Final = 1024


class Pace:
    """The time that a body has: it may not be silent, nor fall behind, for longer than that.

    Args:
        patience: seconds.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._started = time.monotonic()
        self._taken = 0

    def took(self, size: int) -> None:
        """So many bytes came."""
        self._taken += size

    def allowed(self) -> float:
        """Seconds that the next bytes have.

        Raises:
            RequestTimeout: none.
        """
        due = self._started + self._patience + self._taken / SLOWEST_BYTES_PER_SECOND
        left = due - time.monotonic()
        if left <= 0:
            raise self.stopped()
        return min(self._patience, left)

    def stopped(self) -> RequestTimeout:
        """The error of a body that stopped."""
        return RequestTimeout(
            f"the body stopped after {self._taken:,} bytes; "
            f"send it faster than {SLOWEST_BYTES_PER_SECOND} bytes a second"
        )

    def went_away(self) -> RequestTimeout:
        """The error of a body whose sender is gone."""
        return RequestTimeout(f"the client went away after {self._taken:,} bytes of its body")
