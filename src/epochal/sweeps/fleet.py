"""`run_agents`: agents of a sweep on a cluster, as tasks of Ray or as an array of jobs of Slurm.

They work until the sweep has no more trials. One whose worker dies is replaced, and its trial is
handed out again at once; so is that of one that is told to end. Whoever ends the driver ends the
agents.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from epochal.api.question import Source
from epochal.api.source import choose_source
from epochal.api.sweep_questions import AddAgent, GetSweep, ReportTrial
from epochal.client import guard
from epochal.clusters.place import here
from epochal.clusters.ray import connected
from epochal.domain.sweep import NewAgent, SweepDetail, TrialReport, TrialState
from epochal.errors import InvalidInput, NotFound, RunStateError
from epochal.journal.home import find_home
from epochal.sweeps.agent import GRACE_S
from epochal.sweeps.crew import MAX_WORKERS
from epochal.sweeps.desk import deleted
from epochal.sweeps.posts import Needs, Post, post_ray, post_slurm
from epochal.sweeps.processes import terminable
from epochal.sweeps.serving import Order

EXECUTORS: Final = ("ray", "slurm")
MAX_REPLACED: Final = 3
"""So many times for each agent; what dies more often dies of what no other place mends."""
POLL_S: Final = 0.5
END_S: Final = 20.0

Start: TypeAlias = Callable[[Sequence[Order]], list[Post]]


def run_agents(
    sweep_id: str,
    function: Callable[..., Any] | None = None,
    *,
    executor: str,
    workers: int,
    cpu: float = 1,
    gpu: float = 0,
    minutes: int = 24 * 60,
    options: Mapping[str, Any] | None = None,
    count: int | None = None,
    grace: float = GRACE_S,
    url: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> int:
    """Run agents of a sweep on a cluster, until all of them went home.

    Args:
        sweep_id: what `sweep` returned.
        function: called for each trial, see `agent`; it travels as Ray and submitit send it.
            Without one, the sweep's command is run.
        executor: ``ray`` for the cluster of Ray that is there, or ``slurm`` for an array of jobs;
            without Slurm, submitit runs local processes.
        workers: how many agents.
        cpu: cores of each.
        gpu: GPUs of each; its trials see no others.
        minutes: time limit of a job of Slurm.
        options: of Ray's tasks, or of submitit's executor, as ``slurm_partition``.
        count: most trials of all agents together.
        grace: seconds that a trial has to end by itself when the sweep stops it.
        url: a server; see `epochal.connect`. Machines that share no home need one.
        home: a home; see `epochal.connect`.

    Returns:
        How many trials were run.

    Raises:
        InvalidInput: an argument cannot be used.
        NotFound: there is no such sweep.
        MissingExtra: Ray or submitit is not installed.
        Unavailable: there is no cluster of Ray.
        RunStateError: an agent gave up, or workers died again and again.
    """
    _check(executor, workers, count)
    server = url or (None if home is not None else os.environ.get("EPOCHAL_URL"))
    place = find_home(home)
    needs = Needs(cpu, gpu, minutes, options or {})
    start: Start = partial(post_slurm, function=function, needs=needs, home=place)
    if executor == "ray":
        ray = connected()  # before the wait for signals begins: Ray sets handlers of its own
        start = partial(post_ray, ray=ray, function=function, needs=needs)
    order = Order(here(), sweep_id, "", None, grace, server, None if server else str(place))
    fleet = _Fleet(choose_source(url, home=home), executor, start, MAX_REPLACED * workers)
    return fleet.work([replace(order, count=part) for part in _parts(count, workers)])


def _check(executor: object, workers: object, count: object) -> None:
    if executor not in EXECUTORS:
        raise InvalidInput(f"executor is one of {', '.join(EXECUTORS)}, got {executor!r:.80}")
    whole = isinstance(workers, int) and not isinstance(workers, bool)
    if not whole or not 1 <= int(str(workers)) <= MAX_WORKERS:
        raise InvalidInput(f"workers goes from 1 to {MAX_WORKERS}, got {workers!r:.80}")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise InvalidInput(f"count must be a positive whole number, got {count!r:.80}")


def _parts(count: int | None, workers: int) -> list[int | None]:
    """Each agent's part of the trials; those without any are left out."""
    if count is None:
        return [None] * workers
    return [n for k in range(workers) if (n := count // workers + (k < count % workers))]


class _Fleet:
    """Agents that were started, and the wait for them."""

    def __init__(self, source: Source, name: str, start: Start, spare: int) -> None:
        self._source = source
        self._name = name
        self._start = start
        self._spare = spare
        self._posts: dict[Post, Order] = {}
        self._problem = ""
        self._done = 0

    def work(self, orders: Sequence[Order]) -> int:
        """Start agents, and wait until all went home."""
        with terminable():
            try:
                self._post(orders)
                while self._posts:
                    self._look()
                    time.sleep(POLL_S if self._posts else 0)
                if self._detail(orders[0]) is None:
                    guard.write_line(f"epochal: {deleted(orders[0].sweep)}; all agents went home")
            except BaseException:
                self._end(orders[0].grace + END_S)
                raise
        if self._problem:
            raise RunStateError(self._problem)
        return self._done

    def _post(self, orders: Sequence[Order]) -> None:
        announced = []
        for order in orders:
            new = NewAgent(order.sweep.rpartition("/")[2], self._name, os.getpid())
            announced.append(replace(order, agent=self._source.ask(AddAgent(new)).id))
        self._posts.update(zip(self._start(announced), announced, strict=True))

    def _look(self) -> None:
        for post in [one for one in self._posts if one.over()]:
            order, ending = self._posts.pop(post), post.ending()
            if ending.died:
                self._replace(order, ending.problem)
            else:
                self._done += ending.trials
                self._problem = ending.problem or self._problem

    def _replace(self, order: Order, why: str) -> None:
        """Give back what a dead agent held, and start another one for what it had left to do."""
        done = self._give_back(order, f"its worker died: {why}")
        self._done += done
        left = None if order.count is None else order.count - done
        if left == 0 or self._detail(order) is None:
            return
        if self._spare == 0:
            self._problem = f"an agent died: {why}"
            return
        self._spare -= 1
        guard.write_line(f"epochal: an agent died ({why}); another one starts")
        self._post([replace(order, count=left)])

    def _give_back(self, order: Order, why: str) -> int:
        """How many trials an agent had ended; none that anybody knows in a deleted sweep."""
        detail = self._detail(order)
        if detail is None:
            return 0
        mine = [trial for trial in detail.trials if trial.agent == order.agent]
        held = [trial for trial in mine if trial.state is TrialState.RUNNING]
        for trial in held:
            report = TrialReport(trial.number, trial.attempt, "lost", note=why)
            self._source.ask(ReportTrial(order.agent, report))
        return len(mine) - len(held)

    def _detail(self, order: Order) -> SweepDetail | None:
        """The sweep, or None once it was deleted."""
        try:
            return self._source.ask(GetSweep(order.sweep.rpartition("/")[2]))
        except NotFound:
            return None

    def _end(self, patience: float) -> None:
        """Tell all agents to end, kill those that do not, and give back what they still held.

        Args:
            patience: seconds that they have.
        """
        orders = list(self._posts.values())
        for force in (False, True):
            for post in self._posts:
                post.end(force=force)
            deadline = time.monotonic() + patience
            while self._posts and time.monotonic() < deadline:
                for post in [one for one in self._posts if one.over()]:
                    del self._posts[post]
                time.sleep(POLL_S)
        for order in orders:
            self._give_back(order, "whoever started its agent ended")
