"""Optuna as a chooser. The only module that imports it.

The study lives in memory and mirrors the store's trials: its numbers are theirs. Each question
gets a sampler with a seed of its own, so what is chosen depends on the trials and the seed and not
on how often a server was restarted. Samplers that keep a population (``cma-es``) begin it anew
then.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Final

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from epochal.errors import InvalidInput
from epochal.search.choosing import Told, seed_of
from epochal.search.config import Parameter, SweepConfig
from epochal.search.space import Coordinate, axis_of


class KnownSpaceTPE(optuna.samplers.TPESampler):  # type: ignore[misc]  # lazily typed
    """TPE that is told the space instead of finding it in all trials at each question.

    It chooses the same values: every trial of a study here has every parameter.
    """

    space: dict[str, BaseDistribution] | None = None

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The space, as soon as there is something to learn from."""
        if self.space is None or not self._is_multivariate(study) or self._group:
            found: dict[str, BaseDistribution] = super().infer_relative_search_space(study, trial)
            return found
        return self.space


SAMPLERS: Final[dict[str, Callable[..., Any]]] = {
    "tpe": KnownSpaceTPE,
    "gp": optuna.samplers.GPSampler,
    "cma-es": optuna.samplers.CmaEsSampler,
    "qmc": optuna.samplers.QMCSampler,
    "random": optuna.samplers.RandomSampler,
}
CONSTANT_SEED: Final = frozenset({"qmc", "cma-es"})
"""Samplers whose trials belong to one sequence."""

STATES: Final = {
    "running": TrialState.RUNNING,
    "finished": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
}


class OptunaChooser:
    """A study that follows a sweep.

    Raises:
        InvalidInput: the sampler does not take its options.
        ModuleNotFoundError: the sampler needs a module that is not installed.
    """

    def __init__(self, config: SweepConfig, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._config = config
        self._seed = seed
        self._space = {p.name: _distribution(p) for p in config.searched}
        self._sampler = self._make_sampler(0)
        direction = "minimize" if config.metric is None else config.metric.goal
        self._study = optuna.create_study(direction=direction, sampler=self._sampler)
        self._known = 0
        self._running: set[int] = set()

    def tell(self, trial: Told) -> None:
        """Take note of a trial; see `Chooser.tell`."""
        if trial.number < self._known:
            if trial.number in self._running and trial.state != "running":
                self._finish(trial)
            return
        if trial.coordinates is None:  # somebody asked for values outside of the space
            self._study.add_trial(optuna.create_trial(state=TrialState.FAIL))
        elif trial.state == "running":
            self._add(trial, TrialState.RUNNING)
            self._running.add(trial.number)
        else:
            self._add(trial, _state(trial))
        self._known += 1

    def ask(self, number: int, searched: int) -> dict[str, Coordinate] | None:
        """The coordinates of trial ``number``; see `Chooser.ask`."""
        del searched
        if number != self._known:
            raise RuntimeError(f"trial {number} was asked for, {self._known} are known")
        if self._config.sampler not in CONSTANT_SEED:
            self._study.sampler = self._make_sampler(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._study.ask(self._space)
        self._known += 1
        self._running.add(number)
        return dict(trial.params)

    def _make_sampler(self, number: int) -> Any:
        name, options = self._config.sampler, self._config.options
        constant = name in CONSTANT_SEED
        seed = seed_of(self._seed, 0 if constant else number)
        if name == "qmc":
            options = {"scramble": True, **options}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                made = SAMPLERS[name](seed=seed, **options)
                if isinstance(made, KnownSpaceTPE):
                    space = sorted(self._space.items())
                    made.space = {key: value for key, value in space if not value.single()}
                return made
            except (TypeError, ValueError) as error:
                raise InvalidInput(
                    f"sampler {name} does not take these options: {error}; "
                    f"see the sampler's page in Optuna's documentation"
                ) from None
            except ModuleNotFoundError:
                raise
            except ImportError as error:
                raise ModuleNotFoundError(str(error), name=f"of {name}") from None

    def _add(self, trial: Told, state: TrialState) -> None:
        self._study.add_trial(
            optuna.create_trial(
                state=state,
                value=trial.value if state is TrialState.COMPLETE else None,
                params=dict(trial.coordinates or {}),
                distributions=self._space,
                intermediate_values=_seen(trial) if state is TrialState.PRUNED else None,
            )
        )

    def _finish(self, trial: Told) -> None:
        self._running.discard(trial.number)
        state = _state(trial)
        if state is TrialState.PRUNED:
            storage = self._study._storage  # noqa: SLF001 - a trial that is reopened has no handle
            identity = storage.get_trial_id_from_study_id_trial_number(
                self._study._study_id,  # noqa: SLF001 - the same
                trial.number,
            )
            for iteration, value in _seen(trial).items():
                storage.set_trial_intermediate_value(identity, iteration, value)
        final = trial.value if state is TrialState.COMPLETE else None
        self._study.tell(trial.number, final, state=state)


def _state(trial: Told) -> TrialState:
    state = STATES.get(trial.state, TrialState.FAIL)
    usable = trial.value is not None and math.isfinite(trial.value)
    return state if usable else TrialState.FAIL


def _seen(trial: Told) -> dict[int, float]:
    return {} if trial.value is None else {trial.iterations: trial.value}


def _distribution(parameter: Parameter) -> BaseDistribution:
    axis = axis_of(parameter)
    if axis.kind == "choice":
        return CategoricalDistribution(list(range(len(parameter.values))))
    if axis.kind == "whole":
        return IntDistribution(int(axis.low), int(axis.high))
    return FloatDistribution(axis.low, axis.high, log=axis.kind == "log")
