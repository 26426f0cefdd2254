"""Bodies of uploads: some of it is hashed and written while the next comes, and copied nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeAlias

from epochal.service.deposits import Deposit

POUR: Final = "epochal.pour"
"""The name under which a request offers to pour its body, among the extensions of ASGI."""
Pour: TypeAlias = Callable[[Deposit], Awaitable[bool]]
"""Takes a whole body in by a thread; False when it has to be received piece by piece."""

PIECE: Final = 1024 * 1024
MOST_CHUNKS: Final = 256
"""Bytes one by one take far more memory than bytes together."""


async def receive(chunks: AsyncIterator[bytes], deposit: Deposit) -> None:
    """Take the whole body in.

    Raises:
        OSError: the disk does not take it.
        RequestTimeout: the body stopped.
    """
    taking: set[asyncio.Task[None]] = set()
    waiting: list[bytes] = []
    size = 0
    try:
        async for chunk in chunks:
            waiting.append(chunk)
            size += len(chunk)
            if size >= PIECE or len(waiting) >= MOST_CHUNKS:
                await _end(taking)
                taking = _take(deposit, waiting, size)
                waiting, size = [], 0
        await _end(taking)
        taking = _take(deposit, waiting, size)
        await _end(taking)
    finally:
        if taking:  # each of them, before the file is closed
            await asyncio.wait(taking)


def _take(deposit: Deposit, pieces: list[bytes], size: int) -> set[asyncio.Task[None]]:
    """Begin to hash and to write pieces, side by side when they are large."""
    works = [deposit.hash, deposit.keep] if size >= PIECE else [deposit.write]
    return {asyncio.create_task(asyncio.to_thread(work, *pieces)) for work in works}


async def _end(taking: set[asyncio.Task[None]]) -> None:
    """Wait until all is taken; what failed is raised only then."""
    if taking:
        await asyncio.wait(taking)
    failed = [error for one in taking if (error := one.exception()) is not None]
    if failed:
        raise failed[0]
