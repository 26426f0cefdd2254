"""The routes are loaded behind the first answers: once, and whoever needs them waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast

from litestar import Litestar

from epochal.server.late import PAUSE, Late

HEAD = {"type": "http", "path": "/api/v1/info"}


async def _ask(late: Late) -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    await late(dict(HEAD), receive, send)
    return sent


async def _site(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})


def _made(by: Callable[[], object]) -> Callable[[], Litestar]:
    return lambda: cast("Litestar", by())


def test_many_first_requests_load_once_and_all_are_answered() -> None:
    """Who gives up waiting takes it from nobody."""
    gate = threading.Event()
    count: list[int] = []

    def make() -> Any:
        count.append(1)
        assert gate.wait(30)
        return _site

    async def play() -> list[list[Any]]:
        late = Late(_made(make))
        late.load_soon()
        asking = [asyncio.create_task(_ask(late)) for _ in range(8)]
        await asyncio.sleep(0)
        asking[0].cancel()
        gate.set()
        return await asyncio.gather(*asking[1:])

    answers = asyncio.run(play())
    assert [answer[0]["status"] for answer in answers] == [204] * 7
    assert len(count) == 1


def test_it_is_loaded_though_nobody_asks() -> None:
    done = threading.Event()

    def make() -> Any:
        done.set()
        return _site

    async def play() -> None:
        Late(_made(make)).load_soon()
        assert await asyncio.to_thread(done.wait, 30)

    asyncio.run(play())


def test_the_end_begins_nothing_and_leaves_nothing_under_way() -> None:
    """A loop that stops right after it finds no task that never began, and none that waits."""
    gate, begun = threading.Event(), threading.Event()

    def make() -> Any:
        begun.set()
        assert gate.wait(30)
        return _site

    async def play() -> tuple[bool, set[str]]:
        early = Late(_made(make))
        early.load_soon()
        await early.end(30)
        await asyncio.sleep(2 * PAUSE)
        untouched = not begun.is_set()
        late = Late(_made(make))
        late.load_soon()
        assert await asyncio.to_thread(begun.wait, 30)
        gate.set()
        await late.end(30)
        names = {str(task.get_coro()) for task in asyncio.all_tasks()}
        return untouched, {name for name in names if "_load" in name}

    assert asyncio.run(play()) == (True, set())


def test_what_cannot_be_loaded_serves_nobody_and_tells_the_server() -> None:
    def make() -> Any:
        raise RuntimeError("these routes declare no permission")

    async def play() -> tuple[list[Any], Late, list[int]]:
        late = Late(_made(make))
        told: list[int] = []
        late.failed = lambda: told.append(1)
        first = await _ask(late)
        await _ask(late)
        return first, late, told

    sent, late, told = asyncio.run(play())
    assert sent[0]["status"] == 503
    assert isinstance(late.fault, RuntimeError)
    assert told == [1]
