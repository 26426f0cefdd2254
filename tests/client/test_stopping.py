"""Asking a run to stop: heard by the process within seconds, wherever it records to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.api import connect
from epochal.client.stopping import Stopping
from epochal.domain.names import run_uid
from epochal.domain.run import StopRequest
from epochal.errors import Conflict
from epochal.journal.home import run_directory
from epochal.journal.stop import NAME, forget_stop, read_stop, write_stop
from tests.client.scripts import QUIET
from tests.server.processes import Running, serving

DEADLINE_S = 60.0
JSON = {"Content-Type": "application/json"}
UID = run_uid("local", "stops", "r")
LOOP = f"""
import time
import epochal
with epochal.init(project="stops", id="r", settings={QUIET!r}) as run:
    run.log({{"step": 0.0}})
    run.flush()
    while not run.should_stop:
        time.sleep(0.05)
"""
"""Logs once and then waits: what it hears does not ride on the answers to its points."""
SLEEP = f"""
import time
import epochal
with epochal.init(project="stops", id="r", settings={ {**QUIET, "stop": "interrupt"}!r}) as run:
    run.log({{"step": 0.0}})
    time.sleep(600)
"""


@contextmanager
def training(code: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A training process of its own."""
    started = {**os.environ, **environment}
    with subprocess.Popen([sys.executable, "-c", code], env=started) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def wait_for(find: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := find()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def shown(server: Running) -> dict[str, Any]:
    status, body = server.ask("GET", f"/api/v1/runs/{UID}")
    return dict(json.loads(body)) if status == 200 else {}


@pytest.mark.parametrize("sends", [False, True], ids=["beside the server", "over the network"])
def test_a_process_that_is_asked_to_stop_hears_it_and_its_run_is_killed(
    sends: bool, tmp_path: Path
) -> None:
    """Its arrival is an event of the run; once that has ended there is nothing to stop."""
    with serving(tmp_path / "home", quiet=True) as server:
        home = tmp_path / ("other" if sends else "home")
        address = {"EPOCHAL_URL": server.address.url} if sends else {}
        with training(LOOP, EPOCHAL_HOME=str(home), **address) as process:
            wait_for(lambda: shown(server).get("state") == "running")
            assert shown(server)["stop"] is None
            connect(server.address.url).run("stops/r").stop()
            assert process.wait(DEADLINE_S) == 0
        run = wait_for(lambda: (r := shown(server)).get("state") == "killed" and r)
        assert [event["title"] for event in run["events"]] == [f"{by(run)} asked this run to stop"]
        assert run["exit_code"] == 0
        assert run["stop"] is None
        assert server.ask("POST", f"/api/v1/runs/{UID}/stop", b"{}", JSON)[0] == 409


def by(run: dict[str, Any]) -> str:
    """Who asked, as the event says."""
    return str(run["events"][0]["title"]).split(" asked", 1)[0] or "nobody"


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_process_that_wants_to_be_interrupted_gets_ctrl_c(tmp_path: Path) -> None:
    """Also while it waits in a system call; there is no server."""
    with training(SLEEP, EPOCHAL_HOME=str(tmp_path)) as process:
        reader = connect(home=tmp_path)
        run = wait_for(lambda: next(iter(reader.runs("stops")), None) if known(tmp_path) else None)
        run.stop()
        assert process.wait(DEADLINE_S) == -signal.SIGINT
    assert reader.run("stops/r").state == "killed"
    with pytest.raises(Conflict, match="is not running"):
        run.stop()


def known(home: Path) -> bool:
    """Whether the home has a journal."""
    return any(home.glob("runs/*/*.ej"))


def test_a_run_that_goes_on_anew_does_not_hear_the_old_wish(
    begin: Callable[..., epochal.Run], home: Path
) -> None:
    begin(id="r").finish()
    directory = run_directory(home, run_uid("local", "tests", "r"))
    write_stop(directory, StopRequest(1, "anna"))
    with begin(id="r", resume="must") as run:
        assert not (directory / NAME).exists()
        assert not run.should_stop
    assert run.state == "finished"


def test_a_wish_that_nobody_looks_for_leaves_the_run_finished(
    begin: Callable[..., epochal.Run], home: Path
) -> None:
    """It came to its end by itself."""
    run = begin(id="r")
    write_stop(run_directory(home, run_uid("local", "tests", "r")), StopRequest(1, "anna"))
    session = run._session
    wait_for(lambda: session.stopping._asked)
    run.finish()
    assert run.state == "finished"


def test_the_wish_is_one_file_that_the_first_one_writes(tmp_path: Path) -> None:
    """A damaged one is still a wish; forgetting twice is harmless."""
    directory = tmp_path / "runs" / UID
    assert read_stop(directory) is None
    write_stop(directory, StopRequest(5, "anna"))
    write_stop(directory, StopRequest(6, "ben"))
    assert read_stop(directory) == StopRequest(5, "anna")
    assert [path.name for path in directory.iterdir()] == [NAME]
    (directory / NAME).write_bytes(b"{")
    assert read_stop(directory) == StopRequest(0)
    forget_stop(directory)
    forget_stop(directory)
    assert read_stop(directory) is None


def test_a_damaged_wish_is_heard_too(tmp_path: Path) -> None:
    """And what else the run's thread looks after goes on."""
    heard: list[StopRequest] = []
    stopping = Stopping(heard.append)
    stopping.watch(tmp_path)
    assert stopping.tend()
    assert not stopping.wanted
    (tmp_path / NAME).write_bytes(b"{")
    deadline = time.monotonic() + DEADLINE_S
    while not heard and time.monotonic() < deadline:
        assert stopping.tend()
    assert heard == [StopRequest(0)]
    assert stopping.wanted
