"""Which OS user is at the other end of a loopback connection.

Loopback is open to every account on the machine. Linux lists the owner of each socket in
/proc/net/tcp; the row whose local address is the peer's and whose remote address is ours belongs
to the peer's own socket. Elsewhere, and for peers that are not on this machine, the answer is None
and the caller must ask for a token.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import Final, TypeAlias

Address: TypeAlias = tuple[str, int]

TABLES: Final = ("/proc/net/tcp", "/proc/net/tcp6")
STATE_KEY: Final = "epochal_peer"
_MAPPED: Final = bytes(10) + b"\xff\xff"


class Peer:
    """The other end of one connection; its user is looked up once.

    Args:
        client: the peer's address and port.
        server: our address and port on this connection.
    """

    def __init__(self, client: Address | None, server: Address | None) -> None:
        self._ends = (client, server) if client and server else None
        self._asked = False
        self._uid: int | None = None

    async def uid(self) -> int | None:
        """The user id of the process at the other end; None when it cannot be known."""
        if not self._asked and self._ends is not None:
            self._uid = await asyncio.to_thread(find_uid, *self._ends)
        self._asked = True
        return self._uid


def can_tell() -> bool:
    """Whether this system tells the user of a loopback peer at all."""
    return hasattr(os, "getuid") and os.access(TABLES[0], os.R_OK)


def find_uid(client: Address, server: Address, tables: tuple[str, ...] = TABLES) -> int | None:
    """Search the kernel's tables for the peer's socket.

    Args:
        client: the peer's address and port.
        server: our address and port on this connection.
        tables: files in the format of proc(5), "/proc/net/tcp".

    Returns:
        The user id, or None when there is no such row. A socket that its process has closed
        already has no owner and counts as none.
    """
    wanted = {
        (mine, theirs)
        for mine, theirs in zip(_spellings(client), _spellings(server), strict=False)
    }
    for table in tables:
        try:
            with open(table, encoding="ascii") as rows:
                next(rows, None)
                for row in rows:
                    fields = row.split()
                    if (fields[1], fields[2]) in wanted and fields[9] != "0":
                        return int(fields[7])
        except (OSError, ValueError, IndexError):
            continue
    return None


def _spellings(address: Address) -> list[str]:
    """An address as the tables write it: IPv4 plain and mapped into IPv6, or IPv6."""
    host, port = address
    try:
        if ":" in host:
            return [_hex(socket.inet_pton(socket.AF_INET6, host.split("%")[0]), port)]
        packed = socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return []
    return [_hex(packed, port), _hex(_MAPPED + packed, port)]


def _hex(packed: bytes, port: int) -> str:
    words = (packed[index : index + 4] for index in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"
