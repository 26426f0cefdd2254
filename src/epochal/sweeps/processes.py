"""One trial as a process of its own.

The process leads a group, so that what it starts ends with it. Told to end, it first may look at
``run.should_stop``; after the time of grace its group gets SIGTERM, and after another one SIGKILL.
When the agent is interrupted, so is the trial.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.client.trial import VARIABLE, Trial
from epochal.domain.sweep import Assignment, Held, Stop
from epochal.sweeps.beating import Beating
from epochal.sweeps.commands import build_command
from epochal.sweeps.desk import Desk
from epochal.sweeps.trials import FOLDER, Ended, ask_to_stop, end_of, told, trial_of

TERMINATED: Final = 143
FOREVER_S: Final = 1e9
"""A wait that ends by itself hears Ray's interrupts, which are no signals."""
KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)


def run_command(desk: Desk, given: Assignment, home: Path, grace: float) -> Ended:
    """Run one trial as a command.

    Raises:
        InvalidInput: the command cannot be built.
        KeyboardInterrupt: the user wants to go; the process has ended.
    """
    trial, row = told(given, home), trial_of(given)
    file = home / FOLDER / f"{row.run}.json"
    words = build_command(given.command, given.program, row.params, given.config, file)
    try:
        process = _start(words, trial)
    except OSError as error:
        return Ended("failed", note=f"{words[0]} cannot be started: {error.strerror}")
    timers: list[threading.Timer] = []

    def on_stop(_: Stop) -> None:
        ask_to_stop(trial)
        for number, wait in ((signal.SIGTERM, grace), (KILL, 2 * grace)):
            timer = threading.Timer(wait, _signal, (process, number))
            timer.daemon = True
            timers.append(timer)
            timer.start()

    held = Held(row.number, row.attempt)
    try:
        with Beating(desk, held, watched=given.watched, on_stop=on_stop) as beats:
            code = _wait(process, grace)
    finally:
        for timer in timers:
            timer.cancel()
        for path in (trial.stop, str(file)):
            with contextlib.suppress(OSError):
                os.unlink(path)
    return end_of(beats.stop) or _ended(code)


def _start(words: list[str], trial: Trial) -> subprocess.Popen[bytes]:
    environment = {**os.environ, VARIABLE: msgspec.json.encode(trial).decode()}
    return subprocess.Popen(words, env=environment, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], grace: float) -> int:
    """Wait for the end; pass on what interrupts the agent."""
    try:
        with terminable():
            return process.wait(FOREVER_S)  # looks up 20 times a second
    except BaseException as error:
        gentle = signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM
        _signal(process, gentle)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(grace)
        _signal(process, KILL)
        process.wait()
        raise


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM raises SystemExit meanwhile, so that what was started does not outlive this."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: Any) -> None:
        del number, frame
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the group of a process that has not ended."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)


def _ended(code: int) -> Ended:
    if code == 0:
        return Ended("finished")
    if code < 0:
        return Ended("failed", note=f"ended by {signal.Signals(-code).name}")
    return Ended("failed", note=f"exit code {code}")
