"""The thread that keeps the index up with the home's journals and tells the feed what changed.

It begins by taking in what the home holds already, without a pause, for at most two seconds: until
then the server does not answer, so that whoever asks first sees the whole home and not an empty
one. A larger backlog comes in while the server answers. After that it looks every 250 ms while
something is live, once a second otherwise, and at once after an upload. The runs of foreign
clients wait for up to `WAIT_SECONDS` as long as nobody listens to live events: whoever reads takes
them in first, and many at once cost far less than each as it goes. Nothing that goes wrong in one
look ends the thread: it is logged once per kind of failure, and the next look comes later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from epochal.domain.view import RunChange
from epochal.server.settings import Settings
from epochal.store.follow import Follower
from epochal.store.owner import Store

log: Final = logging.getLogger("epochal.server")
LIVE_SECONDS: Final = 10.0
SLOWEST: Final = 5.0
LEAST_GAP: Final = 0.05
CATCH_UP_SECONDS: Final = 2.0
WAIT_SECONDS: Final = 4.0
PATIENCE_SECONDS: Final = 2.0
"""How long the short journal of a run that ended waits for others before it is moved."""


class Tailer:
    """Polls a `Follower` in a thread of its own.

    Args:
        store: the open store.
        publish: gets what changed; called in this thread.
        settings: how often to look.
        is_awaited: whether somebody waits for more of such changes; called in this thread.
        waiting: the runs of which nobody waits for what is new; called in this thread.
    """

    def __init__(
        self,
        store: Store,
        publish: Callable[[list[RunChange]], None],
        settings: Settings,
        is_awaited: Callable[[list[RunChange]], bool],
        waiting: Callable[[], AbstractSet[str]],
    ) -> None:
        self._follower = Follower(store, patience=PATIENCE_SECONDS)
        self._publish = publish
        self._is_awaited = is_awaited
        self._waiting = waiting
        self._next_whole = 0.0
        self._fast = settings.poll_interval
        self._slow = settings.idle_interval
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._caught_up = threading.Event()
        self._last_problem = ""
        self._thread = threading.Thread(target=self._run, name="epochal-tailer", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wait_until_caught_up(self) -> bool:
        """Wait for the looks at the start, for at most `CATCH_UP_SECONDS`.

        Returns:
            Whether they ended in that time; what is left comes with the next looks.
        """
        return self._caught_up.wait(CATCH_UP_SECONDS)

    def nudge(self) -> None:
        """Look now: bytes have arrived."""
        self._wake.set()

    def stop(self, deadline: float) -> bool:
        """End the thread; whether it ended before ``deadline``, in seconds of `time.monotonic`."""
        self._ending.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        live_until = time.monotonic() + LIVE_SECONDS if self._catch_up() else 0.0
        while not self._ending.is_set():
            self._wake.clear()
            delay = self._fast
            try:
                changes = self._look()
                self._last_problem = ""
                if changes:
                    self._publish(changes)
                if changes and self._is_awaited(changes):
                    live_until = time.monotonic() + LIVE_SECONDS
                if self._follower.is_behind:
                    self._wake.set()
                elif time.monotonic() > live_until:
                    delay = self._slow
            except Exception as error:  # noqa: BLE001 - a bad journal must not end live events for all others
                delay = SLOWEST
                self._tell(error)
            # Many uploads in a row share one look.
            if not self._ending.wait(LEAST_GAP):
                self._wake.wait(delay)

    def _look(self) -> list[RunChange]:
        """Take in what is new; of runs that may wait only every few seconds, but then all."""
        now = time.monotonic()
        is_whole = now >= self._next_whole
        changes = self._follower.poll(frozenset() if is_whole else self._waiting())
        if is_whole and not self._follower.is_behind:
            self._next_whole = now + WAIT_SECONDS
        return changes

    def _catch_up(self) -> bool:
        """Look until a look brings nothing new; whether any did."""
        found = False
        deadline = time.monotonic() + CATCH_UP_SECONDS
        try:
            while not self._ending.is_set() and time.monotonic() < deadline:
                changes = self._follower.poll()
                if not changes:
                    break
                found = True
                self._publish(changes)
        except Exception as error:  # noqa: BLE001 - the server starts all the same, and tries again
            self._tell(error)
        finally:
            self._caught_up.set()
        return found

    def _tell(self, error: Exception) -> None:
        problem = f"{type(error).__name__}: {error}"
        if problem != self._last_problem:
            self._last_problem = problem
            log.error("reading the journals failed, trying again: %s", problem, exc_info=error)
