from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from epochal.server.peer import Peer, can_tell, find_uid
from tests.server.processes import serving

linux = pytest.mark.skipif(not can_tell(), reason="only Linux tells whose socket a peer is")
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid ...\n"
CLIENT = """
import encodings.idna, os, socket, sys
if len(sys.argv) > 3:
    os.setuid(int(sys.argv[3]))
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sys.stdin.read()
"""


@linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_own_user_is_found(host: str) -> None:
    """Both address families, from the accepting side."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.create_server((host, 0), family=family)
    client = socket.create_connection(server.getsockname()[:2])
    accepted, address = server.accept()
    try:
        ends = address[:2], accepted.getsockname()[:2]
        assert find_uid(*ends) == os.getuid()
        assert asyncio.run(Peer(*ends).uid()) == os.getuid()
        client.close()
        assert find_uid(*ends) is None
    finally:
        for one in (client, accepted, server):
            one.close()


@linux
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_told_apart() -> None:
    """WEB-28 with a real process of another user."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        port = server.getsockname()[1]
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, "127.0.0.1", str(port), "65534"], stdin=subprocess.PIPE
        )
        try:
            accepted, address = server.accept()
            with accepted:
                assert find_uid(address, accepted.getsockname()) == 65534
        finally:
            client.communicate(b"")


ASK = """
import encodings.idna, http.client, os, sys
os.setuid(65534)
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for path in ("/healthz", "/", "/api/v1/projects"):
    connection.request("GET", path, headers={"Authorization": "Bearer x"})
    answer = connection.getresponse()
    answer.read()
    print(answer.status)
"""


@linux
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_server_refuses_the_processes_of_others(tmp_path: Path) -> None:
    """WEB-28 from end to end: 403 for data and page, whatever key comes along."""
    with serving(tmp_path / "home") as running:
        ended = subprocess.run(
            [sys.executable, "-c", ASK, str(running.port)],
            capture_output=True,
            text=True,
            check=True,
        )
    assert ended.stdout.split() == ["200", "403", "403"]


def table(tmp_path: Path, *rows: str) -> tuple[str, ...]:
    path = tmp_path / "tcp"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return (str(path),)


ROW = "0: 0100007F:C350 0100007F:1D85 01 00000000:00000000 00:00000000 00000000 {uid} 0 {inode} 1"


@pytest.mark.skipif(
    sys.byteorder != "little", reason="the sample table is of a little-endian machine"
)
def test_rows_are_matched_by_both_ends(tmp_path: Path) -> None:
    """The row of the peer's socket, not of ours; mapped addresses count; ownerless sockets do
    not.
    """
    ends = ("127.0.0.1", 50_000), ("127.0.0.1", 7557)
    ours = "1: 0100007F:1D85 0100007F:C350 01 0:0 0:0 0 7 0 99 1"
    assert find_uid(*ends, table(tmp_path, ours, ROW.format(uid=1000, inode=5))) == 1000
    assert find_uid(*ends, table(tmp_path, ours)) is None
    # A socket that was closed shows user 0 and no inode: it must not pass for root.
    assert find_uid(*ends, table(tmp_path, ROW.format(uid=0, inode=0))) is None
    mapped = ROW.replace("0100007F", "0000000000000000FFFF00000100007F")
    assert find_uid(*ends, table(tmp_path, mapped.format(uid=1000, inode=5))) == 1000


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    """No table, rubbish in it, and addresses that are none: None, never an exception."""
    ends = ("127.0.0.1", 50_000), ("127.0.0.1", 7557)
    assert find_uid(*ends, (str(tmp_path / "none"),)) is None
    assert find_uid(*ends, table(tmp_path, "rubbish", ROW.format(uid="x", inode=5))) is None
    assert find_uid(("testclient", 1), ("x", 2)) is None
    assert asyncio.run(Peer(None, None).uid()) is None
