"""Sending the blobs of one run that a server waits for, from the home's blobs.

The server says what it wants and how much of it it holds; nothing is remembered here, so that
sending goes on after any interruption, in any process. Blobs that lie in another home are left to
that home.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from epochal.client.replica import Busy, Refused
from epochal.client.transport import Answer, NoAnswer, Transport
from epochal.domain.objects import HeldBlob, WantedBlob, WantedBlobs
from epochal.domain.parcel import MAX_PARCEL, MAX_SMALL, pack_parcel
from epochal.journal.blobs import Blobs

PIECE = 8 * 1024 * 1024
ASK = 1000
MAX_STALLS = 4
LANES = 3
"""Connections at once: one is read from the disk here while others are synced there."""


class BlobReplica:
    """The blobs of one run on one server.

    Args:
        uid: the run.
        home: where the blobs lie.
        transport: the connection; nobody else uses it meanwhile. `send_all` opens more like it.

    Attributes:
        sent: bytes that the server took over.
        total: bytes sent and still to send, as far as the server has told.
        seen: digests that the server wanted at some time.
    """

    def __init__(self, uid: str, home: Path, transport: Transport) -> None:
        self._route = f"/api/v1/runs/{uid}"
        self._blobs = Blobs(home)
        self._transport = transport
        self._jobs: deque[list[WantedBlob]] = deque()
        self._lock = threading.Lock()
        self.sent = 0
        self.total = 0
        self.seen: set[str] = set()

    def ask(self) -> bool:
        """Ask what is wanted; whether any of it lies here.

        Raises:
            NoAnswer: no usable answer.
            Busy: the server wants us to wait.
            Refused: asking is pointless until somebody changes something.
        """
        answer = self._transport.send("GET", f"{self._route}/wanted?limit={ASK}")
        wanted = _read(answer, WantedBlobs)
        here = [blob for blob in wanted.blobs if self._blobs.size(blob.digest) == blob.size]
        self.seen.update(blob.digest for blob in here)
        self._jobs = deque(_jobs(here))
        self.total = self.sent + sum(blob.size - blob.offset for blob in here)
        return bool(here)

    def send_all(self, proceed: Callable[[], bool]) -> None:
        """Send what the last `ask` found, over several connections.

        Args:
            proceed: called after every exchange that went well, by one thread at a time; False
                ends the sending.

        Raises:
            NoAnswer, Busy, Refused: see `ask`; other exchanges under way were ended first.
        """
        lanes = _Lanes(proceed)
        threads: list[threading.Thread] = []
        for _ in range(min(LANES, len(self._jobs)) - 1):
            other = self._transport.another()
            thread = threading.Thread(
                target=lanes.work, args=(self, other), name="epochal-blobs", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter ends; this thread can do it alone
                other.close()
                break
            threads.append(thread)
        lanes.run(self, self._transport)
        for thread in threads:
            thread.join()
        if lanes.trouble is not None:
            raise lanes.trouble

    def send_job(self, transport: Transport, tell: Callable[[], bool]) -> bool:
        """Send the next blob, or several small ones; False when there is none or it should end."""
        try:
            job = self._jobs.popleft()
        except IndexError:
            return False
        if len(job) == 1:
            return self._send_blob(transport, job[0], tell)
        parts = [(blob.digest, self._read(blob, 0, blob.size)) for blob in job]
        _check(transport.send("PUT", f"{self._route}/blobs", pack_parcel(parts)))
        self._count(sum(blob.size for blob in job))
        return tell()

    def _send_blob(self, transport: Transport, blob: WantedBlob, tell: Callable[[], bool]) -> bool:
        """Piece by piece, from where the server is."""
        offset, complete, stalls = blob.offset, False, 0
        while not complete:
            data = self._read(blob, offset, PIECE)
            path = f"{self._route}/blobs/{blob.digest}?offset={offset}&size={blob.size}"
            answer = transport.send("PUT", path, data)
            before, expected = offset, _expected(answer)
            if expected is None:
                held = _read(answer, HeldBlob)
                expected, complete = held.offset, held.complete
            if not 0 <= expected <= blob.size:
                raise NoAnswer(
                    f"an offset of {expected} in a blob of {blob.size} bytes makes no sense"
                )
            offset = expected
            self._count(offset - before)
            stalls = 0 if offset > before else stalls + 1
            if stalls > MAX_STALLS:
                raise NoAnswer(f"blob {blob.digest[:12]} stays at offset {offset}")
            if not tell():
                return False
        return True

    def _count(self, gained: int) -> None:
        with self._lock:
            self.sent += gained

    def _read(self, blob: WantedBlob, offset: int, limit: int) -> bytes:
        try:
            with open(self._blobs.path(blob.digest), "rb", buffering=0) as file:
                file.seek(offset)
                return file.read(limit)
        except OSError as error:
            raise NoAnswer(f"blob {blob.digest[:12]} cannot be read here: {error}") from error


class _Lanes:
    """What the threads of one `BlobReplica.send_all` share: the first trouble ends all."""

    def __init__(self, proceed: Callable[[], bool]) -> None:
        self._proceed = proceed
        self._lock = threading.Lock()
        self._ended = False
        self.trouble: Exception | None = None

    def work(self, replica: BlobReplica, transport: Transport) -> None:
        """`run`, and the end of the connection."""
        try:
            self.run(replica, transport)
        finally:
            transport.close()

    def run(self, replica: BlobReplica, transport: Transport) -> None:
        """Send jobs until there are none left."""
        try:
            while not self._ended and replica.send_job(transport, self._tell):
                pass
        except Exception as error:  # noqa: BLE001 - `send_all` raises it
            self._ended = True
            with self._lock:
                self.trouble = self.trouble or error

    def _tell(self) -> bool:
        with self._lock:
            self._ended = self._ended or not self._proceed()
        return not self._ended


def _jobs(blobs: list[WantedBlob]) -> Iterator[list[WantedBlob]]:
    """What is sent at once: manifests first, then the largest; small ones together."""
    small: list[WantedBlob] = []
    room = MAX_PARCEL
    for blob in sorted(blobs, key=lambda blob: (not blob.manifest, -blob.size)):
        if blob.size > MAX_SMALL or blob.offset:
            yield [blob]
            continue
        if blob.size > room:
            yield small
            small, room = [], MAX_PARCEL
        small.append(blob)
        room -= blob.size
    if small:
        yield small


def _expected(answer: Answer) -> int | None:
    """The offset that a 409 names."""
    detail = answer.body.get("error")
    if answer.status == 409 and isinstance(detail, dict):
        expected = detail.get("expected")
        return expected if isinstance(expected, int) else None
    return None


def _check(answer: Answer) -> None:
    """Raise for everything but success; 404 may only mean that the journal is not read yet."""
    if 200 <= answer.status < 300:
        return
    error = answer.body.get("error")
    detail: dict[str, Any] = error if isinstance(error, dict) else {}
    text = str(detail.get("message") or f"status {answer.status}")[:300]
    if answer.status in (400, 404, 408, 409, 425, 429) or answer.status >= 500:
        raise Busy(text, answer.retry_after)
    if answer.status < 400:
        raise Busy(text, None)
    raise Refused(text)


def _read(answer: Answer, kind: type[Any]) -> Any:
    _check(answer)
    try:
        return msgspec.convert(answer.body, kind)
    except msgspec.ValidationError as error:
        raise NoAnswer(f"the answer is none of ours: {error}") from None


def has_blobs(home: Path) -> bool:
    """Whether a home holds any blob."""
    return os.path.isdir(Blobs(home).root)
