from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from epochal.errors import InvalidInput, Unavailable
from epochal.service.workers import Lane, Workers
from epochal.store.owner import Store


def soon() -> float:
    return time.monotonic() + 60


def test_results_and_errors_come_back(store: Store) -> None:
    """A use case gets the store first; what it raises is raised where it was awaited."""

    def add(given: Store, left: int, *, right: int) -> int:
        assert given is store
        return left + right

    def fail(_: Store) -> None:
        raise InvalidInput("no")

    async def scenario() -> None:
        workers = Workers(store)
        for lane in (workers.read, workers.write, workers.upload):
            assert await lane(add, 1, right=2) == 3
            with pytest.raises(InvalidInput, match="no"):
                await lane(fail)
        assert workers.close(soon())

    asyncio.run(scenario())


def test_reads_run_side_by_side_and_writes_one_at_a_time(store: Store) -> None:
    """Two reads meet at a barrier; two writes never overlap."""
    barrier = threading.Barrier(2)
    busy, most = 0, 0

    def meet(_: Any) -> int:
        return barrier.wait(60)

    def alone(_: Any) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        threading.Event().wait(0.01)
        busy -= 1

    async def scenario() -> None:
        workers = Workers(store)
        assert sorted(await asyncio.gather(workers.read(meet), workers.read(meet))) == [0, 1]
        await asyncio.gather(*[workers.write(alone) for _ in range(5)])
        assert most == 1
        assert workers.close(soon())

    asyncio.run(scenario())


def test_a_full_queue_refuses_at_once() -> None:
    """Waiting for ever helps nobody: 503, and the caller may try again."""
    begun, release = threading.Event(), threading.Event()

    def hold() -> bool:
        begun.set()
        return release.wait(60)

    async def scenario() -> None:
        lane = Lane("test", threads=1, size=2)
        running = asyncio.ensure_future(lane.run(hold))
        assert await asyncio.to_thread(begun.wait, 60)
        waiting = [asyncio.ensure_future(lane.run(lambda: 1)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await lane.run(lambda: 1)
        release.set()
        assert await running is True
        assert await asyncio.gather(*waiting) == [1, 1]
        lane.close()
        with pytest.raises(Unavailable):
            await lane.run(lambda: 1)
        assert lane.join(soon())

    asyncio.run(scenario())


def test_a_caller_that_gives_up_disturbs_nobody() -> None:
    """A cancelled request's job still runs or is skipped; the thread goes on."""

    async def scenario() -> None:
        lane = Lane("test", threads=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await lane.run(lambda: threading.Event().wait(0.2))
        assert await lane.run(lambda: "next") == "next"
        lane.close()
        assert lane.join(soon())

    asyncio.run(scenario())


def test_a_thread_that_rests_holds_nothing(wait_for: Callable[..., Any]) -> None:
    """Neither what its last job was given nor what it returned."""

    class Much:
        pass

    async def scenario() -> list[weakref.ref[Any]]:
        given = Much()
        result = await lane.run(partial(lambda _: Much(), given))
        return [weakref.ref(given), weakref.ref(result)]

    lane = Lane("test", threads=1)
    held = asyncio.run(scenario())
    wait_for(lambda: [one() for one in held] == [None, None])
    lane.close()
    assert lane.join(soon())


def test_a_stuck_job_does_not_keep_the_process(store: Store) -> None:
    """Closing gives up at its deadline, and the threads are daemons."""
    begun, release = threading.Event(), threading.Event()

    def hold(_: Store) -> bool:
        begun.set()
        return release.wait(60)

    async def scenario() -> None:
        workers = Workers(store)
        stuck = asyncio.ensure_future(workers.read(hold))
        assert await asyncio.to_thread(begun.wait, 60)
        asked = time.monotonic()
        assert not await asyncio.to_thread(workers.close, asked + 0.2)
        assert time.monotonic() - asked < 30
        release.set()
        await stuck
        assert workers.close(soon())

    asyncio.run(scenario())
