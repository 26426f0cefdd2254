"""The one background thread of a run.

Ten times a second it lets the journal prepare room; once a second it syncs what was written; it
resolves values that came from a device, writes a heartbeat when nothing else was written for 15 s,
goes on in a new journal at 256 MiB, and says once when the journal is in trouble. It is a daemon:
the end of the process does not wait for it, `finish` does its last work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from epochal.client import guard
from epochal.client.captures import Captures
from epochal.client.recording import Recorder
from epochal.domain.record import Heartbeat

TICK_S = 0.1
SYNC_S = 1.0
HEARTBEAT_S = 15.0
STUCK_S = 2.0
"""How long accepted records may wait in memory for a full disk before another place is tried."""


class Chore(Protocol):
    """Something of a run that wants a look now and then."""

    def tend(self) -> bool:
        """Do what can be done without waiting. False while something is still on its way."""

    def close(self) -> None:
        """The run ends."""

    def after_fork(self) -> None:
        """In a forked child: let go of what belongs to the parent."""


class Worker:
    """Looks after a recorder's journal.

    Args:
        recorder: whose journal.
        rotate: called from the thread when the journal is longer than ``rotate_bytes`` or its file
            is sick.
        rotate_bytes: see above.
        captures: what else this thread starts.
        chores: what else it looks after; the list may change.
    """

    def __init__(
        self,
        recorder: Recorder,
        rotate: Callable[[], None],
        rotate_bytes: int,
        captures: Captures | None = None,
        chores: Sequence[Chore] = (),
    ) -> None:
        self._recorder = recorder
        self._rotate = rotate
        self._rotate_bytes = rotate_bytes
        self._captures = captures
        self._chores = chores
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._synced: tuple[str, int] = ("", 0)
        self._sync_due = 0.0
        self._beat: tuple[str, int] = ("", 0)
        self._beat_due = time.monotonic() + HEARTBEAT_S
        self._rotation_refused = 0
        self._fled = False
        self._stuck_since: float | None = None

    def start(self) -> None:
        """Start the thread.

        Without one (no memory, interpreter at its end) `finish` does all the work.
        """
        self._thread = threading.Thread(target=self._run, name="epochal-worker", daemon=True)
        with guard.Shield("starting the background thread"):
            self._thread.start()
            return
        self._thread = None

    def stop(self, timeout: float) -> None:
        """End the thread; returns when it has ended or the time is over."""
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _run(self) -> None:
        if self._captures is not None:
            with guard.Shield("starting to capture"):
                self._captures.read_surroundings()
        while not self._stop.wait(TICK_S):
            with guard.Shield("looking after the journal"):
                self.tick(time.monotonic())
                for chore in tuple(self._chores):
                    chore.tend()
                if self._captures is not None:
                    self._captures.tick(time.monotonic())

    def tick(self, now: float) -> None:
        """One round.

        Args:
            now: monotonic seconds.
        """
        recorder = self._recorder
        if len(recorder.pending):
            recorder.resolve_pending()
        journal = recorder.journal
        journal.maintain()
        self._leave_full_disk(now)
        mark = (journal.writer, journal.size)
        if mark != self._synced and now >= self._sync_due:
            self._sync_due = now + SYNC_S
            self._synced = mark
            journal.sync()
            if journal.sync_failed and not self._fled:
                self._fled = True
                self._rotate()
        if mark != self._beat:
            self._beat, self._beat_due = mark, now + HEARTBEAT_S
        elif now >= self._beat_due:
            recorder.record(Heartbeat(time.time_ns() // 1000))
            self._beat_due = now + HEARTBEAT_S
        if journal.size >= self._rotate_bytes and journal.size >= self._rotation_refused:
            self._rotation_refused = journal.size + self._rotate_bytes
            self._rotate()
            self._rotation_refused = 0
        tell_problem(recorder)

    def _leave_full_disk(self, now: float) -> None:
        """Go on elsewhere when what was accepted has waited in memory for too long."""
        if not self._recorder.journal.waiting:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = now
        elif now - self._stuck_since >= STUCK_S:
            self._stuck_since = now + HEARTBEAT_S
            self._rotate()


def tell_problem(recorder: Recorder) -> None:
    """Say once what is wrong with the journal, and once that records are being lost."""
    journal = recorder.journal
    if journal.problem is not None:
        guard.warn_once(
            ("journal", "problem"),
            f"{journal.problem}. Training goes on; new records wait in memory until there is room",
        )
    if journal.dropped:
        guard.warn_once(
            ("journal", "dropped"),
            "records are being lost: the journal cannot be written and the memory for it is full. "
            "Free disk space; recording goes on as soon as there is room",
        )
    if recorder.pending.dropped:
        guard.warn_once(
            ("pending", "dropped"),
            "values on the GPU came faster than they could be copied; the oldest were dropped. "
            "Log less often, or log value.item()",
        )
