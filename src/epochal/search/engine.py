"""Optuna as a chooser. This module and `epochal.search.tpe` are the only ones that import it.

The study lives in memory and mirrors the store's trials: its numbers are theirs. Each question
gets a sampler with a seed of its own, so what is chosen depends on the trials and the seed and not
on how often a server was restarted. ``cma-es`` begins its population anew then.

``auto`` takes turns between a Gaussian process and TPE while a space of numbers is small and its
trials are few: the one closes in on a valley, the other looks around (docs/sweeps.md has both
alone and together). Elsewhere it is TPE, and NSGA-II for several objectives.
"""

from __future__ import annotations

import importlib
import importlib.util
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
from epochal.search.space import Coordinate, axis_of, choose
from epochal.search.tpe import IS_KNOWN, KnownSpaceTPE, Memory

SAMPLERS: Final[dict[str, Callable[..., Any]]] = {
    "tpe": KnownSpaceTPE,
    "gp": optuna.samplers.GPSampler,
    "cma-es": optuna.samplers.CmaEsSampler,
    "qmc": optuna.samplers.QMCSampler,
    "nsga-ii": optuna.samplers.NSGAIISampler,
    "random": optuna.samplers.RandomSampler,
}
CONSTANT_SEED: Final = frozenset({"qmc", "cma-es"})
"""Samplers whose trials belong to one sequence."""

GP_TRIALS: Final = 100
"""A Gaussian process costs the cube of its trials; 100 of them a tenth of a second."""
GP_RUNNING: Final = 8
"""So many agents would wait for each other's answers; what they ask is answered by TPE."""
GP_PARAMETERS: Final = 16
GP_NEEDS: Final = ("torch", "scipy")
GP_BEGINS: Final = 10
"""Trials that a Gaussian process draws by chance, before it models anything (Optuna's default)."""
GENERATION: Final = "NSGAIISampler:generation"
POPULATION: Final = 50

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
        self._name = _sampler_of(config)
        self._several = len(config.objectives) > 1
        self._complete = 0
        self._known = 0
        self._running: set[int] = set()
        self._memory = self._make_memory()
        directions = [objective.goal for objective in config.objectives] or ["minimize"]
        self._study = optuna.create_study(directions=directions, sampler=self._make_sampler(0))

    def prepare(self, number: int) -> None:
        """Load what a Gaussian process computes with, when one may be asked; see `Chooser`."""
        begins = int(self._config.options.get("n_startup_trials", GP_BEGINS))
        asked = self._name == "gp" or (self._name == "auto" and number < GP_TRIALS)
        if asked and number >= begins:
            for name in GP_NEEDS:
                importlib.import_module(name)

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
            self._add(trial, self._state(trial))
        self._known += 1

    def ask(self, number: int, searched: int) -> dict[str, Coordinate] | None:
        """The coordinates of trial ``number``; see `Chooser.ask`."""
        del searched
        if number != self._known:
            raise RuntimeError(f"trial {number} was asked for, {self._known} are known")
        if self._name not in CONSTANT_SEED:
            self._study.sampler = self._make_sampler(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._config.conditional:
                trial = self._study.ask()
                choose(self._config, lambda one: _ask(trial, one.name, self._space[one.name]))
            else:
                trial = self._study.ask(self._space)
        self._known += 1
        self._running.add(number)
        if self._memory is not None:
            self._memory.begin(number, trial.params)
        return dict(trial.params)

    def suggest(self, number: int, parameter: Parameter) -> Coordinate:
        """A coordinate for a running trial; see `Chooser.suggest`."""
        self._study.sampler = self._make_sampler(f"{number}/{parameter.name}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = optuna.trial.Trial(self._study, self._identity(number))
            return _ask(trial, parameter.name, _distribution(parameter))

    def _turn(self, number: int | str) -> str:
        """The sampler of one question."""
        if self._name != "auto":
            return self._name
        odd = isinstance(number, int) and number % 2 == 1 and number < GP_TRIALS
        return "gp" if odd and len(self._running) < GP_RUNNING else "tpe"

    def _make_sampler(self, number: int | str) -> Any:
        name, options = self._turn(number), self._config.options
        seed = seed_of(self._seed, 0 if name in CONSTANT_SEED else number)
        if name == "qmc":
            options = {"scramble": True, **options}
        if name == "tpe" and (self._config.conditional or self._config.by_run):
            options = {"multivariate": True, "group": True, **options}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                made = SAMPLERS[name](seed=seed, **options)
                if isinstance(made, KnownSpaceTPE):
                    made.memory = self._memory
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

    def _make_memory(self) -> Memory | None:
        """What TPE remembers, where all trials have the same parameters."""
        config = self._config
        differs = config.conditional or config.by_run or "group" in config.options
        if differs or self._several or not IS_KNOWN:
            return None
        space = {name: one for name, one in sorted(self._space.items()) if not one.single()}
        maximize = any(objective.goal == "maximize" for objective in config.objectives)
        return Memory(space, maximize=maximize)

    def _remember(self, trial: Told, state: TrialState) -> None:
        """Tell the memory how a trial ended, which it knows as running."""
        if self._memory is not None:
            value = None if state is TrialState.FAIL else trial.value
            early = state is TrialState.PRUNED
            self._memory.end(trial.number, value, trial.iterations if early else None)

    def _add(self, trial: Told, state: TrialState) -> None:
        places = dict(trial.coordinates or {})
        space = {**self._space, **{one.name: _distribution(one) for one in trial.space}}
        complete = state is TrialState.COMPLETE
        if self._memory is not None:
            self._memory.begin(trial.number, places)
            if state is not TrialState.RUNNING:
                self._remember(trial, state)
        attributes = {}
        if complete and self._name == "nsga-ii":  # generations of those that came before
            size = int(self._config.options.get("population_size", POPULATION))
            attributes = {GENERATION: self._complete // size}
        self._complete += complete
        self._study.add_trial(
            optuna.create_trial(
                state=state,
                values=self._values(trial) if complete else None,
                params=places,
                distributions={name: space[name] for name in places},
                intermediate_values=_seen(trial) if state is TrialState.PRUNED else None,
                system_attrs=attributes,
            )
        )

    def _finish(self, trial: Told) -> None:
        self._running.discard(trial.number)
        state = self._state(trial)
        self._remember(trial, state)
        if state is TrialState.PRUNED:
            identity = self._identity(trial.number)
            for iteration, value in _seen(trial).items():
                storage = self._study._storage  # noqa: SLF001 - a reopened trial has no handle
                storage.set_trial_intermediate_value(identity, iteration, value)
        complete = state is TrialState.COMPLETE
        self._complete += complete
        self._study.tell(trial.number, self._values(trial) if complete else None, state=state)

    def _identity(self, number: int) -> int:
        """Optuna's own id of a trial."""
        storage = self._study._storage  # noqa: SLF001 - a reopened trial has no handle
        found: int = storage.get_trial_id_from_study_id_trial_number(
            self._study._study_id,  # noqa: SLF001 - the same
            number,
        )
        return found

    def _values(self, trial: Told) -> list[float]:
        return list(trial.values) if self._several else [float(trial.value or 0.0)]

    def _state(self, trial: Told) -> TrialState:
        state = STATES.get(trial.state, TrialState.FAIL)
        if self._several:
            usable = len(trial.values) == len(self._config.objectives)
        else:
            usable = trial.value is not None and math.isfinite(trial.value)
        if self._several and state is TrialState.PRUNED:
            return TrialState.FAIL
        return state if usable else TrialState.FAIL


def _sampler_of(config: SweepConfig) -> str:
    """The sampler by name; ``auto`` stays where it takes turns."""
    if config.sampler != "auto":
        return config.sampler
    if len(config.objectives) > 1:
        return "nsga-ii"
    numbers = all(not parameter.values for parameter in config.searched)
    small = 0 < len(config.searched) <= GP_PARAMETERS
    there = all(importlib.util.find_spec(name) for name in GP_NEEDS)
    if not (numbers and small and there) or config.conditional:
        return "tpe"
    return "auto"


def _ask(trial: optuna.Trial, name: str, space: BaseDistribution) -> Coordinate:
    """One coordinate, by Optuna's own door for it."""
    found: Coordinate
    if isinstance(space, CategoricalDistribution):
        found = trial.suggest_categorical(name, space.choices)
    elif isinstance(space, IntDistribution):
        found = trial.suggest_int(name, space.low, space.high)
    else:
        found = trial.suggest_float(name, space.low, space.high, log=space.log)
    return found


def _seen(trial: Told) -> dict[int, float]:
    return {} if trial.value is None else {trial.iterations: trial.value}


def _distribution(parameter: Parameter) -> BaseDistribution:
    axis = axis_of(parameter)
    if axis.kind == "choice":
        return CategoricalDistribution(list(range(len(parameter.values))))
    if axis.kind == "whole":
        return IntDistribution(int(axis.low), int(axis.high))
    return FloatDistribution(axis.low, axis.high, log=axis.kind == "log")
