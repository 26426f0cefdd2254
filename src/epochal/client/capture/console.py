"""Recording what a program prints, without touching what it prints.

Promise: the original streams get every byte, in order and unchanged, whatever happens to us or to
the program; the program never waits for the recording before it ends, and nothing here raises
into it. What cannot be recorded in time is dropped, and a line says so. After a fork the child
prints through the same streams and is recorded by its parent; its own copy of the `Console` does
nothing.

How: `taps` diverts the streams, the `relay` process carries the bytes to where they belong and
sends copies back, and one daemon thread here folds them into lines (`terminal`), redacts secrets
and calls the sink. Stdout and stderr that lead to the same place (a terminal, ``2>&1``) are one
stream, recorded as stdout: telling them apart would mean to change their order. Where no relay can
be started, only Python's own prints are recorded. A `Console` is used once, from the thread that
started it or any other.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from epochal.client.capture import relay
from epochal.client.capture.patience import Patience
from epochal.client.capture.taps import (
    DescriptorTap,
    WriteTap,
    close_quietly,
    find_descriptors,
    find_objects,
    flush_streams,
    open_channel,
    spawn_relay,
    watch_cells,
)
from epochal.client.capture.transcript import Sink, Transcript
from epochal.errors import Conflict

MAX_QUEUED: Final = 8 << 20
_READ: Final = 1 << 18
_C_FLUSH_SECONDS: Final = 0.5
_LAST_GIVEN_SECONDS: Final = 0.5

_live: list[Console] = []


class Console:
    """Records the standard streams of this process and of its children.

    Attributes:
        failure: why recording stopped or was never complete, or None. The owner may report it
            once.
    """

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self._sink: Sink | None = None
        self._pid = -1
        self._mark = b"\xff\xfeepochal:" + os.urandom(16).hex().encode()
        self._taps: list[DescriptorTap] = []
        self._write_taps: list[WriteTap] = []
        self._leave_cells: Callable[[], None] = lambda: None
        self._copy = self._wake_in = self._wake_out = -1
        self._thread = threading.Thread(target=self._run, name="epochal-console", daemon=True)
        self._stopping = threading.Lock()
        self._answers: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_ready = self._is_lost = False
        self._is_ending = self._is_over = False
        self._wants_c_flush = False
        self._c_flushed = threading.Event()
        self._queue: deque[tuple[int, str]] = deque()
        self._queued = 0
        self._unqueued = [0, 0]
        self._taken = 0
        self._giving = threading.Lock()
        self._transcript = Transcript(self._guarded)
        self._buffer = bytearray()

    # ------------------------------------------------------------------------------ start, stop
    def start(self, sink: Sink) -> None:
        """Divert the streams and record from now on.

        It takes about 2 ms, and what the machine refuses is noted in ``failure``, not raised.

        Args:
            sink: called as ``sink(stream, first_line_number, lines)`` from a thread of ours, with
                stream 0 for stdout and 1 for stderr. Lines of a batch have consecutive numbers,
                counted from 0 over both streams. Batches come in at most ten rounds a second. A
                number that comes again replaces the earlier line: an unfinished line, or one that
                was redrawn, comes at most once a second.

        Raises:
            Conflict: this `Console` was started before.
        """
        if self._sink is not None:
            raise Conflict("this Console was started before; make a new one to record again")
        self._sink = sink
        self._pid = os.getpid()
        objects = find_objects()
        try:
            self._wake_out, self._wake_in = open_channel()
            os.set_blocking(self._wake_in, False)
            os.set_blocking(self._wake_out, False)
            if not self._open_descriptors():
                objects = [(t, s) for t, s in ((0, sys.stdout), (1, sys.stderr)) if s is not None]
            self._thread.start()
            flush_streams(0.0)
            _live.append(self)
            _watch_forks()
            for tap in self._taps:
                tap.divert()
        except (OSError, RuntimeError) as error:
            self._undo_start(error)
            return
        for tag, stream in objects:
            with contextlib.suppress(AttributeError, TypeError):
                self._write_taps.append(WriteTap(stream, tag, self._push))
        if self._write_taps:
            self._leave_cells = watch_cells(self._renew_taps)

    def _renew_taps(self) -> None:
        for tap in self._write_taps:
            tap.renew()

    def _open_descriptors(self) -> bool:
        """Make the taps and their relay; False when this machine lets us have none."""
        try:
            for fds in find_descriptors():
                self._taps.append(DescriptorTap(fds))
            if self._taps:
                self._copy = spawn_relay(self._taps, self._mark)
        except OSError as error:
            self.failure = error
            for tap in self._taps:
                tap.close()
            self._taps.clear()
            return False
        return True

    def _undo_start(self, error: BaseException) -> None:
        self.failure = error
        self._restore()
        self._is_ending = self._is_over = True
        self._wake()
        if self._thread.ident is not None:
            self._thread.join(1.0)
        self._close()
        self._pid = -1

    def stop(self, timeout: float, more: float = 0.0) -> None:
        """Put the streams back, and give the sink what was printed before this call.

        In a forked child, and when called again, it does nothing.

        Args:
            timeout: seconds after which to return when nothing more comes in. What is late is not
                recorded, but still printed, and a last line says so.
            more: seconds that it may take longer, while what was printed is still coming in.
        """
        if self._pid != os.getpid() or not self._stopping.acquire(blocking=False):
            return
        patience = Patience(timeout, more, lambda: self._taken)
        is_other = threading.current_thread() is not self._thread
        try:
            if self._thread.is_alive() and is_other:
                flush_streams(timeout / 2)
                self._flush_c(patience)
                for console in reversed(_live):  # what was started later prints into us
                    console._settle(patience)  # noqa: SLF001 - of this class
                    if console is self:
                        break
        finally:
            self._restore()
        if is_other:
            is_whole = self._settle(patience)  # with what other threads printed meanwhile
            self._is_ending = True
            self._wake()
            if self._thread.ident is not None:
                is_whole &= Patience(timeout, more, lambda: self._taken).wait(self._ended)
            self._is_over = True
            if not is_whole:
                self._tell_unrecorded()
        self._is_over = True
        self._close()

    def _ended(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _tell_unrecorded(self) -> None:
        """A line that stands for those that the time did not suffice for."""
        text = "[epochal: what was printed last was not recorded: it came too late]"
        # A sink that hangs holds up our thread, and must not hold up the program.
        if self._sink is None or self._transcript.is_muted:
            return
        if self._giving.acquire(timeout=_LAST_GIVEN_SECONDS):
            try:
                self._sink(0, self._transcript.next_number(), [text])
            finally:
                self._giving.release()

    def _restore(self) -> None:
        self._leave_cells()
        for write_tap in self._write_taps:
            write_tap.restore()
        for tap in self._taps:
            tap.restore()

    def _settle(self, patience: Patience) -> bool:
        """Wait until the relay has written, and we have read, everything up to now."""
        if self._copy < 0 or self._is_lost:
            return True
        marks = [tap.put_mark(self._mark, patience.left()) for tap in self._taps]
        answers = [patience.wait(self._answered) for is_put in marks if is_put]
        return (all(marks) and all(answers)) or self.failure is not None

    def _answered(self, seconds: float) -> bool:
        if not self._thread.is_alive():
            return True
        with contextlib.suppress(queue.Empty):
            self._answers.get(timeout=seconds)
            return True
        return False

    def _flush_c(self, patience: Patience) -> None:
        """Have C's stdout flushed by our thread: the call may block on another thread."""
        if self._taps and "ctypes" in sys.modules:
            self._wants_c_flush = True
            self._wake()
            self._c_flushed.wait(min(_C_FLUSH_SECONDS, patience.left()))

    def _close(self) -> None:
        if self in _live:
            _live.remove(self)
        for tap in self._taps:
            tap.close()
        if not self._thread.is_alive():
            self._close_channels()

    def _close_channels(self) -> None:
        for fd in (self._copy, self._wake_in, self._wake_out):
            if fd >= 0:
                close_quietly(fd)
        self._copy = self._wake_in = self._wake_out = -1

    def _become_inert(self) -> None:
        """In a forked child: forget everything but the diverted streams themselves."""
        self._pid = -1
        for write_tap in self._write_taps:
            write_tap.is_live = False
        for tap in self._taps:
            tap.close()
        self._close_channels()

    # ------------------------------------------------------------------------- the program's side
    def _push(self, tag: int, text: str) -> None:
        """Queue what a shadowed ``write`` printed, without a lock: signal handlers print."""
        if self._queued > MAX_QUEUED:
            self._unqueued[tag] += len(text)
            return
        self._queued += len(text)
        self._queue.append((tag, text))
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_in, b"\0")

    # ------------------------------------------------------------------------------ our thread
    def _run(self) -> None:
        while True:
            try:
                self._read()
                break
            except Exception as error:  # noqa: BLE001 - no traceback of ours on the user's stderr
                self.failure = error
                if self._transcript.is_muted:
                    break
                self._transcript.is_muted = (
                    True  # go on reading: `stop` waits for what the relay reports
                )
        for _ in self._taps:
            self._answers.put(None)
        self._c_flushed.set()

    def _read(self) -> None:
        poller = select.poll()
        poller.register(self._wake_out, select.POLLIN)
        if self._copy >= 0:
            poller.register(self._copy, select.POLLIN)
        while not self._is_ending:
            due = self._transcript.due()
            wait = None if due is None else max(0.0, due - time.monotonic()) * 1000
            for fd, _ in poller.poll(wait):
                if fd == self._wake_out:
                    self._answer_wake()
                elif not self._receive():
                    poller.unregister(fd)
            self._drain_queue()
            due = self._transcript.due()
            if due is not None and time.monotonic() >= due:
                self._transcript.emit(time.monotonic())
        self._drain_queue()
        self._transcript.emit(time.monotonic(), final=True)

    def _answer_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_out, 65_536)
        if self._wants_c_flush:
            self._wants_c_flush = False
            _flush_c_stdout()
            self._c_flushed.set()

    def _receive(self) -> bool:
        """Take copies from the relay; False when it has ended."""
        data = os.read(self._copy, _READ)
        if not data:
            self._lose_relay()
            return False
        self._buffer += data
        done = 0
        try:
            while len(self._buffer) - done >= relay.HEADER.size:
                kind, tag, length = relay.HEADER.unpack_from(self._buffer, done)
                start = done + relay.HEADER.size
                end = start + (0 if kind == relay.LOST else length)
                if end > len(self._buffer):
                    break
                done = end
                self._take_frame(kind, tag, length, self._buffer[start:end])
        finally:
            del self._buffer[:done]
        return True

    def _take_frame(self, kind: int, tag: int, length: int, body: bytearray) -> None:
        self._taken += 1
        if kind == relay.DATA:
            self._transcript.add_bytes(tag, body)
        elif kind == relay.LOST:
            self._transcript.add_notice(
                tag, f"[epochal: {length:,} bytes of output were not recorded]"
            )
        elif kind == relay.REACHED:
            self._answers.put(None)
        elif kind == relay.READY:
            self._is_ready = True
            for tap in self._taps:
                tap.release_source()

    def _lose_relay(self) -> None:
        """The relay was killed: lead the streams past it, and save what it did not take."""
        self._is_lost = True
        if not self._is_ending:
            for tap in self._taps:
                tap.restore()
                if not self._is_ready:
                    tap.rescue()
                tap.release_source()
            self.failure = self.failure or OSError("the process that relays the output was killed")
        for _ in self._taps:
            self._answers.put(None)

    def _drain_queue(self) -> None:
        while self._queue:
            tag, text = self._queue.popleft()
            self._taken += 1
            self._transcript.add_text(tag, text)
        self._queued = 0
        for tag, count in enumerate(self._unqueued):
            if count:
                self._unqueued[tag] = 0
                self._transcript.add_notice(
                    tag, f"[epochal: {count:,} characters of output were not recorded]"
                )

    def _guarded(self, stream: int, first: int, lines: list[str]) -> None:
        """No line reaches the sink once `stop` has returned."""
        self._taken += 1
        if self._sink is not None and not self._is_over:
            with self._giving:
                self._sink(stream, first, lines)


def _flush_c_stdout() -> None:
    """Flush the buffer of C's ``stdout`` if ctypes is loaded already (torch and numpy do)."""
    ctypes = sys.modules.get("ctypes")
    if ctypes is None:
        return
    library = ctypes.CDLL(None)
    for name in ("stdout", "__stdoutp"):
        with contextlib.suppress(ValueError, AttributeError):
            library.fflush(ctypes.c_void_p.in_dll(library, name))
            return


def _become_inert_after_fork() -> None:
    for console in _live:
        console._become_inert()  # noqa: SLF001 - the hook stands for the class
    _live.clear()


_watches_forks = False


def _watch_forks() -> None:
    """Register the hook once in a process's life: hooks cannot be taken back."""
    global _watches_forks  # noqa: PLW0603 - as long-lived as the registration
    if not _watches_forks:
        _watches_forks = True
        os.register_at_fork(after_in_child=_become_inert_after_fork)
