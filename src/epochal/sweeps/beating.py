"""Says every few seconds that a trial goes on, and hears whether it shall end.

A trial whose sweep was deleted goes on: nobody ordered its end, and its run is of use without.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from epochal.client import guard
from epochal.domain.sweep import Held, Stop
from epochal.errors import NotFound
from epochal.sweeps.desk import Desk

BEAT_S: Final = 5.0
WATCHED_BEAT_S: Final = 1.0
JOIN_S: Final = 30.0


class Beating:
    """A thread that beats within a ``with`` block.

    Args:
        desk: where.
        held: the trial.
        watched: whether the trial may be ended early.
        on_stop: called once, from the thread, when the trial shall end.

    Attributes:
        stop: the order to end, once it came.
    """

    def __init__(
        self, desk: Desk, held: Held, *, watched: bool, on_stop: Callable[[Stop], None]
    ) -> None:
        self.stop: Stop | None = None
        self._desk = desk
        self._held = held
        self._every = WATCHED_BEAT_S if watched else BEAT_S
        self._on_stop = on_stop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="epochal-agent", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        while not self._over.wait(self._every):
            nothing: list[Stop] = []
            orders = guard.attempt(self._orders, default=nothing)
            if orders and not self._over.is_set():
                self.stop = orders[0]
                self._on_stop(orders[0])
                return

    def _orders(self) -> list[Stop]:
        """What the sweep wants; nothing when it is out of reach, for the next beat comes soon."""
        try:
            return self._desk.beat(self._held).stop
        except NotFound:
            return []
