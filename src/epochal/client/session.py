"""The life of a run in this process.

Journal, recorder, threads and capture, from the first record to the last.

`finish` closes the journal first and sends afterwards: whatever happens then, nothing that was
accepted is lost. Rotation and forked children get new journals here.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from epochal._version import __version__
from epochal.client import guard, lazy, process
from epochal.client.captures import Captures
from epochal.client.credentials import find_key
from epochal.client.marks import mark_unsent
from epochal.client.place import open_somewhere
from epochal.client.recording import Recorder
from epochal.client.request import RunRequest
from epochal.client.stopping import Stopping, interrupt_main_thread
from epochal.client.worker import Chore, Worker, tell_problem
from epochal.domain.names import new_uid
from epochal.domain.record import Event, Fact, Finish, Header
from epochal.domain.run import RunRef, RunState, StopRequest
from epochal.journal.frame import FileHeader
from epochal.journal.home import run_directory
from epochal.journal.stop import forget_stop
from epochal.journal.writer import Journal, NullJournal

STOP_S = 2.0
PENDING_S = 2.0
ROTATE_S = 10.0
RESCUE_S = 30.0
"""How long the end of a run waits for the worker to bring elsewhere what found no room."""
MAX_RESCUES = 1000
"""Microseconds kept free for the starts of journals that come before the one that is opened."""


class Session:
    """One run, as far as this process is concerned.

    Args:
        request: the checked call of `init`.
        ref: which run.
        home: where journals should lie.
        first_step: the first automatic step.
        resumed: whether the run existed before.

    Attributes:
        state: of the run, as this process knows it.
        unsent: after `finish`, the server that does not have all of the run; empty for none.
    """

    def __init__(
        self, request: RunRequest, ref: RunRef, home: Path, *, first_step: int, resumed: bool
    ) -> None:
        self.request = request
        self.ref = ref
        self.home: Path | None = home
        self.state = RunState.RUNNING
        self.unsent = ""
        self.pid = os.getpid()
        self.host = (
            os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
        )
        self._resumed = resumed
        self._wanted_home = home
        self._lock = threading.RLock()
        self._moving = threading.RLock()  # held while a journal is left for the next
        self._started_us = 0
        self._sender: Any = self._make_sender()
        self._objects: Any = None
        self._uploader: Any = None
        self.recorder = Recorder(
            self._open(None), self._reopen, first_step, log_media=self.log_media
        )
        self._worker: Worker | None = None
        self._captures: Captures | None = None
        self.stopping = Stopping(self._told_to_stop)
        self.chores: list[Chore] = []
        process.tell_after_fork(self)

    @property
    def finished(self) -> bool:
        """Whether `finish` was called in this process."""
        return self.state is not RunState.RUNNING

    def start(self) -> None:
        """Start the background threads and the captures."""
        if not self.request.records:
            return
        settings = self.request.settings
        if os.getpid() == self.pid:
            self._listen()
            self._captures = Captures(settings, self.recorder, self.redacted)
            self._captures.start_console()
        rotate_bytes = settings.rotate_bytes or 2**62
        self._worker = Worker(
            self.recorder, self.rotate, rotate_bytes, self._captures, self.chores
        )
        self._worker.start()
        if self._sender is not None:
            self._sender.start()

    def _listen(self) -> None:
        """Hear when somebody wants the run to end."""
        directory = run_directory(self._wanted_home, self.ref.uid)
        if self._resumed:
            forget_stop(directory)
        self.stopping.watch(directory)
        self.chores.append(self.stopping)
        if self._sender is not None:
            self._sender.on_stop = self.stopping.take

    def _told_to_stop(self, request: StopRequest) -> None:
        who = request.by or "somebody"
        interrupts = self.request.settings.stop == "interrupt"
        text = "the program was interrupted" if interrupts else "run.should_stop is true from here"
        self.record(Event(_now_us(), "info", f"{who} asked this run to stop", text))
        if self.speaks:
            guard.write_line(f"epochal: {who} asked this run to stop; {text}")
        if interrupts:
            self.stopping.heeded = True
            interrupt_main_thread()

    def record(self, fact: Fact) -> None:
        """Write a fact to the journal."""
        self.recorder.record(fact)

    @property
    def speaks(self) -> bool:
        """Whether this process may print.

        Not on quiet ranks, in children, or when told to be silent.
        """
        request = self.request
        return (
            request.records
            and request.primary
            and not request.settings.silent
            and os.getpid() == self.pid
        )

    @property
    def objects(self) -> Any:
        """Media, files and artifacts of the run; made when the first one comes."""
        with self._lock:
            if self._objects is None:
                self._objects = lazy.load("objects").Objects(self.recorder)
                self.chores.append(self._objects)
                self._start_uploader()
            return self._objects

    def _start_uploader(self) -> None:
        if self._sender is None or self.home is None:
            return
        url, key = self._sender.url, self._sender.api_key
        keeper = self._objects.keeper
        module = lazy.load("uploader")
        self._uploader = module.Uploader(
            url, key, self.ref.uid, self.home, lambda: keeper.recorded
        )
        self._uploader.start()

    def upload(self, timeout: float) -> bool:
        """Wait until the server has all blobs of the run; at once true without a server."""
        return self._uploader is None or bool(self._uploader.drain(timeout))

    def place(self) -> Any:
        """Where artifacts and files are read from."""
        settings = self.request.settings
        url = settings.url if self.request.mode == "online" else None
        key = settings.api_key or (find_key(self._wanted_home, url) if url else None)
        home = self.home or self._wanted_home
        return lazy.load("reach").Place(home, self.ref.entity, self.ref.project, url, key)

    def log_media(self, key: str, step: int, drafts: Any, many: bool) -> None:
        """Record items of media under a key at a step."""
        if self.request.records:
            self.objects.media.log(key, step, drafts, many)

    def redacted(self, facts: dict[str, Any]) -> dict[str, Any]:
        """The facts with values hidden whose key looks like a secret."""
        if not self.request.settings.redact:
            return facts
        hidden: dict[str, Any] = lazy.load("capture.redact").redact_mapping(facts)
        return hidden

    def flush(self, timeout: float) -> bool:
        """Return after everything logged so far is safe; False when that cannot be promised."""
        self._settle(time.monotonic() + PENDING_S)
        journal = self.recorder.journal
        stored = self._objects is None or self._objects.keeper.wait(timeout)
        journal.maintain()
        synced = stored and journal.sync()
        return synced and (self._sender is None or self._sender.drain(timeout))

    def rotate(self) -> None:
        """Go on in a new journal that continues the present one."""
        with self._moving:
            self._rotate()

    def _rotate(self) -> None:
        old = self.recorder.journal
        if old.closed:
            return
        before = self._next_start()
        self._started_us += MAX_RESCUES
        self.recorder.swap(self._open(old.writer))
        if old.sync_failed:
            title = "the disk failed to sync: records before this may not survive a power loss"
            self.record(Event(_now_us(), "error", title, old.problem or ""))
        if self._objects is not None:
            self._objects.leave(old, ROTATE_S)
        old.close(Finish(_now_us(), None))
        self._rescue(old, before)

    def _rescue(self, old: Journal, started_us: int) -> None:
        """Bring what a full disk left in memory to another place, or say that it is lost."""
        if not old.leftover:
            return
        fresh = self._open(old.writer, started_us)
        count = lazy.load("rescue").rescue(old, fresh)
        where = fresh.path
        text = (
            f"{old.path} had no room; {count:,} records of this run are in {where}. "
            "Make room, and move that file into the run's directory"
        )
        if where is None:
            fate = "are lost" if self._sender is None else "wait in memory for the server"
            text = f"{old.path} had no room, and no other place has: {count:,} records {fate}"
        guard.warn_once("rescue", text)
        fresh.append_fact(Event(_now_us(), "warning", "The disk was full", text))
        fresh.close(Finish(_now_us(), None))
        if len(fresh.leftover) < count:  # a limit on the size of files asks for several
            self._rescue(fresh, started_us + 1)

    def finish(self, state: RunState, exit_code: int) -> list[str]:
        """Write the last record and let go of everything, within the time limits. Idempotent.

        Returns:
            What the user should know.
        """
        with self._lock:
            if self.finished:
                return []
            self.state = state
        mine = self.request.primary and os.getpid() == self.pid
        deadline = time.monotonic() + (self.request.settings.exit_timeout or 0.0)
        is_alone = False
        try:
            if self._captures is not None:
                self._captures.stop()
            if self._worker is not None:
                self._worker.stop(STOP_S)
            is_alone = self._moving.acquire(timeout=RESCUE_S)
            self._settle(time.monotonic() + PENDING_S)
            self.recorder.resolve_pending(drop=True)
            if self._objects is not None:
                self._objects.finish(max(STOP_S, deadline - time.monotonic()))
            self._close_chores()
        finally:  # Ctrl-C may come here, too; the journal is closed in any case
            tell_problem(self.recorder)
            last = Finish(_now_us(), state.value if mine else None, exit_code if mine else None)
            self.recorder.journal.close(last)
            self._rescue(self.recorder.journal, self._next_start())
            if self._objects is not None:
                self._objects.leave(self.recorder.journal, 0.0)
            if is_alone:
                self._moving.release()
        return self._send_rest(deadline)

    def _send_rest(self, deadline: float) -> list[str]:
        """Give the sender its time; what it leaves is for ``epochal sync``."""
        notes: list[str] = []
        if self._sender is not None:
            there = self._sender.drain(max(0.0, deadline - time.monotonic()))
            if self._uploader is not None:
                left = max(0.0, deadline - time.monotonic()) if there else 0.0
                if not self._uploader.drain(left, speaks=self.speaks):
                    self.unsent = self._sender.url
                    notes.append(
                        f"not all files of this run are on {self._sender.url} yet; "
                        "run `epochal sync` to send them"
                    )
                self._uploader.stop()
            self._sender.stop()
            if self._sender.waiting:
                self.unsent = self._sender.url
                notes.append(
                    f"{self._sender.waiting:,} bytes are not on {self._sender.url} yet; "
                    "run `epochal sync` to send them"
                )
        if self._objects is not None and self._objects.keeper.waiting:
            notes.append(
                f"{self._objects.keeper.waiting:,} images and files are not encoded yet; that is "
                "done when the home is read or synced the next time"
            )
        if self.home is None and self.request.records:
            notes.append("this run was kept in memory only and is not on disk")
        return notes

    def after_fork(self) -> None:
        """In a forked child: inert until the first record."""
        self._lock, self._moving = threading.RLock(), threading.RLock()
        self._worker = self._captures = None
        self._sender = self._objects = self._uploader = None
        self.recorder.after_fork()
        for chore in self.chores:
            chore.after_fork()
        self.chores.clear()

    def _settle(self, deadline: float) -> None:
        """Wait for values that are on their way from a device."""
        self.recorder.tell_step()
        while time.monotonic() < deadline:
            self.recorder.resolve_pending()
            arrived = [chore.tend() for chore in self.chores]
            if all(arrived) and not len(self.recorder.pending):
                return
            time.sleep(0.001)

    def _close_chores(self) -> None:
        for chore in self.chores:
            chore.close()
        self.chores.clear()

    def _reopen(self, old: Journal) -> Journal | None:
        """The journal that follows a closed one: only a forked child has one."""
        if self.finished or os.getpid() == self.pid:
            return None
        self._sender = self._make_sender()
        journal = self._open(old.writer)
        self.start()
        self._close_with_child()
        return journal

    def _close_with_child(self) -> None:
        """Let multiprocessing close the child's journal, as its children skip atexit."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.Finalize(None, self.finish, args=(RunState.FINISHED, 0), exitpriority=10)

    def _next_start(self) -> int:
        """A time for the start of a journal, after those of all earlier ones."""
        self._started_us = max(_now_us(), self._started_us + 1)
        return self._started_us

    def _open(self, continues: str | None, started_us: int | None = None) -> Journal:
        """Open a journal with a fresh writer id.

        Args:
            continues: the writer that it goes on from.
            started_us: the start of a journal that takes what another left over, and does not
                speak for the run.
        """
        is_rescue = started_us is not None
        now = self._next_start() if started_us is None else started_us
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
            primary=self.request.primary and os.getpid() == self.pid and not is_rescue,
        )
        journal, home = open_somewhere(self._wanted_home, self.ref.uid, writer, header)
        if not is_rescue:
            self.home = home
        if self._sender is not None or self.request.mode == "offline":
            mark_unsent(journal.path)
        if self._sender is not None:
            self._sender.add(journal)
        return journal

    def _make_sender(self) -> Any:
        """Replication to the server of the settings; None when there is none to send to."""
        settings = self.request.settings
        if settings.url is None or self.request.mode != "online" or not self.request.records:
            return None
        key = settings.api_key or find_key(self._wanted_home, settings.url)
        left = run_directory(self._wanted_home, self.ref.uid) if os.getpid() == self.pid else None
        return lazy.load("sender").Sender(settings.url, key, left)


def _now_us() -> int:
    return time.time_ns() // 1000
