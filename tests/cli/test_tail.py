from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import run_cli
from tests.conftest import end_process, start_server

LIVE = """
import sys, epochal
quiet = epochal.Settings(system_interval=0, silent=True)
run = epochal.init(project="live", id="now", settings=quiet)
for line in sys.stdin:
    step = int(line)
    run.log({"loss": float(step)}, step=step)
    print(f"step {step} done", flush=True)
run.finish()
"""


@contextmanager
def process(arguments: list[str], home: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EPOCHAL_")}
    child = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment | {"EPOCHAL_HOME": str(home), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background of a shell ignores SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def collect(child: subprocess.Popen[str]) -> list[str]:
    """What the child prints, growing in the background."""
    lines: list[str] = []

    def read() -> None:
        assert child.stdout is not None
        for line in iter(child.stdout.readline, ""):
            lines.append(line)  # noqa: PERF402 - each one as it comes

    threading.Thread(target=read, daemon=True).start()
    return lines


def say(child: subprocess.Popen[str], text: str) -> None:
    assert child.stdin is not None
    child.stdin.write(text)
    child.stdin.flush()


@pytest.mark.parametrize("with_server", [False, True])
def test_follow_prints_live_lines_and_metrics_and_ends_with_the_run(
    home: Path, tmp_path: Path, wait_for: Callable[..., object], *, with_server: bool
) -> None:
    """What is logged appears, a step that goes back too, and the exit code is 0."""
    server = start_server(home, log=tmp_path / "log") if with_server else None
    try:
        with process(["-c", LIVE], home) as live:
            say(live, "1\n2\n")
            follow = ["-m", "epochal", "tail", "live/now", "-f", "-m", "loss", "--console"]
            wait_for(lambda: run_cli("show", "live/now", home=home).returncode == 0, 30)
            with process(follow, home) as tail:
                lines = collect(tail)
                wait_for(lambda: "step 2  loss 2\n" in lines, 30)
                wait_for(lambda: "step 2 done\n" in lines, 30)
                say(live, "5\n3\n")
                wait_for(lambda: "step 5  loss 5\n" in lines and "step 3  loss 3\n" in lines, 30)
                assert live.stdin is not None
                live.stdin.close()
                assert live.wait(30) == 0
                assert tail.wait(30) == 0
                wait_for(lambda: "step 3 done\n" in lines)
                assert [line for line in lines if "loss" in line] == [
                    f"step {step}  loss {step}\n" for step in (1, 2, 5, 3)
                ]
                assert [line for line in lines if "done" in line] == [
                    f"step {step} done\n" for step in (1, 2, 5, 3)
                ]
                assert tail.stderr is not None
                assert "run now is finished" in tail.stderr.read()
    finally:
        if server is not None:
            end_process(server.process)


def test_ctrl_c_ends_follow_quietly(home: Path, wait_for: Callable[..., object]) -> None:
    """Exit code 130 and not a word."""
    with process(["-c", LIVE], home) as live:
        say(live, "1\n")
        wait_for(lambda: run_cli("show", "live/now", home=home).returncode == 0, 30)
        with process(["-m", "epochal", "tail", "live/now", "-f", "-m", "loss"], home) as tail:
            lines = collect(tail)
            wait_for(lambda: lines, 30)
            tail.send_signal(signal.SIGINT)
            assert tail.wait(60) == 130
            assert tail.stderr is not None
            assert tail.stderr.read() == ""


def test_the_console_cannot_move_the_cursor(shared: Path) -> None:
    """Without a terminal there are no escapes at all, with or without a server."""
    done = run_cli("tail", "mnist/alpha", home=shared)
    assert "red line\n" in done.stdout
    assert "\x1b" not in done.stdout


def test_tail_gives_as_many_lines_as_asked_for(shared: Path) -> None:
    """The last ones, in order; none for 0."""
    everything = run_cli("tail", "mnist/alpha", "-n", "1000", home=shared).stdout.splitlines()
    assert everything[0] == "plain line"
    last = run_cli("tail", "mnist/alpha", "-n", "1", home=shared).stdout.splitlines()
    assert last == everything[-1:]
    assert run_cli("tail", "mnist/alpha", "-n", "0", home=shared).stdout == ""
    found = run_cli("tail", "mnist/alpha", "--search", "PLAIN", home=shared).stdout
    assert found == "plain line\n"
