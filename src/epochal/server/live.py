"""Live events: who listens, and what changed since they were last told.

A listener gets at most four messages a second. Changes of one run that wait are merged, so a slow
listener costs one entry per run and never the server's memory; past a bound its waiting changes
are dropped and it is told to ask for everything again. Everything here belongs to one event loop;
other threads hand changes in with `Feed.publish_from_thread`. After a key or session ended,
`Feed.recheck` ends the streams of those who are no longer let in; one that ended by itself is
noticed with the next heartbeat.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final, TypeAlias

import msgspec

from epochal.domain.view import RunChange
from epochal.errors import Unavailable

MIN_INTERVAL: Final = 0.25
HEARTBEAT: Final = 15.0
MAX_WAITING: Final = 2_000

Welcome: TypeAlias = Callable[[], Awaitable[bool]]
"""Whether who opened a stream may still hear."""

_RESYNC: Final = b"event: resync\ndata: {}\n\n"
_COMMENT: Final = b": still here\n\n"


class Wanted(msgspec.Struct, frozen=True):
    """What a listener wants to hear of; an empty field does not restrict."""

    entity: str = ""
    project: str = ""
    run: str = ""

    def covers(self, change: RunChange) -> bool:
        """Whether the change is one of those."""
        if self.run and change.uid != self.run:
            return False
        return not self.project or (
            change.project == self.project and change.entity == self.entity
        )


class Listener:
    """One open stream: the changes that wait for it."""

    def __init__(self, wanted: Wanted, welcome: Welcome) -> None:
        self.wanted = wanted
        self.welcome = welcome
        self._end = asyncio.Event()
        self._waiting: dict[str, RunChange] = {}
        self._lost = False
        self._news = asyncio.Event()

    def offer(self, changes: Iterable[RunChange]) -> None:
        """Keep those of the changes that are wanted until the stream takes them."""
        for change in changes:
            if self.wanted.covers(change):
                before = self._waiting.get(change.uid)
                self._waiting[change.uid] = merge(before, change) if before else change
        if len(self._waiting) > MAX_WAITING:
            self._waiting.clear()
            self._lost = True
        if self._waiting or self._lost:
            self._news.set()

    def closed(self) -> bool:
        """Whether the stream is to end."""
        return self._end.is_set()

    def close(self) -> None:
        """End the stream."""
        self._end.set()
        self._news.set()

    async def stream(self, revision: int) -> AsyncIterator[bytes]:
        """The text of the event stream, until `close` is called or the reader goes away.

        Args:
            revision: what ``hello`` says.
        """
        yield b'event: hello\ndata: {"rev": %d}\n\n' % revision
        loop = asyncio.get_running_loop()
        asked = loop.time()
        while not self.closed():
            if loop.time() - asked >= HEARTBEAT:
                asked = loop.time()
                if not await self.welcome():
                    return
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await self._news.wait()
            except TimeoutError:
                yield _COMMENT
                continue
            if self.closed():
                return
            yield self._take()
            await self._pause()

    async def _pause(self) -> None:
        """Let the least interval pass, or less when the stream ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MIN_INTERVAL):
                await self._end.wait()

    def _take(self) -> bytes:
        waiting, self._waiting = self._waiting, {}
        lost, self._lost = self._lost, False
        self._news.clear()
        text = _RESYNC if lost else b""
        if waiting:
            body = msgspec.json.encode({"runs": list(waiting.values())})
            text += b"event: changes\ndata: " + body + b"\n\n"
        return text


class Feed:
    """All listeners of a server.

    Args:
        most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._listeners: set[Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self.revision = 0

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say which event loop the listeners live on."""
        self._loop = loop

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._listeners)

    def listen(self, wanted: Wanted, welcome: Welcome) -> AsyncIterator[bytes]:
        """Open a stream.

        Args:
            wanted: what to hear of.
            welcome: asked again by `recheck`.

        Raises:
            Unavailable: there are too many, or the server ends.
        """
        if self._closed or len(self._listeners) >= self._most:
            raise Unavailable(
                f"{len(self._listeners)} live-event streams are open and no more are served; "
                f"close a page"
            )
        return self._serve(Listener(wanted, welcome))

    async def _serve(self, listener: Listener) -> AsyncIterator[bytes]:
        self._listeners.add(listener)
        try:
            async for text in listener.stream(self.revision):
                yield text
        finally:
            self._listeners.discard(listener)

    async def recheck(self) -> None:
        """End the streams of those who may no longer hear."""
        for listener in list(self._listeners):
            if not await listener.welcome():
                listener.close()

    def publish(self, changes: list[RunChange]) -> None:
        """Tell every listener; call it on the event loop."""
        for change in changes:
            self.revision = max(self.revision, change.rev)
        for listener in self._listeners:
            listener.offer(changes)

    def publish_from_thread(self, changes: list[RunChange]) -> None:
        """The same from any other thread."""
        loop = self._loop
        if changes and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.publish, changes)

    def close(self) -> None:
        """End every stream now and open no more."""
        self._closed = True
        for listener in self._listeners:
            listener.close()


def merge(before: RunChange, after: RunChange) -> RunChange:
    """One change that stands for two of the same run."""
    return msgspec.structs.replace(
        after,
        what=[*before.what, *(kind for kind in after.what if kind not in before.what)],
        reset=before.reset or after.reset,
    )
