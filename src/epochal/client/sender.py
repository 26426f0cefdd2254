"""The thread that replicates a run's journals to a server while the run lives.

It sends once a second, or at once when a megabyte waits; after trouble it waits 1 s, then longer,
up to 60 s, with jitter, or as long as the server asks. A refusal (a revoked key, say) ends sending
with one message. The journals stay where they are in every case: what was not sent is sent by
``epochal sync``.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epochal.client import guard, silence
from epochal.client.marks import is_unsent
from epochal.client.replica import STRETCH, Busy, Refused, Replica
from epochal.client.source import FileSource, Source
from epochal.client.transport import NoAnswer, Transport
from epochal.errors import InvalidInput
from epochal.journal.buffered import BufferedJournal
from epochal.journal.frame import SUFFIX

CADENCE_S = 1.0
MAX_BACKOFF_S = 60.0
POLL_S = 0.1
HURRY_S = 0.5
MAX_STALLS = 4
QUIET_S = 3.0
"""After so long without an exchange the server is asked whether the run shall end."""


def left_journals(directory: Path) -> list[FileSource]:
    """The journals in a run's directory whose writers ended before a server held them."""
    paths = [path for path in directory.glob(f"*{SUFFIX}") if is_unsent(str(path))]
    return [source for source in map(FileSource, paths) if source.closed]


def jitter() -> float:
    """A number in [0.5, 1), not moved by the user's seeds."""
    return 0.5 + int.from_bytes(os.urandom(4), "little") / 2**33


def _ignore(told: Any) -> None:
    """What the server says of a wish to stop, while nobody wants to know."""


class Sender:
    """Replicates journals to one server.

    Args:
        url: the server.
        api_key: credential, or None.
        left: directory of the run; journals that earlier processes left there unsent go first.
        jitter: factor for waiting times.

    Attributes:
        url: the server.
        api_key: see above.
        failures: exchanges that failed since the last good one.
        refused: why the server refuses, or None.
        on_stop: called with what the server says of the wish that the run ends, None for none.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        left: Path | None = None,
        jitter: Callable[[], float] = jitter,
    ) -> None:
        self.url = url
        self.failures = 0
        self.refused: str | None = None
        self.on_stop: Callable[[Any], None] = _ignore
        self._transport: Transport | None = None
        self.api_key = api_key
        self._jitter = jitter
        self._left = left
        self._sources: list[Source] = []
        self._replicas: list[Replica] = []
        self._wake = threading.Event()
        self._hurry = False
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._heard = time.monotonic()
        self._failing_since = 0.0

    def add(self, source: Source) -> None:
        """Replicate one more journal, after those that came before."""
        self._sources.append(source)

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="epochal-sender", daemon=True)
        with guard.Shield("starting the sender"):
            self._thread.start()

    @property
    def waiting(self) -> int:
        """Bytes that the server has not acknowledged."""
        known = sum(replica.waiting for replica in self._replicas)
        return known + sum(source.size for source in self._sources)

    def drain(self, timeout: float) -> bool:
        """Wait until everything is acknowledged; shorter when the server does not answer.

        A slow server is not a dead one: the wait ends `silence.patience` after exchanges began to
        fail, not after the first failure of a long wait.

        Args:
            timeout: seconds at most.
        """
        start = time.monotonic()
        self._hurry = True
        self._wake.set()
        try:
            while self._is_owing() and self.refused is None and self._is_running():
                now = time.monotonic()
                failing = now - max(start, self._failing_since) if self.failures else 0.0
                if silence.is_known(self.url):
                    failing = now - start
                if failing >= silence.patience(self.url):
                    silence.gave_up(self.url)
                    break
                if now - start >= timeout:
                    break
                time.sleep(0.005)
        finally:
            self._hurry = False
        return not self.waiting

    def _is_owing(self) -> bool:
        """Whether bytes are to be sent, or an ended journal to be marked as sent."""
        return self.waiting > 0 or any(replica.source.closed for replica in self._replicas)

    def stop(self) -> None:
        """Let the thread end after its present exchange, without waiting for it."""
        self._stopped = True
        self._wake.set()

    def step(self) -> float:
        """Send what waits until it is sent or something goes wrong.

        Returns the seconds to wait.
        """
        try:
            self._adopt()
            for replica in list(self._replicas):
                self._send(replica)
                if replica.settle():
                    self._replicas.remove(replica)
            self._listen()
        except NoAnswer as error:
            return self._back_off(str(error), None)
        except Busy as busy:
            return self._back_off(busy.message, busy.retry_after)
        except (Refused, InvalidInput) as refusal:
            self._refuse(refusal.message)
        return CADENCE_S

    def _send(self, replica: Replica) -> None:
        """Send what waits of one journal."""
        stalls = 0
        while replica.waiting and not self._stopped:
            stalls = 0 if replica.send_next() > 0 else stalls + 1
            if stalls > MAX_STALLS:
                raise NoAnswer(f"its offset stays at {replica.acked}")
            if stalls == 0:
                self.failures = 0
                silence.answered(self.url)
                self._heard = time.monotonic()
                self._settle(replica)
                self.on_stop(replica.stop)

    def _listen(self) -> None:
        """Ask for news when nothing was sent for a while."""
        now = time.monotonic()
        if self._replicas and not self._stopped and now - self._heard >= QUIET_S:
            self._heard = now
            self._replicas[-1].ask()
            self.on_stop(self._replicas[-1].stop)

    def _adopt(self) -> None:
        if self._transport is None:
            self._transport = Transport(self.url, self.api_key)
        if self._left is not None:
            directory, self._left = self._left, None
            with guard.Shield("looking for journals that were not sent"):
                self._replicas += [Replica(s, self._transport) for s in left_journals(directory)]
        while self._sources:
            self._replicas.append(Replica(self._sources[0], self._transport))
            del self._sources[0]

    def _settle(self, replica: Replica) -> None:
        """After an acknowledgement: remember it, and let go of memory."""
        replica.save_ack()
        if isinstance(replica.source, BufferedJournal):
            replica.source.release(replica.acked)

    def _back_off(self, why: str, asked: float | None) -> float:
        if not self.failures:
            self._failing_since = time.monotonic()
        self.failures += 1
        if self.failures == 2 and not silence.is_known(self.url):
            guard.warn_once(
                "unreachable",
                f"the server {self.url} does not take data ({why:.200}); everything is kept here "
                "and sent as soon as it does",
            )
        delay = min(2.0 ** (self.failures - 1), MAX_BACKOFF_S) * self._jitter()
        return max(delay, asked or 0.0)

    def _refuse(self, why: str) -> None:
        guard.warn_once(
            "refused",
            f"the server {self.url} refuses this run: {why}. Recording goes on here; "
            "send it with `epochal sync` when that is settled",
        )
        self.refused = why  # last: `drain` lets the process end as soon as it sees it

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        wait = 0.0
        while not self._stopped and self.refused is None:
            self._pause(wait)
            with guard.Shield("sending"):
                wait = self.step()
                continue
            wait = MAX_BACKOFF_S

    def _pause(self, seconds: float) -> None:
        """Wait, but not while a megabyte is there to send or somebody waits for us."""
        end = time.monotonic() + seconds
        while not self._stopped and time.monotonic() < end:
            if self.failures == 0 and (self._hurry or self.waiting >= STRETCH):
                return
            if self._hurry:
                end = min(end, time.monotonic() + HURRY_S)
            self._wake.wait(min(POLL_S, max(0.0, end - time.monotonic())))
            self._wake.clear()
