"""Bodies of uploads: one piece is hashed and written while the next one comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from epochal.service.deposits import Deposit

PIECE: Final = 2 * 1024 * 1024


async def receive(chunks: AsyncIterator[bytes], deposit: Deposit) -> None:
    """Take the whole body in.

    Raises:
        OSError: the disk does not take it.
        RequestTimeout: the body stopped.
    """
    writing: asyncio.Task[None] | None = None
    waiting = bytearray()
    try:
        async for chunk in chunks:
            waiting += chunk
            if len(waiting) >= PIECE:
                if writing is not None:
                    await writing
                writing = asyncio.create_task(asyncio.to_thread(deposit.write, bytes(waiting)))
                waiting.clear()
        if writing is not None:
            await writing
            writing = None
        await asyncio.to_thread(deposit.write, bytes(waiting))
    finally:
        if writing is not None:  # before the file is closed
            await asyncio.wait([writing])
