"""The thread that sends a run's blobs while the run lives, beside the sender of its journal.

It has its own connection, so that numbers never wait behind a checkpoint. It backs off as the
sender does. What it leaves at the end of the run is sent by ``epochal sync``.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from epochal.client import guard, silence
from epochal.client.blobsync import BlobReplica
from epochal.client.replica import Busy, Refused
from epochal.client.sender import MAX_BACKOFF_S, jitter
from epochal.client.transport import NoAnswer, Transport
from epochal.errors import InvalidInput

CADENCE_S = 1.0
HURRY_S = 0.1
GRACE_S = 2.0
PROGRESS_S = 0.5
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Uploader:
    """Sends the blobs of one run to one server.

    Args:
        url: the server.
        api_key: credential, or None.
        uid: the run.
        home: where its blobs lie.
        recorded: gives the digests of the blobs that records of this process name.

    Attributes:
        failures: exchanges that failed since the last good one.
        refused: why the server refuses, or None.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        uid: str,
        home: Path,
        recorded: Callable[[], frozenset[str]],
    ) -> None:
        self.url = url
        self.failures = 0
        self.refused: str | None = None
        self._wish = 0
        self._fulfilled = -1
        self._replica = BlobReplica(uid, home, Transport(url, api_key))
        self._recorded = recorded
        self._known: frozenset[str] = frozenset()
        self._asked_for = 0.0
        self._failing_since = 0.0
        self._wake = threading.Event()
        self._hurry = False
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="epochal-uploader", daemon=True)
        with guard.Shield("starting the uploader"):
            self._thread.start()

    @property
    def complete(self) -> bool:
        """Whether the server wanted nothing more that lies here, asked after the last `drain`."""
        return self._fulfilled == self._wish

    def drain(self, timeout: float, *, speaks: bool = False) -> bool:
        """Wait until the server has all blobs; shorter when it does not answer.

        An answer that is on its way now does not count: the server may have given it before it
        held the last records of the run.

        Args:
            timeout: seconds at most.
            speaks: show progress on a terminal.
        """
        start = time.monotonic()
        line = _Line(speaks)
        self._wish += 1
        self._hurry, self._asked_for = True, start
        self._wake.set()
        while not self.complete and self.refused is None and self._is_running():
            now = time.monotonic()
            spent = now - start
            failing = now - max(start, self._failing_since) if self.failures else 0.0
            if spent >= timeout or failing >= silence.patience(self.url):
                break
            if spent >= PROGRESS_S:
                line.show(self._replica.sent, self._replica.total)
            time.sleep(0.01)
        self._hurry = False
        line.clear()
        return self.complete

    def stop(self) -> None:
        """Let the thread end after its present exchange, without waiting for it."""
        self._stopped = True
        self._wake.set()

    def step(self) -> float:
        """Send what is wanted until it is sent or something goes wrong.

        Returns the seconds to wait.
        """
        recorded = self._recorded()
        if recorded != self._known:
            self._known, self._asked_for = recorded, time.monotonic()
            self._fulfilled = -1
        if self.complete:
            return CADENCE_S
        wish = self._wish
        try:
            while self._replica.ask() and not self._stopped:
                self._replica.send_all(self._went_well)
            self._went_well()
            late = time.monotonic() - self._asked_for > GRACE_S
            if late or self._known <= self._replica.seen:
                self._fulfilled = wish
            return HURRY_S if self._hurry else CADENCE_S
        except NoAnswer as error:
            return self._back_off(str(error), None)
        except Busy as busy:
            return self._back_off(busy.message, busy.retry_after)
        except (Refused, InvalidInput) as refusal:
            guard.warn_once(
                "blobs refused",
                f"the server {self.url} refuses the files of this run: {refusal.message}. They "
                "stay here; send them with `epochal sync` when that is settled",
            )
            self.refused = refusal.message  # last: `drain` ends the wait when it sees it
        return CADENCE_S

    def _went_well(self) -> bool:
        self.failures = 0
        return not self._stopped

    def _back_off(self, why: str, asked: float | None) -> float:
        if not self.failures:
            self._failing_since = time.monotonic()
        self.failures += 1
        if self.failures == 4:
            guard.warn_once(
                "blobs unreachable",
                f"the server {self.url} does not take files ({why:.200}); they are kept here and "
                "sent as soon as it does",
            )
        delay = min(2.0 ** (self.failures - 1), MAX_BACKOFF_S) * jitter()
        return max(min(delay, HURRY_S * 5) if self._hurry else delay, asked or 0.0)

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        wait = 0.0
        while not self._stopped and self.refused is None:
            self._wake.wait(wait)
            self._wake.clear()
            with guard.Shield("sending files"):
                wait = self.step()
                continue
            wait = MAX_BACKOFF_S


class _Line:
    """One line on a terminal that is written over; nothing where there is no terminal."""

    def __init__(self, speaks: bool) -> None:
        terminal = guard.attempt(_is_terminal, default=False)
        self._speaks = speaks and terminal
        self._due = 0.0
        self._shown = False

    def show(self, sent: int, total: int) -> None:
        now = time.monotonic()
        if self._speaks and total and now >= self._due:
            self._due = now + 0.2
            self._shown = True
            text = f"uploading {read_size(total)}, {100 * sent // total} %"
            self._write(f"\repochal: {text}\x1b[K")

    def clear(self) -> None:
        if self._shown:
            self._write("\r\x1b[K")

    @staticmethod
    def _write(text: str) -> None:
        def write() -> None:
            sys.stderr.write(text)
            sys.stderr.flush()

        guard.attempt(write, default=None)


def _is_terminal() -> bool:
    return sys.stderr.isatty()


def read_size(size: float) -> str:
    """Bytes for people, such as ``1.2 GiB``."""
    unit = 0
    while size >= 1024 and unit < len(UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{size:.0f} {UNITS[unit]}" if unit == 0 else f"{size:.1f} {UNITS[unit]}"
