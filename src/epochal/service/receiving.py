"""Bodies of uploads: some of it is hashed and written while the next comes, and copied nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from epochal.service.deposits import Deposit

PIECE: Final = 1024 * 1024
MOST_CHUNKS: Final = 256
"""Bytes one by one take far more memory than bytes together."""


async def receive(chunks: AsyncIterator[bytes], deposit: Deposit) -> None:
    """Take the whole body in.

    Raises:
        OSError: the disk does not take it.
        RequestTimeout: the body stopped.
    """
    writing: asyncio.Task[None] | None = None
    waiting: list[bytes] = []
    size = 0
    try:
        async for chunk in chunks:
            waiting.append(chunk)
            size += len(chunk)
            if size >= PIECE or len(waiting) >= MOST_CHUNKS:
                if writing is not None:
                    await writing
                writing = asyncio.create_task(asyncio.to_thread(deposit.write, *waiting))
                waiting, size = [], 0
        if writing is not None:
            await writing
            writing = None
        await asyncio.to_thread(deposit.write, *waiting)
    finally:
        if writing is not None:  # before the file is closed
            await asyncio.wait([writing])
