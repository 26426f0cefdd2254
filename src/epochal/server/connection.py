"""One TCP connection: uvicorn's HTTP/1.1 protocol with four rules more, and fast bodies.

The head of a request must arrive in time, its target must be a path (no ``GET http://...``), and
bytes that are no HTTP get the same error shape and headers as everything else. A request with a
short body is served once the body is there, which mostly is at once, and otherwise after
`SOON_SECONDS`: then whoever serves it waits. While a large body is read past the parser nothing
else is read. What is left of a body that nobody wanted to the end is dropped before the next
request, and must keep coming like any other: silence, or falling behind
`SLOWEST_BYTES_PER_SECOND`, ends the connection after the time in which it may rest. A connection
that ends with such an answer takes in what is on its way first, for `LINGER_SECONDS` at most: cut
off as it sends, a client would hear of a broken connection in place of what is wrong.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from epochal.errors import InvalidInput
from epochal.server.asgi import ANSWER, WHOLE
from epochal.server.bodies import LARGE, LargeBody, announced_length
from epochal.server.errors import envelope
from epochal.server.joining import Joining
from epochal.server.pace import SLOWEST_BYTES_PER_SECOND
from epochal.server.peer import STATE_KEY, Peer
from epochal.server.security import HEADERS
from epochal.server.sending import Sender
from epochal.service.receiving import POUR
from epochal.service.spans import SEND

HEADER_TIMEOUT: Final = 10.0
SHORT: Final = HIGH_WATER_LIMIT
"""Bytes of a body that the parser collects without a pause."""
SOON_SECONDS: Final = 0.25
LINGER_SECONDS: Final = 30.0
"""How long the body of a refused request may go on where the connection ends with the answer."""
LINGER_SILENCE: Final = 2.0
"""Seconds without a byte of it that end the wait."""


class Connection(HttpToolsProtocol):
    """Created by uvicorn for each connection."""

    header_timeout = HEADER_TIMEOUT

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the peer and start the clock."""
        self._out = Joining(transport, self._stays)
        super().connection_made(self._out)
        self.app_state = {**self.app_state, STATE_KEY: Peer(self.client, self.server_address())}
        self._timer: asyncio.TimerHandle | None = None
        self._is_short = False
        self._held: tuple[RequestResponseCycle, Any] | None = None
        self._large: LargeBody | None = None
        self._sender = Sender(self._out)
        self._in_body = False
        self._in_head = False
        self._answered = 0.0
        self._dropped = 0
        self._lingers = False
        self._start_clock()

    def server_address(self) -> tuple[str, int] | None:
        """Our end of this connection."""
        if self.server is None or self.server[1] is None:
            return None
        return self.server[0], self.server[1]

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        self._held = None
        if self._large is not None:
            self._large.close()
        self._sender.close()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes that came; of a body that nobody wants any more they are no next head."""
        is_unwanted, size = self._drops_body(), len(data)
        if self._large is not None and self._large.missing:
            data = data[self._large.drop(size) :]
        if data:
            super().data_received(data)
            if self._in_head and self._timer is None:
                self._start_clock()
        if is_unwanted and self.cycle.response_complete and not self.transport.is_closing():
            if self._lingers and not self._drops_body():
                self.transport.close()
            else:
                self._let_rest(size)

    def on_message_begin(self) -> None:
        """A request's first byte: its head must be complete in time."""
        super().on_message_begin()
        self._stop_clock()
        self._in_head = True  # most heads come whole: the clock starts when this one does not

    def on_url(self, url: bytes) -> None:
        """Part of the target; an exception here becomes a 400."""
        super().on_url(url)
        if not self.url.startswith(b"/"):
            raise ValueError("the request target must be a path")

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._stop_clock()
        self._in_head, self._in_body = False, True
        self._answered = 0.0
        length = announced_length(self.headers)
        # Who waits to be told to go on sends its body only then.
        self._is_short = 0 < length <= SHORT and not self.expect_100_continue
        super().on_headers_complete()
        extensions: dict[str, Any] = {
            ANSWER: partial(self._answer, self.cycle),
            SEND: partial(self._sender.send, self.cycle),
        }
        self.cycle.scope["extensions"] = extensions
        if length >= LARGE and not self.pipeline:
            self._large = LargeBody(self.cycle, length, self._read_past_parser)
            self.cycle.receive = self._large.receive  # type: ignore[assignment, method-assign]  # what uvicorn calls
            extensions[POUR] = self._large.pour

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Serve a request now or, when its short body is still on its way, in a moment."""
        if self._is_short and cycle is self.cycle and cycle.more_body:
            self._held = cycle, app
            self._timer = self.loop.call_later(SOON_SECONDS, self._serve_held)
        else:
            super()._start_asgi_task(cycle, app)

    def _serve_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._stop_clock()
            super()._start_asgi_task(*held)

    def on_message_complete(self) -> None:
        """The body is there."""
        self._in_body = False
        super().on_message_complete()
        if self._held is not None:
            self.cycle.scope["extensions"][WHOLE] = {}
            self._serve_held()

    def _answer(self, cycle: RequestResponseCycle, head: bytes, body: bytes) -> bool:
        """Send a whole answer, as the two messages of ASGI would, in a third of the time."""
        if cycle.access_log or cycle.response_started or cycle.disconnected:
            return False
        if self.flow.write_paused:
            return False
        lines = [head]
        for name, value in cycle.default_headers:
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        self.transport.write(b"".join(lines))
        self.transport.write(body)
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def on_response_complete(self) -> None:
        """All is answered, whether or not all was read."""
        if self._large is not None:
            self._large.close()
        self._answered, self._dropped = self.loop.time(), 0
        super().on_response_complete()
        if self._lingers:
            self._let_rest(0)

    def _is_body_coming(self) -> bool:
        return self._in_body or (self._large is not None and self._large.missing > 0)

    def _drops_body(self) -> bool:
        """Whether what comes belongs to a body of which the answer is out."""
        if not self._answered or not self.cycle.response_complete:
            return False
        return self._is_body_coming()

    def _stays(self) -> bool:
        """Whether this connection, which is to end with an answer, waits for the body's end."""
        is_unheard = self._is_body_coming() and not self._answered
        self._lingers = is_unheard and self.cycle.response_complete
        return self._lingers

    def _let_rest(self, size: int) -> None:
        """Set the clock anew after so many bytes of a body that nobody wants."""
        self._dropped += size
        patience: float = self.timeout_keep_alive
        if self._lingers:
            left = self._answered + LINGER_SECONDS - self.loop.time()
            patience = min(patience, LINGER_SILENCE, max(0.0, left))
        if self._drops_body():
            due = self._answered + patience + self._dropped / SLOWEST_BYTES_PER_SECOND
            patience = min(patience, max(0.0, due - self.loop.time()))
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            patience, self.timeout_keep_alive_handler
        )

    def _read_past_parser(self) -> None:
        self._in_body = False  # for the parser
        self.flow.pause_reading()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no request of ours."""
        status, _, body = envelope(InvalidInput(msg))
        head = [
            *HEADERS,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode("ascii")),
            (b"connection", b"close"),
        ]
        lines = [f"HTTP/1.1 {status} Bad Request\r\n".encode("ascii")]
        lines += [name + b": " + value + b"\r\n" for name, value in head]
        self.transport.write(b"".join([*lines, b"\r\n", body]))
        self.transport.close()

    def _start_clock(self) -> None:
        self._stop_clock()
        self._timer = self.loop.call_later(self.header_timeout, self._too_slow)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def with_header_timeout(seconds: float) -> type[Connection]:
    """The protocol class with another limit for the head of a request."""
    attributes: dict[str, Any] = {"header_timeout": seconds, "__doc__": Connection.__doc__}
    return type("TimedConnection", (Connection,), attributes)
