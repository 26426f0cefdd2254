"""One trial as a process of its own.

The process leads a group, so that what it starts ends with it. Told to end, it first may look at
``run.should_stop``; after the time of grace its group gets SIGTERM, and after another one SIGKILL.
When the agent is interrupted, so is the trial. A repeat gives its seed as a flag, as variables and
in the config; a program that fails on the flag before its run begins is started without it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from epochal.client import guard
from epochal.client.trial import Trial
from epochal.domain.sweep import Assignment, Held, Stop, TrialRow
from epochal.journal.home import run_directory
from epochal.sweeps.beating import Beating
from epochal.sweeps.commands import build_command
from epochal.sweeps.desk import Desk
from epochal.sweeps.logged import logged_by
from epochal.sweeps.trials import (
    FOLDER,
    SEEDS,
    Ended,
    ask_to_stop,
    end_of,
    environment_of,
    told,
    trial_of,
)

TERMINATED: Final = 143
FOREVER_S: Final = 1e9
"""A wait that ends by itself hears Ray's interrupts, which are no signals."""
SOON_S: Final = 60.0
"""A program that does not know a flag says so in this time; what took longer was training."""
KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)


def run_command(desk: Desk, given: Assignment, home: Path, grace: float) -> Ended:
    """Run one trial as a command.

    Raises:
        InvalidInput: the command cannot be built.
        KeyboardInterrupt: the user wants to go; the process has ended.
    """
    trial, row = told(given, home), trial_of(given)
    file = home / FOLDER / f"{row.run}.json"
    words = _words(given, row.params, file)
    program = _Program(trial, environment_of(trial, given), grace)
    held = Held(row.number, row.attempt)
    try:
        with Beating(desk, held, logged_by(given, home), program.end) as beats:
            begun = time.monotonic()
            ended = program.run(words)
            took = time.monotonic() - begun
            if ended.state == "failed" and given.extra and beats.stop is None:
                began = took >= SOON_S or _began(home, row)
                ended = _once_more(program, given, file, ended, began=began)
    finally:
        program.close()
        for path in (trial.stop, str(file)):
            with contextlib.suppress(OSError):
                os.unlink(path)
    return end_of(beats.stop) or ended


def _words(given: Assignment, params: Mapping[str, Any], file: Path) -> list[str]:
    return build_command(given.command, given.program, params, given.config, file)


def _began(home: Path, row: TrialRow) -> bool:
    """Whether the program came as far as its `init`; a server may have taken the journal in."""
    return run_directory(home, row.uid).is_dir()


def _once_more(
    program: _Program, given: Assignment, file: Path, ended: Ended, *, began: bool
) -> Ended:
    """A repeat failed: maybe its program does not take the flag of the seed."""
    extra = given.extra
    places = " and ".join([SEEDS[0], *(f"config[{name!r}]" for name in extra)])
    note = f"with {' '.join(f'--{name}' for name in extra)} the program failed ({ended.note})"
    if began:
        return replace(ended, note=f"{note}; where it does not know that, it may take {places}")
    params = {name: one for name, one in trial_of(given).params.items() if name not in extra}
    note = f"{note} before its run began, so it runs without; its seed is in {places}"
    guard.write_line(f"epochal: {note}")
    ended = program.run(_words(given, params, file))
    return ended if ended.note else replace(ended, note=note)


class _Program:
    """The process of a trial, and the signals that end it."""

    def __init__(self, trial: Trial, variables: Mapping[str, str], grace: float) -> None:
        self._trial = trial
        self._variables = variables
        self._grace = grace
        self._process: subprocess.Popen[bytes] | None = None
        self._timers: list[threading.Timer] = []

    def run(self, words: Sequence[str]) -> Ended:
        """Start it and wait for its end."""
        environment = {**os.environ, **self._variables}
        try:
            self._process = subprocess.Popen(words, env=environment, start_new_session=True)
        except OSError as error:
            return Ended("failed", note=f"{words[0]} cannot be started: {error.strerror}")
        return _ended(_wait(self._process, self._grace))

    def end(self, _: Stop) -> None:
        """Ask it to end, and see to it later."""
        ask_to_stop(self._trial)
        for number, wait in ((signal.SIGTERM, self._grace), (KILL, 2 * self._grace)):
            timer = threading.Timer(wait, self._signal, (number,))
            timer.daemon = True
            self._timers.append(timer)
            timer.start()

    def close(self) -> None:
        """It has ended."""
        for timer in self._timers:
            timer.cancel()

    def _signal(self, number: int) -> None:
        if self._process is not None:
            _signal(self._process, number)


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
