"""The bridge from the event loop to the synchronous store: a few threads with bounded queues.

Reads run side by side, changes to the database one at a time, uploads a few at a time. When a
queue is full the caller gets `Unavailable` at once instead of waiting for ever. The threads are
daemons: nothing here can keep a process from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar

from epochal.errors import Unavailable
from epochal.service.recording import Recorder
from epochal.store.contents import Content as StoredContent
from epochal.store.owner import Store

P = ParamSpec("P")
T = TypeVar("T")
StoreHandle: TypeAlias = Store
"""What every use case takes first. Protocols pass it on and never look inside."""
Content: TypeAlias = StoredContent
"""Where bytes lie that a use case found; protocols send them."""

UseCase: TypeAlias = Callable[Concatenate[Store, P], T]
Job: TypeAlias = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]

READERS: Final = 4
UPLOADERS: Final = 2
RECORDERS: Final = 16
QUEUE: Final = 512


class _Seat:
    """Where one thread of a lane waits for its next job."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self._bell = threading.Lock()
        self._bell.acquire()

    def ring(self, job: Job | None) -> None:
        """Wake the thread with a job, or with None at the end."""
        self.job = job
        self._bell.release()

    def wait(self) -> Job | None:
        """Sleep until it rings."""
        self._bell.acquire()
        job, self.job = self.job, None
        return job


class Lane:
    """Some daemon threads that take jobs from one bounded queue.

    A job wakes one thread, the one that rested last: a queue of the standard library wakes another
    one, too, to see whether there is more, and the two of them then wait for each other.

    Args:
        name: for thread names and messages.
        threads: how many jobs run at once.
        size: how many jobs may wait.
    """

    def __init__(self, name: str, threads: int, size: int = QUEUE) -> None:
        self._name = name
        self._jobs: deque[Job] = deque()
        self._resting: list[_Seat] = []
        self._guard = threading.Lock()
        self._size = size
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"epochal-{name}-{index}", daemon=True)
            for index in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, call: Callable[[], T]) -> T:
        """Wait for the result of ``call()`` in one of the threads.

        Raises:
            Unavailable: the queue is full, or the lane is closed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        job = (call, loop, future)
        with self._guard:
            if self._closed or len(self._jobs) >= self._size:
                raise Unavailable("the server is busy or ending; try again in a moment")
            seat = self._resting.pop() if self._resting else None
            if seat is None:
                self._jobs.append(job)
        if seat is not None:
            seat.ring(job)
        return await future

    def close(self) -> None:
        """Take no more jobs; those that wait are still done."""
        with self._guard:
            self._closed = True
            resting, self._resting = self._resting, []
        for seat in resting:
            seat.ring(None)

    def join(self, deadline: float) -> bool:
        """Whether all threads ended before ``deadline``, in seconds of `time.monotonic`."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _next(self, seat: _Seat) -> Job | None:
        """A job that waits, or the next one that comes; None at the end."""
        with self._guard:
            if self._jobs:
                return self._jobs.popleft()
            if self._closed:
                return None
            self._resting.append(seat)
        return seat.wait()

    def _work(self) -> None:
        seat = _Seat()
        while (job := self._next(seat)) is not None:
            _do(*job)
            del job  # it may hold much, and the thread may rest for days


def _do(
    call: Callable[[], Any], loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]
) -> None:
    if future.cancelled():
        return
    try:
        settle = partial(_resolve, future, call())
    except BaseException as error:  # noqa: BLE001 - it is raised again where the result is awaited
        settle = partial(_fail, future, error)
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def _resolve(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


class Workers:
    """Runs use cases on one store.

    Args:
        store: the open store; given to every use case as its first argument.
        readers: how many reads run at once.

    Attributes:
        recorder: writes the journals of foreign clients.
    """

    def __init__(self, store: Store, *, readers: int = READERS) -> None:
        self.store = store
        self.recorder = Recorder(store)
        self._read = Lane("read", readers)
        self._write = Lane("write", 1)
        self._upload = Lane("upload", UPLOADERS)
        self._record = Lane("record", RECORDERS)

    async def read(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that changes nothing."""
        return await self._read.run(partial(use_case, self.store, *args, **kwargs))

    async def look(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that changes nothing and sees all that foreign clients were promised."""
        return await self._read.run(partial(self._look, use_case, *args, **kwargs))

    def _look(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # A disk without room keeps nobody from reading what is there.
        with contextlib.suppress(Unavailable):
            self.recorder.settle()
        return use_case(self.store, *args, **kwargs)

    async def write(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that changes the database."""
        return await self._write.run(partial(use_case, self.store, *args, **kwargs))

    async def upload(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that takes in bytes and syncs them."""
        return await self._upload.run(partial(use_case, self.store, *args, **kwargs))

    async def record(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that records on behalf of a foreign client and waits for the disk."""
        return await self._record.run(partial(use_case, self.store, *args, **kwargs))

    def close(self, deadline: float) -> bool:
        """End the threads; whether they ended before ``deadline`` (of `time.monotonic`)."""
        lanes = (self._read, self._write, self._upload, self._record)
        for lane in lanes:
            lane.close()
        ended = [lane.join(deadline) for lane in lanes]
        self.recorder.close()
        return all(ended)
