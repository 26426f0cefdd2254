"""Says every few seconds that a trial goes on, and hears whether it shall end.

Where bad trials end early, it says so as soon as the trial has logged what it is compared by, or
once a second where that is each value. A trial whose sweep was deleted goes on: nobody ordered its
end, and its run is of use without.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import msgspec

from epochal.client import guard
from epochal.domain.sweep import Held, Stop
from epochal.domain.values import number_to_json
from epochal.errors import NotFound
from epochal.sweeps.desk import Desk
from epochal.sweeps.logged import Logged

BEAT_S: Final = 5.0
WATCHED_BEAT_S: Final = 1.0
LOOK_S: Final = 0.1
IDLE_SHARE: Final = 4.0
"""Looks and beats wait so many times as long as they took, so they take a fifth at most."""
JOIN_S: Final = 30.0


class Beating:
    """A thread that beats within a ``with`` block.

    Args:
        desk: where.
        held: the trial.
        logged: what the trial logs, where it may be ended early; else None.
        on_stop: called once, from the thread, when the trial shall end.

    Attributes:
        stop: the order to end, once it came.
    """

    def __init__(
        self, desk: Desk, held: Held, logged: Logged | None, on_stop: Callable[[Stop], None]
    ) -> None:
        self.stop: Stop | None = None
        self._desk = desk
        self._held = held
        self._logged = logged
        self._told = 0
        self._every = BEAT_S if logged is None else WATCHED_BEAT_S
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
        rungs = [] if self._logged is None else self._logged.rungs
        least = LOOK_S if rungs else self._every
        pause, due = least, time.monotonic() + self._every
        while not self._over.wait(pause):
            begun = time.monotonic()
            if self._has_news() or begun >= due:
                if self._ends():
                    return
                due = time.monotonic() + self._every
            took = time.monotonic() - begun
            pause = min(self._every, max(least, IDLE_SHARE * took))

    def _has_news(self) -> bool:
        """Whether the trial logged what it is compared by; each look of others is a beat."""
        if self._logged is None:
            return True
        return guard.attempt(self._logged.has_news, default=False)

    def _ends(self) -> bool:
        """Beat, and pass on the order to end, if there is one."""
        nothing: list[Stop] = []
        orders = guard.attempt(self._orders, default=nothing)
        if not orders or self._over.is_set():
            return False
        self.stop = orders[0]
        self._on_stop(orders[0])
        return True

    def _orders(self) -> list[Stop]:
        """What the sweep wants; nothing when it is out of reach, for the next beat comes soon."""
        held, count = self._held, 0
        if self._logged is not None and len(self._logged.values) > self._told:
            count = len(self._logged.values)
            values = [number_to_json(value) for value in self._logged.values]
            held = msgspec.structs.replace(held, values=values)
        try:
            orders = self._desk.beat(held).stop
        except NotFound:
            return []
        self._told = max(self._told, count)
        return orders
