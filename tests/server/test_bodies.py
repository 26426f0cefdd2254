"""Large bodies on real sockets, with both event loops that the server may run on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
import uvloop

from epochal.errors import RequestTimeout
from epochal.server import bodies
from epochal.server.asgi import Receive, Scope, Send
from epochal.server.bodies import LARGE
from epochal.server.limits import watched
from epochal.server.pouring import PIECE
from tests.server.connections import BODY, SECONDS, Peer, answer, digest, head, listening, talking

Scenario = Callable[["App"], Awaitable[None]]


class App:
    """An application that takes a body in, as far as it is told to, and says what it got."""

    def __init__(self) -> None:
        self.port = 0
        self.most: int | None = None
        self.after = False
        self.large = b""
        self.patience = SECONDS
        self.sizes: list[int] = []
        self._came = asyncio.Event()
        self.ends: asyncio.Queue[str] = asyncio.Queue()
        self.rest = 5

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        self.sizes = []
        if self.after:
            await answer(send, 200, b"")
            self.ends.put_nowait((await receive())["type"])
            return
        if self.large:
            await self.answer_while_waiting(receive, send)
            return
        receive = watched(receive, self.patience)
        hashed = hashlib.sha256()
        try:
            while self.most is None or sum(self.sizes) < self.most:
                message = await receive()
                hashed.update(message["body"])
                self.sizes.append(len(message["body"]))
                self._came.set()
                if not message["more_body"]:
                    break
        except RequestTimeout as error:
            self.ends.put_nowait(str(error))
            await answer(send, 408, b"")
            return
        self.ends.put_nowait("whole")
        await answer(send, 200, hashed.hexdigest().encode())

    async def answer_while_waiting(self, receive: Receive, send: Send) -> None:
        """Answer with what is large as a piece of the body is waited for."""
        size = 0
        while size < LARGE:
            size += len((await receive())["body"])
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await answer(send, 200, self.large)
        self.ends.put_nowait((await waiting)["type"])

    async def has(self, size: int) -> None:
        """Wait until so many bytes of a body came."""
        while sum(self.sizes) < size:
            self._came.clear()
            await self._came.wait()


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process has as many open files as it may."""
    free = os.dup(0)
    os.close(free)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def play(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    """Runs a scenario with an application that listens."""

    def run(scenario: Scenario, rest: int = 5) -> None:
        async def whole() -> None:
            app = App()
            app.rest = rest
            async with asyncio.timeout(2 * SECONDS), listening(app):
                await scenario(app)

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(whole())

    return run


def test_a_large_body_comes_whole_and_the_connection_goes_on(
    play: Callable[[Scenario], None],
) -> None:
    """In any portions, the head and the next request among them; small bodies as before."""

    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            for portion in (len(BODY), 16_384, 999_983):
                parts = [BODY[at : at + portion] for at in range(0, len(BODY), portion)]
                await peer.say(head(len(BODY)) + parts[0], *parts[1:])
                assert await peer.hear() == (200, digest(BODY))
                assert max(app.sizes) <= PIECE
            await peer.say(head(len(BODY)), BODY + head(3) + b"abc")
            assert await peer.hear() == (200, digest(BODY))
            assert await peer.hear() == (200, digest(b"abc"))
            await peer.say(head(3) + b"xyz" + head(len(BODY)) + BODY + head(0))
            assert [await peer.hear() for _ in range(3)] == [
                (200, digest(b"xyz")), (200, digest(BODY)), (200, digest(b"")),
            ]  # fmt: skip

    play(scenario)


def test_few_pieces_make_a_large_body(
    play: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in the socket comes at once: most pieces are far larger than the parser's."""
    monkeypatch.setattr(bodies, "FAST_SECONDS", SECONDS)  # however slow the machine is

    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            body = BODY * 8
            await peer.say(head(len(body)) + body)
            assert await peer.hear() == (200, digest(body))
            assert len(body) / len(app.sizes) > 128 * 1024

    play(scenario)


def test_no_byte_is_lost_when_a_wait_ends_as_bytes_come(
    play: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waits that end at once meet the arrival of bytes in every order."""
    monkeypatch.setattr(bodies, "FAST_SECONDS", 0)

    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            for portion in (10_000, 70_000, len(BODY)):
                parts = [BODY[at : at + portion] for at in range(0, len(BODY), portion)]
                await peer.say(head(len(BODY)), *parts)
                assert await peer.hear() == (200, digest(BODY))

    play(scenario)


def test_a_body_that_comes_slowly_comes(play: Callable[[Scenario], None]) -> None:
    """The last bytes of a portion are handed over though nothing follows them yet."""

    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            await peer.say(head(len(BODY)))
            sent = 0
            for size in (1, 5_000, 300_000, 2, LARGE, len(BODY)):
                part = BODY[sent : sent + size]
                await peer.say(part)
                sent += len(part)
                await app.has(sent)
            assert await peer.hear() == (200, digest(BODY))

    play(scenario)


def test_a_body_that_stops_is_given_up_and_what_comes_late_is_dropped(
    play: Callable[[Scenario], None],
) -> None:
    """The answer says so; the rest is no request, and the next request is one."""

    async def scenario(app: App) -> None:
        app.patience = 0.3
        async with talking(app) as peer:
            await peer.say(head(len(BODY)) + BODY[: LARGE + 1])
            assert await peer.hear() == (408, b"")
            assert "the body stopped after 1,048,577 bytes" in await app.ends.get()
            app.patience = SECONDS
            await peer.say(BODY[LARGE + 1 :] + head(3) + b"abc")
            assert await peer.hear() == (200, digest(b"abc"))

    play(scenario)


@pytest.mark.parametrize("most", [0, 1, LARGE + 1])
def test_an_answer_before_the_end_of_a_body_is_heard(
    play: Callable[[Scenario], None], most: int
) -> None:
    """A client that sends on and only then listens finds it, and may ask for something else."""

    async def scenario(app: App) -> None:
        app.most = most
        async with talking(app) as peer:
            await peer.say(
                head(len(BODY)), *[BODY[at : at + 65_536] for at in range(0, len(BODY), 65_536)]
            )
            assert (await peer.hear())[0] == 200
            app.most = None
            await peer.say(head(len(BODY)) + BODY)
            assert await peer.hear() == (200, digest(BODY))

    play(scenario)


@pytest.mark.parametrize("most", [1, LARGE + 1])
@pytest.mark.parametrize("size", [LARGE // 2, len(BODY)])
def test_a_client_that_ends_its_connection_is_not_cut_off_as_it_sends(
    play: Callable[[Scenario], None], most: int, size: int
) -> None:
    """It hears what was wrong, and then the end, as soon as it has sent all."""

    async def scenario(app: App) -> None:
        app.most = most
        async with talking(app) as peer:
            first = min(most, size)
            await peer.say(head(size, b"connection: close") + BODY[:first])
            assert await app.ends.get() == "whole"
            for at in range(first, size, 65_536):
                await peer.say(BODY[at : min(size, at + 65_536)])
                await asyncio.sleep(0)
            assert (await peer.hear())[0] == 200
            assert await peer.reader.read() == b""

    play(scenario)


def test_a_client_that_sends_no_more_of_a_refused_body_hears_the_end(
    play: Callable[[Scenario], None],
) -> None:
    async def scenario(app: App) -> None:
        app.most = 1
        async with talking(app) as peer:
            await peer.say(head(len(BODY), b"connection: close") + b"x")
            assert (await peer.hear())[0] == 200
            assert await peer.reader.read() == b""

    play(scenario)


def test_who_asks_for_a_body_after_the_answer_takes_nothing_of_the_next_request(
    play: Callable[[Scenario], None],
) -> None:
    async def scenario(app: App) -> None:
        app.after = True
        async with talking(app) as peer:
            await peer.say(head(len(BODY)))
            assert (await peer.hear())[0] == 200
            assert await app.ends.get() == "http.disconnect"
            app.after = False
            await peer.say(BODY + head(3) + b"abc")
            assert await peer.hear() == (200, digest(b"abc"))

    play(scenario)


@pytest.mark.parametrize("size", [LARGE // 2, len(BODY)])
def test_a_body_that_crawls_after_the_answer_ends_its_connection(
    play: Callable[..., None], size: int
) -> None:
    """Byte by byte it would keep a connection for ever, and who sends it needs no key."""

    async def crawl(peer: Peer) -> None:
        while True:
            peer.writer.write(b"x")
            with contextlib.suppress(TimeoutError):
                assert await asyncio.wait_for(peer.reader.read(1), 0.1) == b""
                return

    async def scenario(app: App) -> None:
        app.most = 1
        async with talking(app) as peer:
            await peer.say(head(size) + b"x")
            assert (await peer.hear())[0] == 200
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(crawl(peer), SECONDS)

    play(scenario, rest=1)


def test_an_answer_is_whole_though_somebody_waits_for_the_body(
    play: Callable[[Scenario], None],
) -> None:
    """It is larger than what the sockets hold, and the client is slow to read it."""

    async def scenario(app: App) -> None:
        app.large = b"x" * (32 * LARGE)
        async with talking(app) as peer:
            await peer.say(head(len(BODY)) + BODY[:LARGE])
            assert await app.ends.get() == "http.disconnect"
            assert await peer.hear() == (200, app.large)

    play(scenario)


def test_without_a_file_to_spare_the_parser_reads(play: Callable[[Scenario], None]) -> None:
    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            await peer.say(head(3) + b"abc")
            assert (await peer.hear())[0] == 200
            with no_more_files():
                await peer.say(head(len(BODY)) + BODY)
                assert await peer.hear() == (200, digest(BODY))
                assert max(app.sizes) < LARGE
            await peer.say(head(len(BODY)) + BODY)
            assert await peer.hear() == (200, digest(BODY))

    play(scenario)


@pytest.mark.parametrize("sent", [0, 1, LARGE // 2, 2 * LARGE])
def test_a_client_that_goes_away_is_noticed(play: Callable[[Scenario], None], sent: int) -> None:
    """Wherever it stops, politely or not, and also while nothing was read yet."""

    async def scenario(app: App) -> None:
        for rudely in (False, True):
            async with talking(app) as peer:
                await peer.say(head(len(BODY)) + BODY[:sent])
                await app.has(sent)
                if rudely:
                    peer.writer.transport.abort()
            assert "the client went away" in await app.ends.get()
            app.sizes = []

    play(scenario)


@pytest.mark.parametrize(
    "more,body",
    [
        (b"transfer-encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
        (b"content-length: %d\r\nexpect: 100-continue" % len(BODY), BODY),
    ],
    ids=["chunked", "expect"],
)
def test_other_large_bodies_are_the_parsers(
    play: Callable[[Scenario], None], more: bytes, body: bytes
) -> None:
    """Those that come in chunks, and those whose client waits to be asked for them."""

    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            await peer.say(b"PUT /x HTTP/1.1\r\nhost: localhost\r\n" + more + b"\r\n\r\n", body)
            if b"expect" in more:
                assert await peer.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert await peer.hear() == (200, digest(BODY))

    play(scenario)
