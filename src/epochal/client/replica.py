"""One journal's copy on a server: what is acknowledged, and what to send next.

The server's offset is the only truth; the ``.ack`` file beside the journal remembers it for the
next process. A stretch that is sent starts at the acknowledged offset and ends at the end of a
frame, so that sending twice is harmless and nothing is left out.
"""

from __future__ import annotations

from typing import Any

from epochal.client.marks import mark_sent, read_ack, write_ack
from epochal.client.source import Source
from epochal.client.transport import Answer, NoAnswer, Transport
from epochal.errors import EpochalError
from epochal.journal.frame import FILE_HEADER_SIZE, MAX_PAYLOAD, scan_frames

STRETCH = 1024 * 1024


class Refused(EpochalError):
    """The server will never take this journal as things are."""


class Busy(EpochalError):
    """The server asks to come back later.

    Args:
        message: what it said.
        retry_after: seconds, when it named them.
    """

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Replica:
    """The copy of one journal on one server.

    Attributes:
        acked: bytes that the server holds durably, as far as we know.
        stop: the wish that the run ends, as the server told it last; None for none.
    """

    def __init__(self, source: Source, transport: Transport) -> None:
        self.source = source
        self._transport = transport
        self._route = f"/api/v1/runs/{source.run}/journals/{source.writer}"
        self._stretch = STRETCH
        self._saved = read_ack(source.path, transport.url)
        self.acked = self._saved
        self.stop: Any = None

    @property
    def waiting(self) -> int:
        """Bytes that are not acknowledged."""
        return max(0, self.source.size - self.acked)

    def send_next(self) -> int:
        """Send one stretch; returns the number of bytes that the server took over by it.

        Raises:
            NoAnswer: no usable answer; the same stretch is sent again next time.
            Busy: the server wants us to wait.
            Refused: sending is pointless until somebody changes something.
        """
        body = self._next_stretch()
        if not body:
            return 0
        path = f"{self._route}?offset={self.acked}"
        answer = self._transport.send("PUT", path, body)
        before = self.acked
        self.acked = self._judge(answer, before + len(body))
        return self.acked - before

    def ask(self) -> None:
        """Ask for news without sending anything.

        Raises:
            NoAnswer: no usable answer.
        """
        answer = self._transport.send("GET", self._route)
        if answer.status == 200:
            self.stop = answer.body.get("stop")

    def save_ack(self) -> None:
        """Remember the acknowledged offset on disk."""
        if self._saved != self.acked:
            self._saved = self.acked
            write_ack(self.source.path, self._transport.url, self.acked)

    def settle(self) -> bool:
        """Remember what is acknowledged; True if the server holds all of an ended journal."""
        self.save_ack()
        done = self.source.closed and not self.waiting
        if done:
            mark_sent(self.source.path)
        return done

    def _next_stretch(self) -> bytes:
        size = self.source.size - self.acked
        if size <= 0:
            return b""
        body = self.source.read(self.acked, min(size, self._stretch))
        end = _whole(body, self.acked)
        if end == 0 and size > len(body):  # one frame larger than the stretch
            body = self.source.read(self.acked, min(size, MAX_PAYLOAD + STRETCH))
            end = _whole(body, self.acked, 1)
        return body[:end]

    def _judge(self, answer: Answer, end: int) -> int:
        """The new acknowledged offset that an answer means."""
        error = answer.body.get("error")
        detail = error if isinstance(error, dict) else {}
        if answer.status == 200:
            offset, self.stop = answer.body.get("offset"), answer.body.get("stop")
            if isinstance(offset, int) and 0 <= offset <= self.source.size:
                return offset
            raise NoAnswer(f"an acknowledgement of {offset!r} for {end} bytes makes no sense")
        if answer.status == 409:
            expected = detail.get("expected")
            if isinstance(expected, int) and 0 <= expected <= self.source.size:
                return expected
        if answer.status == 413 and self._stretch > 65_536:
            self._stretch //= 4
            return self.acked
        if answer.status in (400, 415) and self._transport.compresses:
            self._transport.compresses = False  # the server may not take compressed bodies
            return self.acked
        text = str(detail.get("message") or f"status {answer.status}")[:300]
        if answer.status in (408, 425, 429) or answer.status >= 500 or answer.status < 400:
            raise Busy(text, answer.retry_after)
        raise Refused(text)


def _whole(body: bytes, offset: int, budget: int | None = None) -> int:
    """How many bytes of ``body``, which starts at a journal's ``offset``, are whole frames."""
    start = FILE_HEADER_SIZE if offset == 0 else 0
    if len(body) < start:
        return 0
    end = scan_frames(body, start, budget).end
    return end if end > start else 0
