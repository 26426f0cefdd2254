"""Large bodies that threads take in from real sockets, with both event loops."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
import threading
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from epochal.errors import RequestTimeout
from epochal.journal.straight import Piece
from epochal.server import bodies
from epochal.server.asgi import Receive, Scope, Send
from epochal.server.bodies import LARGE
from epochal.server.pace import Pace
from epochal.service.receiving import POUR
from tests.server.connections import BODY, SECONDS, answer, digest, head, listening, talking

Scenario = Callable[["App"], Awaitable[None]]


class Sink:
    """Keeps a body in memory; fails where it is told to."""

    def __init__(self, room: int) -> None:
        self.kept = bytearray()
        self.hashed = hashlib.sha256()
        self.threads: set[int] = set()
        self._room = room

    def hash(self, *pieces: Piece) -> None:
        """Take pieces into the digest."""
        self.threads.add(threading.get_ident())
        for piece in pieces:
            self.hashed.update(piece)

    def keep(self, *pieces: Piece) -> None:
        """Take pieces."""
        for piece in pieces:
            self.kept += piece
        if len(self.kept) > self._room:
            raise OSError(28, "No space left on device")


class App:
    """Pours each body that offers it, and says what became of it."""

    def __init__(self) -> None:
        self.port = 0
        self.rest = 5
        self.patience = SECONDS
        self.room = 2**40
        self.poured: list[bool] = []
        self.ends: asyncio.Queue[str] = asyncio.Queue()
        self.begun: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        task = asyncio.current_task()
        assert task is not None
        self.begun.put_nowait(task)
        sink = Sink(self.room)
        status = 200
        try:
            offered = scope.get("extensions", {}).get(POUR)
            pour = None if offered is None else functools.partial(offered, Pace(self.patience))
            self.poured.append(pour is not None and await pour(sink))
            while not self.poured[-1]:
                message = await receive()
                sink.hash(message["body"])
                sink.keep(message["body"])
                if not message["more_body"]:
                    break
        except (OSError, RequestTimeout) as error:
            status = 408 if isinstance(error, RequestTimeout) else 507
            self.ends.put_nowait(str(error))
        except asyncio.CancelledError:
            self.ends.put_nowait(f"given up after {len(sink.kept)}")
            raise
        else:
            assert sink.hashed.digest() == hashlib.sha256(sink.kept).digest()
            assert threading.get_ident() not in sink.threads or not self.poured[-1]
        await answer(send, status, sink.hashed.hexdigest().encode())


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def play(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    """Runs a scenario with an application that listens."""

    def run(scenario: Scenario) -> None:
        async def whole() -> None:
            app = App()
            async with asyncio.timeout(2 * SECONDS), listening(app):
                await scenario(app)

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(whole())

    return run


def test_a_body_is_poured_whole_and_the_connection_goes_on(
    play: Callable[[Scenario], None],
) -> None:
    """In any portions, the head and the next request among them; small ones are received."""

    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            body = BODY * 3
            for portion in (len(body), 16_384, 999_983):
                parts = [body[at : at + portion] for at in range(0, len(body), portion)]
                await peer.say(head(len(body)) + parts[0], *parts[1:])
                assert await peer.hear() == (200, digest(body))
            await peer.say(head(len(body)), body + head(3) + b"abc" + head(len(BODY)) + BODY)
            assert [await peer.hear() for _ in range(3)] == [
                (200, digest(body)), (200, digest(b"abc")), (200, digest(BODY)),
            ]  # fmt: skip
        assert app.poured[:5] == [True, True, True, True, False]

    play(scenario)


def test_a_body_that_comes_slowly_is_poured(play: Callable[[Scenario], None]) -> None:
    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            await peer.say(head(len(BODY)))
            sent = 0
            for size in (1, 5_000, 300_000, 2, LARGE, len(BODY)):
                await peer.say(BODY[sent : sent + size])
                sent += size
                await asyncio.sleep(0.1)
            assert await peer.hear() == (200, digest(BODY))
        assert app.poured == [True]

    play(scenario)


@pytest.mark.parametrize("crawling", [False, True])
def test_a_body_that_stops_or_crawls_is_given_up(
    play: Callable[[Scenario], None], *, crawling: bool
) -> None:
    """What comes late is dropped, and the next request is one."""

    async def crawl(app: App, send: Callable[[bytes], Awaitable[None]]) -> int:
        sent = 0
        while app.ends.empty():
            await send(BODY[sent : sent + 1])
            sent += 1
            await asyncio.sleep(0.01)
        return sent

    async def scenario(app: App) -> None:
        app.patience = 0.3
        async with talking(app) as peer:
            sent = 0 if crawling else LARGE + 1
            await peer.say(head(len(BODY)) + BODY[:sent])
            if crawling:
                sent = await crawl(app, peer.say)
            assert (await peer.hear())[0] == 408
            assert "the body stopped after" in await app.ends.get()
            app.patience = SECONDS
            await peer.say(BODY[sent:] + head(3) + b"abc")
            assert await peer.hear() == (200, digest(b"abc"))

    play(scenario)


def test_a_full_disk_is_told_and_the_rest_is_dropped(play: Callable[[Scenario], None]) -> None:
    async def scenario(app: App) -> None:
        app.room = LARGE
        async with talking(app) as peer:
            await peer.say(head(len(BODY)) + BODY)
            assert (await peer.hear())[0] == 507
            assert "No space left" in await app.ends.get()
            app.room = 2**40
            await peer.say(head(len(BODY)) + BODY)
            assert await peer.hear() == (200, digest(BODY))

    play(scenario)


@pytest.mark.parametrize("sent", [0, LARGE // 2, 2 * LARGE])
def test_a_client_that_goes_away_is_noticed(play: Callable[[Scenario], None], sent: int) -> None:
    async def scenario(app: App) -> None:
        for rudely in (False, True):
            async with talking(app) as peer:
                await peer.say(head(len(BODY)) + BODY[:sent])
                await app.begun.get()
                if rudely:
                    peer.writer.transport.abort()
            assert "the client went away" in await app.ends.get()

    play(scenario)


def test_a_request_that_is_given_up_waits_for_its_threads(
    play: Callable[[Scenario], None],
) -> None:
    """Its file is closed afterwards: nobody may write to it then."""

    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            await peer.say(head(len(BODY)) + BODY[:LARGE])
            (await app.begun.get()).cancel()
            assert "given up after" in await app.ends.get()
            alive = [thread.name for thread in threading.enumerate()]
            assert "epochal-hash" not in alive

    play(scenario)


def test_more_bodies_than_there_are_threads_are_received(
    play: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_seats", threading.BoundedSemaphore(1))

    async def scenario(app: App) -> None:
        async with talking(app) as slow, talking(app) as other:
            await slow.say(head(len(BODY)) + BODY[:LARGE])
            await app.begun.get()
            await other.say(head(len(BODY)) + BODY)
            assert await other.hear() == (200, digest(BODY))
            await slow.say(BODY[LARGE:])
            assert await slow.hear() == (200, digest(BODY))
        assert sorted(app.poured) == [False, True]

    play(scenario)


def test_what_is_left_of_a_body_that_the_parser_has_is_received(
    play: Callable[[Scenario], None],
) -> None:
    """Too little is missing to be worth a thread."""

    async def scenario(app: App) -> None:
        body = os.urandom(LARGE)
        async with talking(app) as peer:
            await peer.say(head(len(body)) + body)
            assert await peer.hear() == (200, digest(body))

    play(scenario)
