"""The configuration of a sweep once it was read and checked: every value here can be used."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Goal = Literal["minimize", "maximize"]
Method = Literal["grid", "random", "bayes"]
Distribution = Literal[
    "constant", "categorical", "categorical_w_probabilities", "int_uniform", "uniform",
    "q_uniform", "log_uniform", "log_uniform_values", "q_log_uniform", "q_log_uniform_values",
    "inv_log_uniform", "inv_log_uniform_values", "normal", "q_normal", "log_normal",
    "q_log_normal", "beta", "q_beta",
]  # fmt: skip
"""W&B's words."""

DEFAULT_COMMAND: Final = ("${env}", "${interpreter}", "${program}", "${args}")


class Parameter(msgspec.Struct, frozen=True):
    """One parameter and how its values are distributed.

    Attributes:
        path: where it stands in the config; more than one word inside of nested parameters.
        distribution: how values are drawn.
        values: the choices of ``categorical``, or the only value of ``constant``.
        probabilities: of the choices; empty when all are alike.
        low: smallest value; of ``log_uniform`` and ``inv_log_uniform`` its natural logarithm.
        high: largest value, likewise.
        mu: mean of ``normal``, or of the logarithm of ``log_normal``; ``a`` of ``beta``.
        sigma: its standard deviation; ``b`` of ``beta``.
        q: values are multiples of it; 0 when they are not.
        whole: values are integers.
        when: it is there only in trials in which each of these parameters has one of these values.
    """

    path: tuple[str, ...]
    distribution: Distribution
    values: tuple[Any, ...] = ()
    probabilities: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0
    mu: float = 0.0
    sigma: float = 1.0
    q: float = 0.0
    whole: bool = False
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @property
    def name(self) -> str:
        """The path with dots, as the config's keys are flattened elsewhere."""
        return ".".join(self.path)


class Metric(msgspec.Struct, frozen=True):
    """What is searched for: the value that a run's summary has under ``name``.

    ``target``: the sweep ends once a trial is as good as this.
    """

    name: str
    goal: Goal = "minimize"
    target: float | None = None

    def better(self, value: float, than: float) -> bool:
        """Whether one value is strictly better."""
        return value > than if self.goal == "maximize" else value < than


class Stopping(msgspec.Struct, frozen=True):
    """When a trial ends early. An iteration is one logged value of the metric.

    Attributes:
        rule: ``hyperband`` and ``asha`` look at growing numbers of iterations, ``median`` and
            ``percentile`` at each, and so does ``wilcoxon``, which takes them side by side.
        bands: iterations at which ``hyperband`` and ``asha`` look.
        eta: they keep the best 1/eta of the trials that came so far.
        strict: look at every band that was reached, at each look; else only at the last.
        percentile: trials worse than this percentile of the others end; 50 for ``median``.
        startup: trials that must have come so far before any ends.
        warmup: iterations that every trial gets.
        p: ``wilcoxon`` ends what would be as bad by chance in fewer than so many cases.
    """

    rule: Literal["hyperband", "asha", "median", "percentile", "wilcoxon"]
    bands: tuple[int, ...] = ()
    eta: float = 3.0
    strict: bool = False
    percentile: float = 50.0
    startup: int = 5
    warmup: int = 0
    p: float = 0.1


class SweepConfig(msgspec.Struct, frozen=True):
    """A whole configuration.

    Attributes:
        method: who chooses: ``grid``, ``random`` or ``bayes``, which asks ``sampler``.
        parameters: what is chosen, in the order given.
        metric: what for; None only for grid and random.
        others: further objectives, when there are several.
        stopping: when trials end early; None: never.
        run_cap: most trials; None: no limit.
        command: the words of the command line, with macros.
        program: what ``${program}`` stands for.
        name: for people.
        description: for people.
        project: where the runs go, when nobody says otherwise.
        entity: whose project.
        sampler: which of Optuna's samplers ``bayes`` is; ``auto`` decides by the space.
        options: of the sampler, by the names that Optuna gives them.
        seed: makes a sweep repeatable; None: drawn once, when the sweep is made.
        by_run: the function asks for its parameters by name; there are none here.
    """

    method: Method
    parameters: tuple[Parameter, ...]
    metric: Metric | None = None
    others: tuple[Metric, ...] = ()
    stopping: Stopping | None = None
    run_cap: int | None = None
    command: tuple[str, ...] = DEFAULT_COMMAND
    program: str = ""
    name: str = ""
    description: str = ""
    project: str | None = None
    entity: str | None = None
    sampler: str = "auto"
    options: dict[str, Any] = {}
    seed: int | None = None
    by_run: bool = False

    @property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters that are not constant."""
        return tuple(p for p in self.parameters if p.distribution != "constant")

    @property
    def objectives(self) -> tuple[Metric, ...]:
        """What is searched for, the first one first; empty without a metric."""
        return () if self.metric is None else (self.metric, *self.others)

    @property
    def conditional(self) -> bool:
        """Whether some parameters are there in some trials only."""
        return any(p.when for p in self.parameters)
