"""Sending the blobs of one run that a server waits for, from the home's blobs.

The server says what it wants and how much of it it holds; nothing is remembered here, so that
sending goes on after any interruption, in any process. Blobs that lie in another home are left to
that home.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import msgspec

from epochal.client.replica import Busy, Refused
from epochal.client.transport import Answer, NoAnswer, Transport
from epochal.domain.objects import HeldBlob, WantedBlob, WantedBlobs
from epochal.journal.blobs import Blobs

PIECE = 8 * 1024 * 1024
SMALL = 1024 * 1024
ASK = 1000
MAX_STALLS = 4


class BlobReplica:
    """The blobs of one run on one server.

    Args:
        uid: the run.
        home: where the blobs lie.
        transport: the connection; nobody else uses it meanwhile.

    Attributes:
        sent: bytes that the server took over.
        total: bytes sent and still to send, as far as the server has told.
        seen: digests that the server wanted at some time.
    """

    def __init__(self, uid: str, home: Path, transport: Transport) -> None:
        self._route = f"/api/v1/runs/{uid}"
        self._blobs = Blobs(home)
        self._transport = transport
        self._queue: list[WantedBlob] = []
        self._stalls = 0
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
        self._queue = here
        self.total = self.sent + sum(blob.size - blob.offset for blob in here)
        return bool(here)

    @property
    def waiting(self) -> bool:
        """Whether there is something to send, as of the last `ask`."""
        return bool(self._queue)

    def send_next(self) -> None:
        """Send one piece, or several small blobs.

        Raises:
            NoAnswer, Busy, Refused: see `ask`.
        """
        small = self._take_small()
        if len(small) > 1:
            self._send_small(small)
        elif self._queue:
            self._send_piece(self._queue[0])

    def _take_small(self) -> list[WantedBlob]:
        """The small blobs at the head of the queue that fit one request."""
        taken: list[WantedBlob] = []
        room = PIECE
        for blob in self._queue:
            room -= blob.size + 36
            if blob.size > SMALL or blob.offset or room < 0:
                break
            taken.append(blob)
        return taken

    def _send_small(self, blobs: list[WantedBlob]) -> None:
        parts: list[bytes] = []
        for blob in blobs:
            data = self._read(blob, 0, blob.size)
            parts += [bytes.fromhex(blob.digest), struct.pack("<I", len(data)), data]
        answer = self._transport.send("PUT", f"{self._route}/blobs", b"".join(parts))
        _check(answer)
        self._queue = self._queue[len(blobs) :]
        self.sent += sum(blob.size for blob in blobs)
        self._stalls = 0

    def _send_piece(self, blob: WantedBlob) -> None:
        data = self._read(blob, blob.offset, PIECE)
        path = f"{self._route}/blobs/{blob.digest}?offset={blob.offset}&size={blob.size}"
        answer = self._transport.send("PUT", path, data)
        offset, complete = _expected(answer), False
        if offset is None:
            held = _read(answer, HeldBlob)
            offset, complete = held.offset, held.complete
        if not 0 <= offset <= blob.size:
            raise NoAnswer(f"an offset of {offset} in a blob of {blob.size} bytes makes no sense")
        gained = offset - blob.offset
        self.sent += gained
        if complete:
            self._queue.pop(0)
        else:
            self._queue[0] = msgspec.structs.replace(blob, offset=offset)
        self._stalls = 0 if gained > 0 or complete else self._stalls + 1
        if self._stalls > MAX_STALLS:
            self._stalls = 0
            self._queue.pop(0)  # `ask` brings it back
            raise NoAnswer(f"blob {blob.digest[:12]} stays at offset {offset}")

    def _read(self, blob: WantedBlob, offset: int, limit: int) -> bytes:
        try:
            with open(self._blobs.path(blob.digest), "rb") as file:
                file.seek(offset)
                return file.read(limit)
        except OSError as error:
            self._queue = [other for other in self._queue if other.digest != blob.digest]
            raise NoAnswer(f"blob {blob.digest[:12]} cannot be read here: {error}") from error


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
