"""A server as a process: how it starts, how it refuses, how it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from epochal.api.remote import HttpSource
from epochal.cli.serve import page_link
from epochal.journal.home import SERVER, ServerAddress, read_server_address
from epochal.server.address import live_server, remove_address, write_address
from epochal.server.runner import KEEP_ALIVE_SECONDS
from tests.first_key import first_key
from tests.server.journals import Script
from tests.server.processes import CODE, Stream, serving, start

LOADED = """
import os, signal, sys, threading, time
import epochal.server.site
from epochal.cli.serve import serve
given = eval(sys.argv[1])
def end():
    while not os.path.exists(os.path.join(given["home"], "server.json")):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=end, daemon=True).start()
assert serve(**given) == 0
assert "litestar" in sys.modules
assert not {"alembic", "optuna", "torch", "pandas"} & set(sys.modules)
"""
BROKEN = """
import sys
from epochal.cli.serve import serve
from epochal.server.app import Application

def break_it(self):
    raise RuntimeError("these routes declare no permission: GET /forgotten")

Application._make_site = break_it
serve(**eval(sys.argv[1]))
"""
UI = "import sys; from epochal.cli.serve import ui; sys.exit(ui(**eval(sys.argv[1])))"


def run(code: str, **arguments: Any) -> subprocess.CompletedProcess[str]:
    """A command that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-c", code, repr(arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_server_on_the_home_is_refused(tmp_path: Path) -> None:
    """F36: exit code 6, with the address and the process of the first."""
    home = tmp_path / "home"
    with serving(home) as first:
        second = run(CODE, home=str(home), port=0)
        assert second.returncode == 6
        assert first.address.url in second.stderr
        assert str(first.process.pid) in second.stderr
        assert read_server_address(home) == first.address


def test_what_a_killed_server_left_is_taken_over(tmp_path: Path) -> None:
    """F02: a stale address is recognized by asking; the next server starts at once."""
    home = tmp_path / "home"
    first = start(home)
    first.kill()
    assert read_server_address(home) is not None
    assert live_server(home) is None
    with serving(home) as second:
        assert live_server(home) == second.address


def test_the_address_is_private_and_goes_at_the_end(tmp_path: Path) -> None:
    """AU-27: the token is readable by the owner only, even with an open umask."""
    home = tmp_path / "home"
    before = os.umask(0)
    try:
        running = start(home)
    finally:
        os.umask(before)
    for path in home.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # the server is at work
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode & 0o077 == 0, (path, oct(mode))
    assert len(running.address.token) >= 43
    running.process.terminate()
    assert running.process.wait(60) == 0
    assert not (home / SERVER).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_and_nobody_is_waited_for(tmp_path: Path, number: int) -> None:
    """P6 for the server: live streams end at once, idle connections wait for nobody, code 0."""
    home = tmp_path / "home"
    running = start(home)
    streams = [Stream(running) for _ in range(5)]
    for stream in streams:
        assert stream.event()[0] == "hello"
    idle = socket.create_connection(("127.0.0.1", running.port))
    half = socket.create_connection(("127.0.0.1", running.port))
    half.sendall(b"PUT /api/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
    running.process.send_signal(number)
    assert running.process.wait(KEEP_ALIVE_SECONDS - 5) == 0
    for stream in streams:
        assert stream.event() == ("", None)
        stream.close()
    idle.close()
    half.close()
    assert b"Traceback" not in running.log.read_bytes(), running.log.read_text()
    assert not (home / SERVER).exists()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """One clear sentence and exit code 6; nothing of the home is touched."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = run(CODE, home=str(tmp_path / "home"), port=port)
    assert ended.returncode == 6
    assert f"port {port}" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "home" / SERVER).exists()


def test_the_network_without_auth_is_refused(tmp_path: Path) -> None:
    """WEB-25: exit code 2, and how to do it right."""
    ended = run(CODE, home=str(tmp_path / "home"), host="0.0.0.0", port=0)
    assert ended.returncode == 2
    assert "--auth" in ended.stderr
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file in its place: exit code 2 with the path."""
    (tmp_path / "home").write_text("x")
    ended = run(CODE, home=str(tmp_path / "home"), port=0)
    assert ended.returncode == 2
    assert str(tmp_path / "home") in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_first_start_in_team_mode_shows_an_admin_key_once(tmp_path: Path) -> None:
    """AU-08, AU-09, AU-16: on its own terminal, never again, and no default account."""
    home = tmp_path / "home"
    with serving(home, auth=True) as running:
        key = first_key(running.log)
        assert running.ask("GET", "/api/v1/projects")[0] == 401
        headers = {"Authorization": f"Bearer {key}"}
        assert running.ask("GET", "/api/v1/projects", headers=headers)[0] == 200
    running.log.write_text("")
    with serving(home, auth=True) as again:
        assert again.ask("GET", "/api/v1/projects", headers=headers)[0] == 200
    assert "ep_" not in again.log.read_text()


def test_ui_reuses_the_running_server(tmp_path: Path) -> None:
    """One server for one home: the second `epochal ui` only says where."""
    home = tmp_path / "home"
    with serving(home) as running:
        ended = run(UI, home=str(home), browser=False)
        assert ended.returncode == 0
        assert running.address.url in ended.stdout


def test_ui_takes_another_port_when_its_own_is_taken(tmp_path: Path, wait_for: Any) -> None:
    """A busy port is no reason not to look at one's runs."""
    home = tmp_path / "home"
    with socket.create_server(("127.0.0.1", 0)) as other:
        arguments = {"home": str(home), "port": other.getsockname()[1], "browser": False}
        process = subprocess.Popen(
            [sys.executable, "-c", UI, repr(arguments)], stdout=subprocess.PIPE, text=True
        )
        try:
            address = wait_for(lambda: live_server(home), seconds=30)
            assert not address.url.endswith(f":{arguments['port']}")
        finally:
            process.terminate()
            text, _ = process.communicate(timeout=60)
    assert address.url in text
    assert process.returncode == 0


def test_links_carry_a_code_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel tells who asks, the address is enough; elsewhere the link logs in."""
    address = ServerAddress("http://127.0.0.1:1", 1, "v", 0, "token")
    monkeypatch.setattr("epochal.cli.serve.can_tell", lambda: True)
    assert page_link(address, "/p/x") == "http://127.0.0.1:1/p/x"
    monkeypatch.setattr("epochal.cli.serve.can_tell", lambda: False)
    assert page_link(address).startswith("http://127.0.0.1:1/login?code=")


def test_only_the_writer_of_an_address_takes_it_back(tmp_path: Path) -> None:
    """A server that ends late does not hide its successor."""
    write_address(tmp_path, ServerAddress("http://127.0.0.1:1", 1, "v", 0))
    remove_address(tmp_path, 2)
    assert read_server_address(tmp_path) is not None
    remove_address(tmp_path, 1)
    assert read_server_address(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_answers_with_something_else_is_not_ours(tmp_path: Path) -> None:
    """F15: another program on an old port must not be taken for the server."""
    for url in ("http://127.0.0.1:1", "nonsense", "http://[::1", "http://127.0.0.1:99999"):
        write_address(tmp_path, ServerAddress(url, 1, "v", 0, "t"))
        assert live_server(tmp_path) is None
    with serving(tmp_path / "other", auth=True) as running:
        write_address(tmp_path, ServerAddress(running.address.url, 1, "v", 0, "another token"))
        assert live_server(tmp_path) is None


def test_a_server_that_loads_its_routes_is_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the connection and answers late; a script must not go on without it."""
    monkeypatch.setattr("epochal.server.address.ASK_SECONDS", 0.2)
    monkeypatch.setattr("epochal.api.remote.PROBE_SECONDS", 0.2)
    body = b'{"user": {"name": "me"}}'
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer_late() -> None:
            for _ in range(2):
                connection, _peer = listening.accept()
                with connection:
                    connection.recv(65_536)
                    threading.Event().wait(0.6)
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
                    )

        threading.Thread(target=answer_late, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        write_address(tmp_path, ServerAddress(url, 1, "v", 0, "t"))
        assert live_server(tmp_path) is not None
        assert HttpSource(url, "t").serves(tmp_path)


def test_starting_on_a_home_that_exists_loads_no_migrations(tmp_path: Path) -> None:
    """Nor what searches and pipelines need; the time that a start takes is guarded in bench/."""
    home = tmp_path / "home"
    with serving(home):
        pass
    assert run(LOADED, home=str(home), port=0).returncode == 0


def test_a_server_whose_routes_cannot_be_loaded_ends_and_says_why(tmp_path: Path) -> None:
    """It never serves without them: what nobody may call by mistake is not called meanwhile."""
    done = run(BROKEN, home=str(tmp_path / "home"), port=0, quiet=True)
    assert done.returncode == 1
    assert "the routes cannot be loaded" in done.stderr
    assert "RuntimeError: these routes declare no permission: GET /forgotten" in done.stderr
    assert read_server_address(tmp_path / "home") is None


def test_a_server_answers_before_it_loads_the_web_library() -> None:
    """That library and all routes are half of a start; short requests need neither."""
    code = "import sys, epochal.cli.serve; print({'litestar', 'pydantic'} & set(sys.modules))"
    done = run(code)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")


def test_a_point_survives_the_end_of_the_server(tmp_path: Path) -> None:
    """P4 in peace: uploaded, answered, stopped, started, there."""
    home = tmp_path / "home"
    script = Script().rows(1.0, 2.0).finish()
    with serving(home) as running:
        assert running.ask("PUT", f"{script.address}?offset=0", script.bytes())[0] == 200
    with serving(home) as running:
        detail = running.json("GET", f"/api/v1/runs/{script.uid}")
    assert detail["metrics"][0]["count"] == 2
