"""`agent`: runs the trials of a sweep on this machine, one after another.

Any number of agents may work on a sweep, on any number of machines. A trial that fails is reported
and the next one begins; an agent whose first trials all fail gives up, as something is wrong that
no parameter mends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from epochal.api.source import choose_source
from epochal.client import guard
from epochal.client.marks import is_unsent
from epochal.client.replicate import sync_journals
from epochal.domain.sweep import Assignment, Held, TrialReport, TrialRow
from epochal.errors import InvalidInput, RunStateError
from epochal.journal.frame import SUFFIX
from epochal.journal.home import find_home, run_directory
from epochal.sweeps.commands import text_of
from epochal.sweeps.desk import Desk
from epochal.sweeps.environment import variables
from epochal.sweeps.processes import run_command
from epochal.sweeps.trials import Ended, run_function, trial_of

WAIT_S: Final = 2.0
GRACE_S: Final = 10.0
MAX_FIRST_FAILURES: Final = 5

Left: TypeAlias = Literal["cancelled", "lost"]


def agent(
    sweep_id: str,
    function: Callable[..., Any] | None = None,
    entity: str | None = None,
    project: str | None = None,
    count: int | None = None,
    *,
    grace: float = GRACE_S,
    url: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> int:
    """Run trials of a sweep until there are no more.

    Args:
        sweep_id: what `sweep` returned.
        function: called for each trial; its `init` gets the trial's parameters as ``config``.
            With ``define_by_run`` it is called with an `ActiveTrial`. Without one, the sweep's
            command is run.
        entity: accepted for compatibility; the id is enough.
        project: accepted for compatibility.
        count: most trials; by default as many as there are.
        grace: seconds that a trial has to end by itself when the sweep stops it.
        url: a server; see `epochal.connect`.
        home: a home; see `epochal.connect`.

    Returns:
        How many trials were run.

    Raises:
        NotFound: there is no such sweep.
        InvalidInput: an argument cannot be used.
        RunStateError: a run is live, or the first five trials failed.
    """
    del entity, project
    return work(sweep_id, function, count, grace, url, home)


def work(
    sweep_id: str,
    function: Callable[..., Any] | None,
    count: int | None,
    grace: float,
    url: str | None,
    home: str | os.PathLike[str] | None,
    *,
    announced: str | None = None,
    left: Left = "cancelled",
) -> int:
    """Be an agent; see `agent`.

    Args:
        sweep_id: what `sweep` returned.
        function: called for each trial.
        count: most trials.
        grace: in seconds.
        url: a server.
        home: a home.
        announced: id of the agent, where somebody announced it.
        left: what becomes of the trial that runs when the agent itself is ended.
    """
    _check(sweep_id, function, count)
    place = find_home(home)
    desk = Desk(choose_source(url, home=home), sweep_id, announced)
    with variables(_there(url, home)):
        server = os.environ.get("EPOCHAL_URL")
        return _Agent(desk, function, place, grace, left, server).work(count)


def _there(url: str | None, home: str | os.PathLike[str] | None) -> dict[str, str | None]:
    """The runs of trials go where the trials come from: what the environment says meanwhile."""
    wanted: dict[str, str | None] = {}
    if home is not None:
        wanted = {"EPOCHAL_URL": None, "EPOCHAL_HOME": os.path.abspath(home)}
    if url is not None:
        wanted["EPOCHAL_URL"] = url
    return wanted


def _check(sweep_id: object, function: object, count: object) -> None:
    if not isinstance(sweep_id, str) or not sweep_id:
        raise InvalidInput(f"sweep_id must be what sweep() returned, got {sweep_id!r:.80}")
    if function is not None and not callable(function):
        raise InvalidInput(f"function must be callable, got {type(function).__name__}")
    whole = isinstance(count, int) and not isinstance(count, bool) and count > 0
    if count is not None and not whole:
        raise InvalidInput(f"count must be a positive whole number, got {count!r:.80}")


class _Agent:
    """The loop of an agent."""

    def __init__(
        self,
        desk: Desk,
        function: Callable[..., Any] | None,
        home: Path,
        grace: float,
        left: Left,
        server: str | None,
    ) -> None:
        self._desk = desk
        self._function = function
        self._home = home
        self._grace = grace
        self._left = left
        self._server = server

    def work(self, count: int | None) -> int:
        """Run trials; how many there were."""
        done = failed = 0
        waits = ""
        while count is None or done < count:
            given = self._desk.next()
            if given.verdict == "exit":
                guard.write_line(f"epochal: {given.reason}; the agent goes home")
                break
            if given.verdict == "wait":
                if given.reason != waits:
                    guard.write_line(f"epochal: {given.reason}; the agent waits")
                waits = given.reason
                time.sleep(WAIT_S)
                continue
            waits = ""
            ended = self._run(given)
            done += 1
            failed += ended.state == "failed"
            if failed == done == MAX_FIRST_FAILURES:
                raise RunStateError(
                    f"the first {done} trials failed, the last one with {ended.note!r}; "
                    f"mend that, and start the agent again"
                )
        return done

    def _run(self, given: Assignment) -> Ended:
        trial = trial_of(given)
        if given.by_run and self._function is None:
            raise InvalidInput(
                f"sweep {given.sweep} has define_by_run: its parameters are asked for by a "
                f"function; give agent() one"
            )
        chosen = " ".join(f"{name}={text_of(value)}" for name, value in trial.params.items())
        guard.write_line(f"epochal: trial {trial.number} of sweep {given.sweep}: {chosen:.400}")
        try:
            if self._function is not None:
                ended = run_function(self._desk, given, self._function, self._home, self._grace)
            else:
                ended = run_command(self._desk, given, self._home, self._grace)
        except BaseException as error:
            self._report(given, Ended(self._left, note=f"the agent ended: {error!r:.200}"))
            raise
        self._report(given, ended)
        return ended

    def _report(self, given: Assignment, ended: Ended) -> None:
        trial = trial_of(given)
        outcomes: list[float | str] | None = None if ended.outcomes is None else [*ended.outcomes]
        report = TrialReport(
            trial.number, trial.attempt, ended.state, ended.value, ended.note, outcomes
        )
        self._send_rest(trial)
        refused = self._desk.report(report)
        if refused:
            guard.write_line(f"epochal: {refused}")
        elif ended.note:
            guard.write_line(f"epochal: trial {trial.number} {ended.state}: {ended.note}")

    def _send_rest(self, trial: TrialRow) -> None:
        """A run that ended while its server was away left journals here.

        They go first: the server reads the value of a trial in its run, and an agent that is
        killed between the two leaves a trial to run again, not one whose run is missing.
        """
        journals = run_directory(self._home, trial.uid).glob(f"*{SUFFIX}")
        if self._server is None or not any(is_unsent(str(path)) for path in journals):
            return
        self._desk.reach(Held(trial.number, trial.attempt))
        with guard.Shield("sending what the run of a trial left"):
            key = os.environ.get("EPOCHAL_API_KEY")
            for problem in sync_journals(self._home, self._server, key, only=trial.uid).problems:
                guard.write_line(f"epochal: {problem}; `epochal sync` sends it later")
