"""One trial in this process: a function of the user, ended early when the sweep says so.

The order to end reaches the function in two ways: ``run.should_stop`` becomes true at once, and
after a time of grace `Stopped` is raised in it. Nothing is raised once the function has returned.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from epochal.client import api, guard
from epochal.client import trial as trials
from epochal.client.exit import read_exit_code
from epochal.client.trial import VARIABLE, Trial
from epochal.domain.sweep import Assignment, Held, Stop, TrialRow, TrialState
from epochal.errors import RunStateError
from epochal.sweeps.asking import ActiveTrial
from epochal.sweeps.beating import Beating
from epochal.sweeps.desk import Desk
from epochal.sweeps.environment import variables
from epochal.sweeps.logged import logged_by

FOLDER: Final = "sweeps"
SEEDS: Final = ("EPOCHAL_SEED", "PL_GLOBAL_SEED")
"""Where a repeat finds its seed; Lightning's `seed_everything` reads the second one."""
State = Literal["finished", "stopped", "failed", "cancelled", "lost"]


class Stopped(SystemExit):
    """The sweep ended this trial. Let it pass; clean up with ``finally``.

    It is an exit without an error, so a run that it leaves has finished and not failed.
    """


class Ended(msgspec.Struct, frozen=True):
    """How a trial ended: what the report says."""

    state: State
    value: float | None = None
    note: str = ""
    outcomes: list[float] | None = None


def trial_of(given: Assignment) -> TrialRow:
    """The trial of an assignment that has one."""
    if given.trial is None:
        raise RunStateError("the sweep said to run a trial, but named none")
    return given.trial


def told(given: Assignment, home: Path) -> Trial:
    """What the process of a trial is told."""
    trial = trial_of(given)
    stop = home / FOLDER / f"{trial.run}.stop"
    return Trial(given.sweep, trial.run, given.entity, given.project, given.config, str(stop))


def ask_to_stop(trial: Trial) -> None:
    """Make ``run.should_stop`` true in the process of a trial."""
    with guard.Shield("telling a trial to stop"):
        os.makedirs(os.path.dirname(trial.stop), mode=0o700, exist_ok=True)
        Path(trial.stop).touch(mode=0o600)


def end_of(stop: Stop | None) -> Ended | None:
    """How a trial ended that was told to."""
    if stop is None:
        return None
    state: State = "stopped" if stop.state is TrialState.STOPPED else "cancelled"
    return Ended(state, note=stop.reason)


class Interruption:
    """Raises `Stopped` in the thread that made it, as long as it is not over."""

    def __init__(self) -> None:
        self._thread = ctypes.c_ulong(threading.get_ident())
        self._lock = threading.Lock()
        self._over = False

    def strike(self) -> None:
        """Raise, unless it is over."""
        with self._lock:
            if not self._over:
                raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
                raise_in(self._thread, ctypes.py_object(Stopped))

    def end(self) -> None:
        """From here on nothing is raised, and what was not delivered yet is taken back."""
        with self._lock:
            self._over = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread, None)


def run_function(
    desk: Desk, given: Assignment, function: Callable[..., Any], home: Path, grace: float
) -> Ended:
    """Run one trial by calling a function; with ``define_by_run`` it gets an `ActiveTrial`.

    Raises:
        KeyboardInterrupt: the user wants to go; the trial was reported.
        RunStateError: a run is live already.
    """
    if api.current_run() is not None:
        raise RunStateError("a run is live; call epochal.finish() before epochal.agent()")
    trial, row, blow = told(given, home), trial_of(given), Interruption()
    timers: list[threading.Timer] = []

    def on_stop(_: Stop) -> None:
        ask_to_stop(trial)
        timer = threading.Timer(grace, blow.strike)
        timer.daemon = True
        timers.append(timer)
        timer.start()

    held = Held(row.number, row.attempt)
    logged = logged_by(given, home)
    with _environment(trial, given), Beating(desk, held, logged, on_stop) as beats:
        try:
            try:
                ended = _call(function, [ActiveTrial(desk, held)] if given.by_run else [])
            finally:
                blow.end()
        except Stopped:
            blow.end()
            ended = Ended("stopped")
        for timer in timers:
            timer.cancel()
        if given.by_run and trials.run_of(row.run) is None:
            _record(given.metric, ended)
    ended = end_of(beats.stop) or ended
    _finish(ended)
    value = _value(row.run, given.metric)
    trials.forget(row.run)
    return ended if value is None else msgspec.structs.replace(ended, value=value, outcomes=None)


def _call(function: Callable[..., Any], arguments: list[Any]) -> Ended:
    """The function's end; what it raises is shown, as it would be without a sweep.

    A function that asks for its parameters may return what it found, as Optuna's objectives do.
    """
    try:
        returned = function(*arguments)
    except SystemExit as error:
        code = read_exit_code(error.code)
        return Ended("finished") if code == 0 else Ended("failed", note=f"exit code {code}")
    except Exception as error:  # noqa: BLE001 - the user's function; the sweep goes on
        traceback.print_exc()
        return Ended("failed", note=f"{type(error).__name__}: {error!s:.300}")
    return _returned(returned) if arguments else Ended("finished")


def _returned(found: Any) -> Ended:
    """Numbers that a function returned."""
    several = list(found) if isinstance(found, list | tuple) else [found]
    plain = guard.attempt(lambda: [float(one) for one in several], default=None)
    if found is None or plain is None:
        return Ended("finished")
    if len(plain) == 1:
        return Ended("finished", value=plain[0])
    return Ended("finished", outcomes=plain)


def _record(metric: str, ended: Ended) -> None:
    """The run of a trial whose function made none, so that each trial has one."""
    run = api.init()
    if metric and ended.value is not None:
        run.summary[metric] = ended.value


def _finish(ended: Ended) -> None:
    """End the run that the function left."""
    run = api.current_run()
    if run is not None:
        if ended.state == "failed":
            run.fail(ended.note)
        run.finish(0 if ended.state in ("finished", "stopped") else 1)


def _value(run_id: str, metric: str) -> float | None:
    """The metric as the run's summary has it; None leaves the question to the store."""
    run = trials.run_of(run_id)
    if run is None or not metric:
        return None
    value = guard.attempt(lambda: run.summary.get(metric), default=None)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else None


def environment_of(trial: Trial, given: Assignment) -> dict[str, str]:
    """The variables by which the process of a trial knows it."""
    seeds = {} if given.seed is None else dict.fromkeys(SEEDS, str(given.seed))
    return {VARIABLE: msgspec.json.encode(trial).decode(), **seeds}


@contextlib.contextmanager
def _environment(trial: Trial, given: Assignment) -> Iterator[None]:
    """The trial in this process' environment, for `init` here and in child processes."""
    if VARIABLE in os.environ:
        raise RunStateError(f"{VARIABLE} is set: one agent at a time runs functions in a process")
    try:
        with variables(environment_of(trial, given)):
            yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(trial.stop)
