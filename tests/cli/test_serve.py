"""`epochal server` and `epochal ui` as commands: what they print, refuse, and how they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.journal.home import SERVER, read_server_address
from epochal.server.address import live_server
from epochal.store.owner import open_store
from tests.cli.conftest import run_cli
from tests.conftest import answers

Launch = Callable[..., subprocess.Popen[str]]
HOLDER = """
import sys
from pathlib import Path
from epochal.store.owner import open_store
with open_store(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def launch(home: Path) -> Iterator[Launch]:
    """``launch(command, *arguments, **popen)``: a command on the test's home; ended afterwards."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **more: Any) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "epochal", *arguments]
        started.append(subprocess.Popen(command, text=True, **{**pipes, **more}))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def holder(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the home, as a long command does, until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate()


def serving(home: Path, process: subprocess.Popen[str], wait_for: Callable[..., Any]) -> str:
    """Wait until the process serves the home. Returns its address."""

    def address() -> str:
        assert process.poll() is None, process.communicate()
        found = read_server_address(home)
        return found.url if found and found.pid == process.pid and answers(found.url) else ""

    return str(wait_for(address, seconds=30))


@pytest.mark.parametrize("command", [("ui", "--no-browser"), ("server",)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_code_0_and_without_a_trace(
    home: Path, launch: Launch, wait_for: Any, command: tuple[str, ...], number: int
) -> None:
    """Ctrl-C is the way to end it, so it is no failure."""
    process = launch(*command, "--port=0")
    url = serving(home, process, wait_for)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert url in out
    assert "Traceback" not in err
    assert not (home / SERVER).exists()


def test_a_signal_while_it_waits_for_the_home_ends_it(
    home: Path, launch: Launch, holder: subprocess.Popen[str]
) -> None:
    """Before it serves there is nothing to end politely: Ctrl-C means 130 as for any command."""
    process = launch("server", "--port=0")
    assert process.stderr
    assert "waiting for process" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_the_second_ui_says_where_the_first_serves(
    home: Path, launch: Launch, wait_for: Any
) -> None:
    """Exit code 0, one line, and the first goes on."""
    first = launch("ui", "--no-browser", "--port=0")
    url = serving(home, first, wait_for)
    second = run_cli("ui", "--no-browser", home=home)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == f"Epochal already serves {home} at {url}\n"
    assert answers(url)


def test_the_second_server_is_refused_by_name(home: Path, launch: Launch, wait_for: Any) -> None:
    """Exit code 6, with the address and the process of the first, which it does not wait for."""
    first = launch("server", "--port=0")
    url = serving(home, first, wait_for)
    second = run_cli("server", "--port=0", home=home)
    assert second.returncode == 6
    assert url in second.stderr
    assert f"process {first.pid}" in second.stderr
    assert "waiting" not in second.stderr


def test_a_port_in_use_is_told_and_ui_takes_another(
    home: Path, launch: Launch, wait_for: Any
) -> None:
    """A server was told which port, so it ends; somebody who wants to look is shown the page."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = run_cli("server", f"--port={port}", home=home)
        assert refused.returncode == 6
        assert f"port {port}" in refused.stderr
        assert "--port 0" in refused.stderr
        looking = launch("ui", "--no-browser", f"--port={port}")
        url = serving(home, looking, wait_for)
        assert not url.endswith(f":{port}")
        looking.terminate()
        _, err = looking.communicate(timeout=60)
    assert f"something else uses port {port}" in err


def test_a_home_that_a_command_holds_is_waited_for(
    home: Path, launch: Launch, holder: subprocess.Popen[str], wait_for: Any
) -> None:
    """It says whom it waits for, once, and serves as soon as that one is done."""
    process = launch("server", "--port=0")
    assert process.stderr
    told = process.stderr.readline()
    assert f"waiting for process {holder.pid}" in told
    assert str(home) in told
    holder.communicate()
    serving(home, process, wait_for)
    process.terminate()
    _, rest = process.communicate(timeout=60)
    assert "waiting" not in rest
    assert process.returncode == 0


def test_a_home_that_stays_held_is_refused_with_the_holder(
    home: Path, launch: Launch, holder: subprocess.Popen[str]
) -> None:
    """After ten seconds: exit code 6 and the process to look at."""
    process = launch("server", "--port=0")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 6
    assert f"process {holder.pid}" in err.splitlines()[-1]
    assert "try again" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_who_stops_reading_does_not_end_the_server(
    home: Path, launch: Launch, wait_for: Any
) -> None:
    """``epochal server | head -1``: the pipe is gone, the pages are not."""
    read, write = os.pipe()
    process = launch("server", "--port=0", "--auth", stdout=write)
    os.close(write)
    with open(read) as head:
        assert head.readline().startswith("Epochal serves")
    url = serving(home, process, wait_for)
    assert answers(url)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_a_reader_that_was_never_there_does_not_end_the_server(
    home: Path, launch: Launch, wait_for: Any
) -> None:
    """The pipe is closed before the first line, on both streams."""
    read, write = os.pipe()
    os.close(read)
    process = launch("server", "--port=0", "--access-log", stdout=write, stderr=write)
    os.close(write)
    url = serving(home, process, wait_for)
    assert answers(url)
    process.terminate()
    assert process.wait(60) == 0


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_it_starts_with_closed_standard_streams(
    home: Path, wait_for: Any, closed: tuple[int, ...]
) -> None:
    """As some service managers start it; nothing that it prints lands in a file of the home."""
    redirections = " ".join(f"{number}>&-" for number in closed)
    command = f'exec "{sys.executable}" -m epochal server --port=0 --access-log {redirections}'
    shell = subprocess.Popen(["/bin/sh", "-c", command], text=True)
    try:
        url = serving(home, shell, wait_for)
        assert answers(url)
        shell.terminate()
        assert shell.wait(60) == 0
    finally:
        if shell.poll() is None:
            shell.kill()
            shell.wait()
    for path in home.rglob("*"):
        if path.is_file():
            assert b"Epochal serves" not in path.read_bytes(), path
    with open_store(home, wait=1):
        pass


def test_the_network_without_keys_is_refused(home: Path) -> None:
    """Exit code 2, and what to do instead."""
    refused = run_cli("server", "--host=0.0.0.0", home=home)
    assert refused.returncode == 2
    assert "--auth" in refused.stderr
    assert "ssh -L" in refused.stderr


def test_what_a_killed_ui_left_keeps_no_other_from_starting(
    home: Path, launch: Launch, wait_for: Any
) -> None:
    """The next `epochal ui` starts its own at once."""
    first = launch("ui", "--no-browser", "--port=0")
    serving(home, first, wait_for)
    first.kill()
    first.wait()
    assert live_server(home) is None
    second = launch("ui", "--no-browser", "--port=0")
    serving(home, second, wait_for)
