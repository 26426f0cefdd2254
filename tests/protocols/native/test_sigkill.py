"""P4, P5, P7: what a server acknowledged survives its SIGKILL, exactly once.

A sender as simple as the protocol allows: ask for the offset, send the next stretch, and after any
failure ask again. The server is killed at random instants: right after an acknowledgement, in the
middle of a body, in the middle of the ingest.
"""

from __future__ import annotations

import http.client
import random
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.server.journals import Script, points_of
from tests.server.processes import Running, start

KILLS = 32
ROWS = 60_000


class Sender:
    """Sends one journal; remembers what it was promised."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.whole = script.bytes()
        self.ends = script.ends()
        self.acknowledged = 0

    def step(self, port: int, draw: random.Random) -> None:
        """Send one stretch.

        Raises:
            OSError, HTTPException: the server went away.
        """
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            held = self._ask(connection, "GET", self.script.address, b"")
            assert held >= self.acknowledged, "acknowledged bytes are gone"
            assert held in self.ends or held == 0, f"{held} is no end of a frame"
            reach = held + draw.choice([100, 5_000, 100_000, 1_500_000])
            stop = max(end for end in self.ends if end <= max(reach, self.ends[0]))
            if stop <= held:
                stop = next((end for end in self.ends if end > held), held)
            address = f"{self.script.address}?offset={held}"
            answer = self._ask(connection, "PUT", address, self.whole[held:stop])
            assert answer == stop
            self.acknowledged = answer
        finally:
            connection.close()

    @staticmethod
    def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> int:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, (answer.status, text)
        return int(text.split(b":")[1].rstrip(b"}"))

    @property
    def done(self) -> bool:
        """Whether every byte is acknowledged."""
        return self.acknowledged == len(self.whole)


def kill_soon(running: Running, seconds: float) -> threading.Thread:
    """Kill the server after a moment, from another thread."""

    def strike() -> None:
        time.sleep(seconds)
        running.process.kill()

    thread = threading.Thread(target=strike)
    thread.start()
    return thread


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_acknowledged_is_lost_over_many_kills(tmp_path: Path, wait_for: Any) -> None:
    """Over 32 SIGKILLs every acknowledged byte is there, and every point is there exactly once."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    home = tmp_path / "home"
    senders: list[Sender] = []
    kills = 0
    while kills < KILLS or not all(sender.done for sender in senders):
        running = start(home)
        strike = None
        try:
            while True:
                if kills < KILLS and strike is None and draw.random() < 0.6:
                    strike = kill_soon(running, draw.choice([0.0, 0.001, 0.005, 0.02, 0.1, 0.4]))
                open_ones = [sender for sender in senders if not sender.done]
                if not open_ones:
                    if kills >= KILLS:
                        break
                    script = Script(f"r{len(senders)}")
                    script.rows(*[float(index) for index in range(ROWS)]).finish()
                    open_ones = [Sender(script)]
                    senders += open_ones
                draw.choice(open_ones).step(running.port, draw)
        except (OSError, http.client.HTTPException):
            assert strike is not None, "the server went away by itself"
        finally:
            if strike is not None:
                strike.join()
                kills += 1
                running.process.wait()
    try:
        for sender in senders:
            uid = sender.script.uid
            wait_for(lambda uid=uid: state_of(running, uid) == "finished", seconds=60)
            assert losses(running, uid) == [float(index) for index in range(ROWS)]
    finally:
        running.process.terminate()
        assert running.process.wait(60) == 0


def state_of(running: Running, uid: str) -> str | None:
    """The run's state, when it is known."""
    status, body = running.ask("GET", f"/api/v1/runs/{uid}")
    if status == 404:
        return None
    assert status == 200, body
    return str(body.split(b'"state":"')[1].split(b'"')[0].decode())


def losses(running: Running, uid: str) -> list[float]:
    """Every point, in arrival order."""
    query = f'{{"run": "{uid}", "keys": ["loss"], "view": "all"}}'.encode()
    status, body = running.ask(
        "POST", "/api/v1/series/points", query, {"Content-Type": "application/json"}
    )
    assert status == 200, body
    values: list[float] = points_of(body)["value"]
    return values


def test_a_body_cut_short_leaves_nothing(tmp_path: Path) -> None:
    """F11: a Content-Length that promises too much: no byte is taken, the server goes on."""
    script = Script().rows(1.0, 2.0)
    running = start(tmp_path / "home")
    try:
        head = (
            f"PUT {script.address}?offset=0 HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {len(script.bytes()) + 100}\r\n\r\n"
        ).encode()
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
                connection.sendall(head + script.bytes())
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(1000) == b""
        assert running.json("GET", script.address) == {"offset": 0}
        # One that promises less: the rest is no request, and the stretch ends inside a frame.
        short = head.replace(str(len(script.bytes()) + 100).encode(), b"100")
        answer = running.raw(short + script.bytes())
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert running.json("GET", script.address) == {"offset": 0}
        assert b"ERROR" not in running.log.read_bytes()
    finally:
        running.process.terminate()
        assert running.process.wait(60) == 0
