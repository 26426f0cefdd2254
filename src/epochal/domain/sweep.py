"""Sweeps, trials and agents as they cross the seams: REST, the reading API, other protocols.

Times are microseconds since 1970 UTC. A sweep has an id of eight characters that no other sweep of
the store has; a trial a number that counts from 0 over its sweep; a trial that is handed out again
has a further attempt, and each attempt a run of its own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

EARLIER: Final = "earlier"
"""The origin of a trial that is a run from before the sweep."""
REPEAT: Final = "repeat:"
"""How the origin of a trial begins that runs another one again; its number follows and, where it
is stored, a colon and the name of the seed (see `told_origin`)."""
MAX_REPORTS: Final = 4_096
"""Rules that end trials early look at the first values of each; so many are kept."""


class SweepState(StrEnum):
    """Where a sweep stands."""

    PENDING = "pending"
    """No agent came yet."""
    RUNNING = "running"
    PAUSED = "paused"
    """Nothing new is handed out; what runs goes on."""
    FINISHED = "finished"
    """Nothing new is handed out; agents go home."""
    CANCELLED = "cancelled"
    """What ran was told to stop."""


class TrialState(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    """Ended early, because others did better."""
    FAILED = "failed"
    LOST = "lost"
    """Its agent fell silent or gave it back; it will be handed out again."""
    CANCELLED = "cancelled"


class NewSweep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sweep to make; ``config`` is W&B's, as a mapping or as a YAML text.

    ``prior_runs`` are ids of runs of the project whose outcomes the search shall know.
    """

    config: dict[str, Any] | str
    project: str | None = None
    entity: str | None = None
    prior_runs: list[str] = []


class Objective(msgspec.Struct, frozen=True):
    """A value that is searched for."""

    name: str
    goal: Literal["minimize", "maximize"]


class SweepRow(msgspec.Struct, frozen=True):
    """A sweep in a list.

    Attributes:
        metric: the first objective.
        objectives: all of them; with several there is no single best.
        trials: how many there are, by state.
        expected: how many there will be at most; None: no end is known.
        queued: configurations that wait to be tried first.
        best: the best value so far, and ``best_trial`` its number.
    """

    id: str
    entity: str
    project: str
    name: str
    description: str
    method: str
    metric: str | None
    goal: str | None
    state: SweepState
    run_cap: int | None
    expected: int | None
    seed: int
    trials: dict[str, int]
    queued: int
    best: float | None
    best_trial: int | None
    created_us: int
    updated_us: int
    created_by: str
    objectives: list[Objective] = []


class SweepList(msgspec.Struct, frozen=True):
    """Sweeps, newest first."""

    sweeps: list[SweepRow]


def told_origin(origin: str) -> str:
    """An origin as it is told: that of a repeat without the name of its seed."""
    return ":".join(origin.split(":", 2)[:2])


class TrialFacts(msgspec.Struct, frozen=True):
    """What is told and stored of a trial.

    Attributes:
        params: values by name; those of nested parameters have dots.
        run: id of the run of the present attempt.
        value: of the metric; None while there is none, or when it is not finite.
        outcomes: of all objectives, where there are several and none is missing.
        origin: ``search``, ``queue`` when somebody asked for it, ``repeat:3`` when trial 3 is run
            again, or ``earlier`` for a run that was there before the sweep.
        note: why it ended so.
    """

    number: int
    state: TrialState
    params: dict[str, Any]
    run: str
    agent: str
    attempt: int
    origin: str
    value: float | None
    outcomes: list[float] | None
    iterations: int
    note: str
    started_us: int
    seen_us: int
    ended_us: int | None


class TrialRow(TrialFacts, frozen=True):
    """A trial; ``uid`` is that of its run."""

    uid: str


class AgentRow(msgspec.Struct, frozen=True):
    """An agent; ``trials`` counts what it was handed."""

    id: str
    sweep: str
    host: str
    pid: int
    trials: int
    created_us: int
    seen_us: int


class SearchedParameter(msgspec.Struct, frozen=True):
    """A parameter that is searched, as an axis to draw.

    Attributes:
        name: with dots when it is nested.
        scale: ``linear``, ``log`` or ``choice``.
        low: least value; None of choices and of distributions without an end.
        high: greatest value, likewise.
        values: the choices.
        whole: values are integers.
    """

    name: str
    scale: Literal["linear", "log", "choice"]
    low: float | None = None
    high: float | None = None
    values: list[Any] = []
    whole: bool = False


class SweepDetail(msgspec.Struct, frozen=True):
    """A sweep with its configuration as given, its trials and its agents.

    Attributes:
        rev: grows with every change of a trial; who says it next time gets what changed since.
        parameters: what is searched.
        front: numbers of the trials that no other beats in all of several objectives.
    """

    sweep: SweepRow
    config: dict[str, Any] | str
    trials: list[TrialRow]
    agents: list[AgentRow]
    rev: int
    parameters: list[SearchedParameter]
    front: list[int] = []


class SweepChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; None leaves it. More ``run_cap`` extends a finished sweep.

    With an empty ``name``, that of its configuration counts again.
    """

    state: Literal["running", "paused", "finished", "cancelled"] | None = None
    run_cap: int | None = None
    name: str | None = None


class Queue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Configurations to try before anything else; what they leave out is chosen by chance."""

    configs: list[dict[str, Any]]


class Repeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Run a trial again, once with each seed.

    Attributes:
        seeds: what the config gets under ``key``.
        key: name of the seed in the config.
        trial: number of the trial; None: the best one.
    """

    seeds: list[int]
    key: str = "seed"
    trial: int | None = None


class NewAgent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks for trials."""

    sweep: str
    host: str = ""
    pid: int = 0


class Assignment(msgspec.Struct, frozen=True):
    """The answer to an agent that asks for work.

    Attributes:
        verdict: ``run`` the trial, ``wait`` a few seconds and ask again, or ``exit``.
        reason: why, when it is not ``run``.
        config: what the run gets, nested.
        watched: whether trials may be ended early, so that beats should be frequent.
        rungs: numbers of logged values at which trials are compared; empty: at each.
        seed: of a repeat; None of other trials.
        extra: parameters of the trial that are none of the sweep's, so that its program may not
            know them.
        by_run: the function asks for its parameters by name.
    """

    verdict: Literal["run", "wait", "exit"]
    reason: str = ""
    trial: TrialRow | None = None
    config: dict[str, Any] = {}
    entity: str = ""
    project: str = ""
    sweep: str = ""
    program: str = ""
    command: list[str] = []
    metric: str = ""
    watched: bool = False
    by_run: bool = False
    rungs: list[int] = []
    seed: int | None = None
    extra: list[str] = []


class Suggest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A running trial asks for a parameter; ``parameter`` is W&B's form of one."""

    number: int
    attempt: int
    name: str
    parameter: dict[str, Any]


class Suggested(msgspec.Struct, frozen=True):
    """The value to take; asked again, it is the same."""

    value: Any


class Held(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A trial that an agent runs.

    Attributes:
        values: what it logged of the metric so far, oldest first, where the agent knows that
            before the server does; empty: the run is asked.
    """

    number: int
    attempt: int = 1
    values: list[float | str] = []


class Beat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agent says that it lives, and what it runs."""

    running: list[Held] = []


class Stop(msgspec.Struct, frozen=True):
    """A trial to end, and how its report shall call that."""

    number: int
    state: TrialState
    reason: str


class Orders(msgspec.Struct, frozen=True):
    """The answer to a beat."""

    state: SweepState
    stop: list[Stop]


class TrialReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an attempt ended.

    Attributes:
        state: ``finished``, ``stopped``, ``failed`` or ``cancelled``; ``lost`` to give the trial
            back, as the agent's machine is taken away; ``ended`` when only the run knows.
        value: of the metric; None to read it from the run.
        outcomes: of all objectives, where there are several; None likewise.
        note: what to tell people.
    """

    number: int
    attempt: int
    state: Literal["finished", "stopped", "failed", "cancelled", "lost", "ended"]
    value: float | str | None = None
    note: str = ""
    outcomes: list[float | str] | None = None


class BestTrial(msgspec.Struct, frozen=True):
    """The best trial so far, with its config as a run gets it.

    Attributes:
        trial: with several objectives, the one of the front that is best in the first.
        repeats: trials that ran it again.
        front: of several objectives, all trials that no other beats in all of them.
    """

    trial: TrialRow
    config: dict[str, Any]
    entity: str
    project: str
    repeats: list[TrialRow] = []
    front: list[TrialRow] = []
