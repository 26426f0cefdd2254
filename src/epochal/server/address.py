"""``server.json``: where the server of a home can be reached, and whether it still lives.

The file is readable by its owner only, appears at once with its whole content, and goes when the
server ends. What a killed server left behind is recognized by asking.
"""

from __future__ import annotations

import contextlib
import http.client
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from epochal.journal.home import SERVER, ServerAddress, read_server_address
from epochal.journal.whole import write_whole

ASK_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 10.0
"""From a server that takes the connection: one that has just started may load its routes first."""


def write_address(home: Path, address: ServerAddress) -> None:
    """Publish the address.

    Raises:
        OSError: the home cannot be written.
    """
    write_whole(home / SERVER, msgspec.json.encode(address), sync=False)


def remove_address(home: Path, pid: int) -> None:
    """Take the address back, unless another server has written its own since."""
    address = read_server_address(home)
    if address is not None and address.pid == pid:
        with contextlib.suppress(OSError):
            (home / SERVER).unlink()


def live_server(home: Path) -> ServerAddress | None:
    """The server of this home that answers now; None when there is none."""
    address = read_server_address(home)
    return address if address is not None and _answers(address) else None


def _answers(address: ServerAddress) -> bool:
    """Whether it is an Epochal server that knows this home's token."""
    try:
        parts = urlsplit(address.url)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=ASK_SECONDS
        )
    except ValueError:
        return False
    with contextlib.closing(connection):
        try:
            connection.connect()
            connection.sock.settimeout(ANSWER_SECONDS)
            connection.request(
                "GET", "/api/v1/info", headers={"Authorization": f"Bearer {address.token}"}
            )
            answer = connection.getresponse()
            known = msgspec.json.decode(answer.read(65_536), type=dict[str, object])
        except (OSError, http.client.HTTPException, msgspec.MsgspecError):
            return False
    return answer.status == 200 and known.get("user") is not None
