"""A connection's way out, on which a head and a short body leave as one packet.

Two writes are two packets: each costs a system call and wakes the other side, which is a good part
of a short request. What is written here leaves in its order, before anything else happens in the
event loop; nothing waits for more to come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

SHORT: Final = 16 * 1024
"""Bytes; what is longer is not copied to be joined."""


class Joining(asyncio.Transport):
    """Joins short writes of one turn of the event loop.

    Args:
        transport: what sends.
        stays: asked by `close`; while it says so, the connection does not end.
    """

    def __init__(self, transport: asyncio.Transport, stays: Callable[[], bool]) -> None:
        super().__init__()
        self._transport = transport
        self._stays = stays
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes, in this turn of the event loop or right after it."""
        if len(data) > SHORT:
            self._send()
            self._transport.write(data)
            return
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(bytes(data))

    def flush(self) -> bool:
        """Send what is held; whether all that was written has left."""
        self._send()
        return self._transport.get_write_buffer_size() == 0

    def close(self) -> None:
        """Send what there is, then end the connection."""
        self._send()
        if not self._stays():
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self._held.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether the connection ends or has ended."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        self._transport.resume_reading()

    def _send(self) -> None:
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            if not self._transport.is_closing():
                self._transport.write(data)
