"""Optuna's TPE for a study that is known: it chooses what Optuna's own would, in half the time.

Optuna reads all trials at each question: it finds the space in them, sorts them, copies their
parameters into columns, and weighs each of them as a kernel anew. Here a `Memory` follows the
study, so that a question costs what changed since the last one. The arithmetic is Optuna's, in its
order. Its insides differ between versions: with one that this was not written for, and wherever a
space is not known, Optuna's own code runs.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers._tpe import _truncnorm
from optuna.samplers._tpe.sampler import default_gamma

Columns: TypeAlias = dict[str, np.ndarray]
Space: TypeAlias = dict[str, BaseDistribution]

WRITTEN_FOR: Final = "5.0."
IS_KNOWN: Final = optuna.__version__.startswith(WRITTEN_FOR)
FIRST_ROOM: Final = 256


class Memory:
    """The trials of a study with one objective, in the form in which TPE asks for them.

    Args:
        space: the parameters that have a choice, by name in order.
        maximize: whether greater values are better.

    Attributes:
        space: as given.
        ended: how many trials have a value, whether they went to their end or not.
    """

    def __init__(self, space: Space, *, maximize: bool) -> None:
        self.space = space
        self.ended = 0
        self._sign = -1.0 if maximize else 1.0
        self._complete: list[tuple[float, int]] = []
        self._stopped: list[tuple[float, float, int]] = []
        shape = (FIRST_ROOM, len(space))
        self._rows = np.empty(shape)
        self._ended = np.zeros(FIRST_ROOM, dtype=bool)
        self._running = np.zeros(FIRST_ROOM, dtype=bool)
        self._sigmas = np.full(shape, np.nan)
        self._masses = np.empty(shape)

    def begin(self, number: int, places: Mapping[str, Any]) -> None:
        """A trial runs with these parameters."""
        if number >= len(self._rows):
            self._grow(number)
        self._rows[number] = [places[name] for name in self.space]
        self._running[number] = True

    def end(self, number: int, value: float | None, iterations: int | None) -> None:
        """A trial that ran has ended.

        Args:
            number: of the trial.
            value: None when it has none.
            iterations: how far it got when it was ended early; None at its own end.
        """
        self._running[number] = False
        if value is None:
            return
        value = self._sign * value
        if iterations is None:
            bisect.insort(self._complete, (value, number))
        else:
            bisect.insort(self._stopped, (-iterations, value, number))
        self._ended[number] = True
        self.ended += 1

    def split(self, good: int, *, running: bool) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the best trials, and of the others.

        Args:
            good: how many are good.
            running: whether trials that run count as bad ones.
        """
        best = [number for _, number in self._complete[:good]]
        best += [number for _, _, number in self._stopped[: good - len(best)]]
        below = np.array(sorted(best), dtype=int)
        bad = self._ended | self._running if running else self._ended.copy()
        bad[below] = False
        return below, np.flatnonzero(bad)

    def columns(self, numbers: np.ndarray) -> Columns:
        """The parameters of some trials."""
        return dict(zip(self.space, np.ascontiguousarray(self._rows[numbers].T), strict=True))

    def masses(
        self, numbers: np.ndarray, kernels: _Kernels, low: np.ndarray, high: np.ndarray
    ) -> np.ndarray:
        """The logarithms of how much of each kernel lies within its bounds.

        A kernel is as wide as its neighbors are far, so most are as they were.

        Args:
            numbers: the trials of the kernels; the last kernel is of none.
            kernels: of the parameters in order.
            low: least value of each parameter.
            high: greatest value of each.
        """
        found = np.empty_like(kernels.sigmas)
        mine = kernels.sigmas[:, :-1].T
        old = self._sigmas[numbers] != mine
        if old.any():
            trials, axes = np.nonzero(old)
            mus, sigmas = kernels.mus[axes, trials], mine[old]
            mass = _truncnorm._log_gauss_mass  # noqa: SLF001 - it has no public name
            self._masses[numbers[trials], axes] = mass(
                (low[axes] - mus) / sigmas, (high[axes] - mus) / sigmas
            )
            self._sigmas[numbers] = mine
        found[:, :-1] = self._masses[numbers].T
        mus, sigmas = kernels.mus[:, -1], kernels.sigmas[:, -1]
        found[:, -1] = _truncnorm._log_gauss_mass(  # noqa: SLF001 - the same
            (low - mus) / sigmas, (high - mus) / sigmas
        )
        return found

    def _grow(self, number: int) -> None:
        more = max(len(self._rows), number + 1 - len(self._rows))
        for name in ("_rows", "_sigmas", "_masses"):
            unknown = np.full((more, len(self.space)), np.nan)
            setattr(self, name, np.concatenate([getattr(self, name), unknown]))
        for name in ("_ended", "_running"):
            none = np.zeros(more, dtype=bool)
            setattr(self, name, np.concatenate([getattr(self, name), none]))


class _Kernels:
    """The kernels of an estimator whose parameters are all continuous."""

    def __init__(self, estimator: Any) -> None:
        mixture = estimator._mixture_distribution  # noqa: SLF001 - it has no public name
        self.parts: list[Any] = mixture.distributions
        self.weights: np.ndarray = mixture.weights
        self.mus = np.array([part.mu for part in self.parts])
        self.sigmas = np.array([part.sigma for part in self.parts])


class KnownSpaceTPE(optuna.samplers.TPESampler):  # type: ignore[misc]  # lazily typed
    """TPE with a memory; without one it is Optuna's.

    Attributes:
        memory: the study's trials but for the one that is asked about; None where the space is
            not the same in all of them.
    """

    memory: Memory | None = None

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> Space:
        """The space, as soon as there is something to learn from."""
        if self.memory is None or not self._is_multivariate(study):
            found: Space = super().infer_relative_search_space(study, trial)
            return found
        return self.memory.space

    def _sample_relative(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, search_space: Space
    ) -> dict[str, Any]:
        memory = self.memory
        if memory is None or search_space.keys() != memory.space.keys():
            found: dict[str, Any] = super()._sample_relative(study, trial, search_space)
            return found
        if not search_space or memory.ended < self._n_startup_trials:
            return {}
        return self._choose(memory)

    def _choose(self, memory: Memory) -> dict[str, Any]:
        """What `_sample` chooses, asked of the memory."""
        good, bad = memory.split(default_gamma(memory.ended), running=self._constant_liar)
        below, above = (
            self._parzen_estimator_cls(
                memory.columns(numbers), memory.space, self._parzen_estimator_parameters
            )
            for numbers in (good, bad)
        )
        samples = below.sample(self._rng.rng, self._n_ei_candidates)
        weighed = _weigh(memory, bad, above, samples)
        if weighed is None:
            weighed = above.log_pdf(samples)
        chosen = self._compare(samples, below.log_pdf(samples) - weighed)
        return {name: one.to_external_repr(chosen[name]) for name, one in memory.space.items()}


def _weigh(
    memory: Memory, numbers: np.ndarray, estimator: Any, samples: Columns
) -> np.ndarray | None:
    """The log density at each sample, as `estimator.log_pdf` says.

    Returns:
        None where a parameter is no continuous one or a sample lies outside of its bounds.
    """
    spaces = list(memory.space.values())
    if any(isinstance(one, CategoricalDistribution) or one.step is not None for one in spaces):
        return None
    kernels = _Kernels(estimator)
    low = np.array([part.adapted_low for part in kernels.parts])
    high = np.array([part.adapted_high for part in kernels.parts])
    points = _points(samples, spaces)
    if not ((points >= low[:, None]) & (points <= high[:, None])).all():
        return None
    masses, widths = memory.masses(numbers, kernels, low, high), np.log(kernels.sigmas)
    total = np.zeros((points.shape[1], len(kernels.weights)))
    for axis, point in enumerate(points):
        part = point[:, None] - kernels.mus[axis]
        part /= kernels.sigmas[axis]
        part *= part
        part *= -0.5
        part -= _truncnorm._norm_pdf_logC  # noqa: SLF001 - it has no public name
        part -= masses[axis]
        part -= widths[axis]
        total += part
    total += np.log(kernels.weights)
    greatest = total.max(axis=1)
    total -= greatest[:, None]
    density: np.ndarray = np.log(np.exp(total, out=total).sum(axis=1)) + greatest
    return density


def _points(samples: Columns, spaces: Sequence[Any]) -> np.ndarray:
    """The samples by parameter, on the scale on which kernels lie."""
    values = zip(samples.values(), spaces, strict=True)
    return np.array([np.log(column) if space.log else column for column, space in values])
