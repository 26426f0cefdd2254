"""Large parts of files that threads send into real sockets, with both event loops."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from epochal.server import sending
from epochal.server.asgi import Receive, Scope, Send
from epochal.server.sending import LARGE
from epochal.service.spans import SEND, read_span
from tests.server.connections import SECONDS, listening, talking

Scenario = Callable[["App"], Awaitable[None]]
CONTENT = os.urandom(12 * LARGE + 5)
GET = b"GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n"


class App:
    """Answers with a part of a file, and notes how far the thread came with it."""

    def __init__(self, path: Path) -> None:
        self.port = 0
        self.rest = 5
        self.path = path
        self.start = 3
        self.end = len(CONTENT) - 2
        self.reached: asyncio.Queue[int] = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = [(b"content-length", b"%d" % (self.end - self.start))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        reached = await scope["extensions"][SEND](self.path, self.start, self.end)
        self.reached.put_nowait(reached)
        async for piece in read_span(self.path, reached, self.end):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Scenario], None]:
    """Runs a scenario with an application that listens."""
    path = tmp_path / "content"
    path.write_bytes(CONTENT)

    def run(scenario: Scenario) -> None:
        async def whole() -> None:
            app = App(path)
            async with asyncio.timeout(2 * SECONDS), listening(app):
                await scenario(app)

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(whole())

    return run


def test_a_part_is_sent_by_a_thread_and_the_connection_goes_on(
    play: Callable[[Scenario], None],
) -> None:
    """Several on one connection, also when the next request does not wait for the answer."""

    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            for said in (GET, GET, GET + GET):
                await peer.say(said)
                for _ in range(said.count(b"GET")):
                    assert await peer.hear() == (200, CONTENT[app.start : app.end])
        assert [await app.reached.get() for _ in range(4)] == [app.end] * 4

    play(scenario)


def test_a_small_part_goes_as_ever(play: Callable[[Scenario], None]) -> None:
    """It is no work for a thread."""

    async def scenario(app: App) -> None:
        app.end = app.start + LARGE - 1
        async with talking(app) as peer:
            await peer.say(GET)
            assert await peer.hear() == (200, CONTENT[app.start : app.end])
        assert await app.reached.get() == app.start

    play(scenario)


def test_who_takes_nothing_for_a_while_gets_the_rest_without_a_thread(
    play: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost where the two ways meet."""
    monkeypatch.setattr(sending, "REST_SECONDS", 0.05)

    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            await peer.say(GET)
            assert app.start < await app.reached.get() < app.end
            assert await peer.hear() == (200, CONTENT[app.start : app.end])

    play(scenario)


def test_who_goes_away_ends_the_thread(play: Callable[[Scenario], None]) -> None:
    """Also while it waits for room."""

    async def scenario(app: App) -> None:
        for _ in range(2 * sending.MOST_SENT):  # seats are given back, too
            async with talking(app) as peer:
                await peer.say(GET)
                await peer.reader.readexactly(1)
                peer.writer.transport.abort()
            assert await app.reached.get() < app.end

    play(scenario)


def test_when_all_threads_are_busy_it_goes_as_ever(
    play: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a seat."""
    monkeypatch.setattr(sending, "_seats", threading.BoundedSemaphore(1))
    assert sending._seats.acquire(blocking=False)

    async def scenario(app: App) -> None:
        async with talking(app) as peer:
            await peer.say(GET)
            assert await peer.hear() == (200, CONTENT[app.start : app.end])
        assert await app.reached.get() == app.start

    play(scenario)


def test_a_file_that_is_too_short_ends_the_connection(play: Callable[[Scenario], None]) -> None:
    """The client sees that something is missing."""

    async def scenario(app: App) -> None:
        app.path.write_bytes(CONTENT[: 2 * LARGE])
        async with talking(app) as peer:
            await peer.say(GET)
            with pytest.raises(asyncio.IncompleteReadError):
                await peer.hear()
        assert await app.reached.get() == 2 * LARGE

    play(scenario)
