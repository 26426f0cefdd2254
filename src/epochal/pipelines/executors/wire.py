"""Messages between the driver and a worker process: a length, then msgpack."""

from __future__ import annotations

import socket
import struct
from typing import Any

import msgspec

_HEAD = struct.Struct("<Q")


class Hello(msgspec.Struct):
    """What a worker needs before its first task."""

    path: list[str]


class Begun(msgspec.Struct, tag=True):
    """The worker has found the step and begins: from now on its time counts."""


def send(link: socket.socket, message: Any) -> None:
    """Send a message.

    Raises:
        OSError: the other side is gone.
    """
    data = msgspec.msgpack.encode(message)
    link.sendall(_HEAD.pack(len(data)) + data)


def receive(link: socket.socket) -> bytes | None:
    """The bytes of the next message; None when the other side is gone.

    Raises:
        TimeoutError: the link has a time limit, and it is over.
    """
    head = _exactly(link, _HEAD.size)
    if head is None:
        return None
    return _exactly(link, _HEAD.unpack(head)[0])


def _exactly(link: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        try:
            piece = link.recv(min(1 << 20, size - len(data)))
        except ConnectionError:
            return None
        if not piece:
            return None
        data += piece
    return bytes(data)
