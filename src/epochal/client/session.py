"""The life of a run in this process: journal, recorder, threads and capture, from the first record to the last.

`finish` closes the journal first and sends afterwards: whatever happens then, nothing that was accepted is lost. Rotation
and forked children get new journals here.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from pathlib import Path
from typing import Any

from epochal._version import __version__
from epochal.client import process
from epochal.client.capture.redact import redact_mapping
from epochal.client.place import open_somewhere
from epochal.client.recording import Recorder
from epochal.client.request import RunRequest
from epochal.client.worker import Worker, tell_problem
from epochal.domain.names import new_uid
from epochal.domain.record import Fact, Finish, Header
from epochal.domain.run import RunRef, RunState
from epochal.journal.frame import FileHeader
from epochal.journal.writer import Journal, NullJournal

STOP_S = 2.0
PENDING_S = 2.0


class Session:
    """One run, as far as this process is concerned.

    Args:
        request: the checked call of `init`.
        ref: which run.
        home: where journals should lie.
        first_step: the first automatic step.
        resumed: whether the run existed before.
    """

    def __init__(
        self, request: RunRequest, ref: RunRef, home: Path, *, first_step: int, resumed: bool
    ) -> None:
        self.request = request
        self.ref = ref
        self.home: Path | None = home
        self.state = RunState.RUNNING
        self.pid = os.getpid()
        self.host = platform.node()
        self._resumed = resumed
        self._wanted_home = home
        self._lock = threading.RLock()
        self._started_us = 0
        self.recorder = Recorder(self._open(None), self._reopen, first_step)
        self._worker: Worker | None = None
        process.tell_after_fork(self)

    @property
    def finished(self) -> bool:
        """Whether `finish` was called in this process."""
        return self.state is not RunState.RUNNING

    def start(self) -> None:
        """Start the background thread."""
        if not self.request.records:
            return
        rotate_bytes = self.request.settings.rotate_bytes or 2**62
        self._worker = Worker(self.recorder, self.rotate, rotate_bytes)
        self._worker.start()

    def record(self, fact: Fact) -> None:
        """Write a fact to the journal."""
        self.recorder.record(fact)

    @property
    def speaks(self) -> bool:
        """Whether this process may print: not on quiet ranks, in children, or when told to be silent."""
        request = self.request
        return (
            request.records
            and request.primary
            and not request.settings.silent
            and os.getpid() == self.pid
        )

    def redacted(self, facts: dict[str, Any]) -> dict[str, Any]:
        """The facts with values hidden whose key looks like a secret."""
        return redact_mapping(facts) if self.request.settings.redact else facts

    def flush(self, timeout: float) -> bool:
        """Return after everything logged so far is safe; False when that cannot be promised."""
        self._settle(time.monotonic() + PENDING_S)
        journal = self.recorder.journal
        journal.maintain()
        return journal.sync()

    def rotate(self) -> None:
        """Go on in a new journal that continues the present one."""
        old = self.recorder.journal
        if old.closed:
            return
        self.recorder.swap(self._open(old.writer))
        old.close(Finish(_now_us(), None))

    def finish(self, state: RunState, exit_code: int) -> list[str]:
        """Write the last record and let go of everything, within the time limits. Idempotent.

        Returns:
            What the user should know.
        """
        with self._lock:
            if self.finished:
                return []
            self.state = state
        if self._worker is not None:
            self._worker.stop(STOP_S)
        self._settle(time.monotonic() + PENDING_S)
        self.recorder.resolve_pending(drop=True)
        tell_problem(self.recorder)
        mine = self.request.primary and os.getpid() == self.pid
        self.recorder.journal.close(Finish(_now_us(), state.value if mine else None, exit_code))
        return []

    def after_fork(self) -> None:
        """In a forked child: inert until the first record."""
        self._lock = threading.RLock()
        self._worker = None
        self.recorder.after_fork()

    def _settle(self, deadline: float) -> None:
        """Wait for values that are on their way from a device."""
        while len(self.recorder.pending) and time.monotonic() < deadline:
            self.recorder.resolve_pending()
            time.sleep(0.001)

    def _reopen(self, old: Journal) -> Journal | None:
        """The journal that follows a closed one: only a forked child has one."""
        if self.finished or os.getpid() == self.pid:
            return None
        journal = self._open(old.writer)
        self.start()
        self._close_with_child()
        return journal

    def _close_with_child(self) -> None:
        """Let multiprocessing close the child's journal, as its children skip atexit."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.Finalize(None, self.finish, args=(RunState.FINISHED, 0), exitpriority=10)

    def _open(self, continues: str | None) -> Journal:
        """Open a journal with a fresh writer id."""
        now = max(_now_us(), self._started_us + 1)
        self._started_us = now
        writer = new_uid()
        if not self.request.records:
            return NullJournal(FileHeader(self.ref.uid, writer, now))
        header = Header(
            entity=self.ref.entity,
            project=self.ref.project,
            run_id=self.ref.id,
            started_us=now,
            host=self.host,
            pid=os.getpid(),
            user=os.environ.get("LOGNAME") or os.environ.get("USER") or "",
            rank=self.request.rank.rank,
            version=__version__,
            resumed=self._resumed,
            continues=continues,
            primary=self.request.primary and os.getpid() == self.pid,
        )
        journal, self.home = open_somewhere(self._wanted_home, self.ref.uid, writer, header)
        return journal


def _now_us() -> int:
    return time.time_ns() // 1000


