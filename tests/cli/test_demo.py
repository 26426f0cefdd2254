"""`epochal demo` trains, serves while it trains, and leaves only its data behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

import epochal
from epochal.demo.server import running_server
from epochal.journal.home import read_server_address

DEMO = [sys.executable, "-P", "-m", "epochal", "demo", "--no-browser", "--images", "2000"]


def test_the_demo_ends_by_itself_and_leaves_its_runs(home: Path) -> None:
    """The link comes first, then the runs, then a summary; the server is gone afterwards.

    The user's own files are no modules of it, even those that are called as Python's are.
    """
    (home.parent / "code.py").write_text("raise SystemExit('the wrong module')")
    command = [*DEMO, "--exit", "--runs", "2", "--epochs", "1", "--home", str(home)]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=170, check=False, cwd=home.parent
    )
    assert result.returncode == 0, result.stdout + result.stderr
    link = re.search(r"Live page: (\S+)", result.stdout)
    assert link is not None
    assert result.stdout.index("Live page") < result.stdout.index("epoch 1")
    assert str(home) in result.stdout.replace("\n", "")
    assert not (home / "server.json").exists()
    names = {run.name for run in epochal.runs("demo", home=home)}
    assert names == {"baseline", "wide"}


def test_the_demo_serves_on_until_ctrl_c(home: Path, wait_for) -> None:
    """With `--keep` the page answers after training; one interrupt ends everything in order."""
    command = [*DEMO, "--keep", "--runs", "1", "--epochs", "1", "--home", str(home)]
    output = home.parent / "demo.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        wait_for(lambda: process.poll() is not None or "Ctrl-C" in output.read_text(), 150)
        text = output.read_text()
        assert process.poll() is None, text
        url = re.search(r"(http://127\.0\.0\.1:\d+)", text)
        assert url is not None
        with urllib.request.urlopen(f"{url[1]}/healthz", timeout=60) as reply:
            assert reply.read() == b"ok"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0, output.read_text()
    finally:
        address = read_server_address(home)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        if address is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(address.pid, signal.SIGKILL)
    assert "Traceback" not in output.read_text()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP], ids=["killed", "hung up"])
def test_whatever_ends_the_demo_ends_its_server_and_its_training(
    home: Path, wait_for, end: signal.Signals
) -> None:
    """A terminal that is closed takes along what was started in it; so does a polite kill."""
    command = [*DEMO, "--runs", "1", "--epochs", "50", "--home", str(home)]
    with (home.parent / "demo.txt").open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    demo = psutil.Process(process.pid)
    # The server and a training, with the relay of what that prints.
    started = wait_for(lambda: len(found := demo.children(recursive=True)) >= 2 and found)
    os.kill(process.pid, end)
    process.wait(60)
    assert psutil.wait_procs(started, 60)[1] == []
    assert not (home / "server.json").exists()


def test_an_interrupt_while_the_server_is_being_started_ends_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there, but its starter does not know it yet."""
    started = []

    class Started(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            started.append(self)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Started)
    try:
        with pytest.raises(KeyboardInterrupt), running_server(home, None):
            pytest.fail("the interrupt was lost")
        assert started[0].poll() is not None
    finally:
        started[0].kill()


def test_a_wrong_folder_is_one_clear_message(home: Path, tmp_path: Path) -> None:
    command = [*DEMO, "--data", str(tmp_path), "--home", str(home)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 4
    assert "train-images" in result.stderr
    assert "Traceback" not in result.stderr
