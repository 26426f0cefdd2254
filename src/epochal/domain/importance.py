"""Which parameters matter for a result, with how sure that is.

Two answers for each parameter, from runs alone:

- **Rank correlation** (Spearman) with a 95 % interval (Fisher's z with the variance of Bonett and
  Wright, 2000). It sees monotonous effects of one parameter; texts have none.
- **Importance**: a forest (`domain.forest`) learns the result from all parameters together. A
  parameter's values are then exchanged between runs, and the error of the prediction for runs that
  a tree did not learn from rises (Breiman's permutation importance, 2001). The rise is given as
  a share of the variance of the result; 0.4 says that without knowing this parameter the
  prediction is worse by 40 % of all there is to explain. Interactions count for each partner, so
  shares may sum to more than 1.

What keeps it honest: the ranks of the result are predicted, so that one diverged run does not
outweigh all others. ``explained`` says how much of the variance the forest predicts for unseen
runs; near 0 the importances mean nothing. ``error`` is the standard error over runs. ``floor`` is
the greatest importance that any parameter got when the results were dealt out at random; what is
not above it and two standard errors above 0 is told to be within chance. Where two parameters move
together they share what they explain, and no method can tell them apart from these runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from epochal.domain.forest import Floats, grow
from epochal.errors import InvalidInput

Cell: TypeAlias = bool | int | float | str | None

LEAST_RUNS: Final = 10
MOST_RUNS: Final = 1_000
"""More runs than this are drawn from, evenly and always the same ones."""
MOST_PARAMETERS: Final = 40
TREES: Final = 96
EXCHANGES: Final = 3
SHUFFLES: Final = 3
_SEED: Final = 20_011


class ImportanceQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which parameters of a project's runs to judge by which result.

    Attributes:
        project: the project.
        target: the result, a column such as ``min(val/loss)``.
        entity: its entity, ``local`` when left out.
        where: only runs that satisfy it.
        parameters: columns; None means the config keys that most runs have.
    """

    project: str
    target: str
    entity: str = ""
    where: str = ""
    parameters: list[str] | None = None


class ParameterImportance(msgspec.Struct, frozen=True):
    """What is known of one parameter.

    Attributes:
        name: as given.
        importance: rise of the squared error, as a share of the variance; about 0 for none.
        error: its standard error over runs.
        certain: above chance: above the floor and two standard errors above 0.
        correlation: Spearman's rank correlation with the result; None for texts.
        low: lower bound of its 95 % interval.
        high: upper bound.
        runs: runs with a value of this parameter.
    """

    name: str
    importance: float
    error: float
    certain: bool
    correlation: float | None
    low: float | None
    high: float | None
    runs: int


class ImportanceReport(msgspec.Struct, frozen=True):
    """Importances, greatest first.

    Attributes:
        runs: runs that were learned from.
        left_out: runs without a finite result.
        explained: share of the variance that is predicted for unseen runs; at most 1, and below 0
            where the mean would have done better.
        floor: the greatest importance found in results dealt out at random.
        constant: parameters that do not differ between these runs, or that no run has.
        parameters: one entry for each of the others.
    """

    runs: int
    left_out: int
    explained: float
    floor: float
    constant: list[str]
    parameters: list[ParameterImportance]


def importance(
    parameters: Mapping[str, Sequence[Cell]], result: Sequence[Cell]
) -> ImportanceReport:
    """How much each parameter matters for a result.

    Args:
        parameters: for each name one value for each run, None where a run has none.
        result: one number for each run; what is no finite number leaves the run out.

    Raises:
        InvalidInput: fewer than 10 runs have a result, or too many parameters are given.

    Example:
        >>> report = importance({"lr": [i / 20 for i in range(20)]}, [i**2 for i in range(20)])
        >>> report.parameters[0].correlation
        1.0
    """
    if len(parameters) > MOST_PARAMETERS:
        raise InvalidInput(
            f"{len(parameters)} parameters are too many, the limit is {MOST_PARAMETERS}; "
            "choose those that you varied"
        )
    numbers = np.array([_number(value) for value in result], np.float64)
    rows = np.flatnonzero(np.isfinite(numbers))
    left_out = len(numbers) - len(rows)
    if len(rows) < LEAST_RUNS:
        raise InvalidInput(
            f"{len(rows)} runs have a finite result; importance needs at least {LEAST_RUNS}"
        )
    chance = np.random.default_rng(_SEED)
    if len(rows) > MOST_RUNS:
        rows = np.sort(chance.choice(rows, MOST_RUNS, replace=False))
    target = _ranks(numbers[rows])
    columns = {name: [values[row] for row in rows.tolist()] for name, values in parameters.items()}
    varied = [name for name, values in columns.items() if len(set(map(_distinct, values))) > 1]
    constant = [name for name in columns if name not in varied]
    if not varied or target.std() == 0:
        return ImportanceReport(len(rows), left_out, 0.0, 0.0, sorted(columns), [])
    features = np.stack([_feature(columns[name], chance) for name in varied], axis=1)
    explained, rises = _rises(features, target, chance)
    shuffled = [_rises(features, chance.permutation(target), chance)[1] for _ in range(SHUFFLES)]
    floor = max(0.0, *(float(rise.mean(axis=1).max()) for rise in shuffled))
    found = [
        _entry(name, columns[name], target, rise, floor)
        for name, rise in zip(varied, rises, strict=True)
    ]
    found.sort(key=lambda entry: (-entry.importance, entry.name))
    return ImportanceReport(len(rows), left_out, explained, floor, sorted(constant), found)


def rank_correlation(first: Floats, second: Floats) -> tuple[float, float, float] | None:
    """Spearman's rank correlation and its 95 % interval; None where one of them is constant.

    Args:
        first: finite numbers.
        second: as many.
    """
    if len(first) < 4:
        return None
    a, b = _ranks(first), _ranks(second)
    if a.std() == 0 or b.std() == 0:
        return None
    rho = float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))
    if abs(rho) > 1 - 1e-12:
        return math.copysign(1.0, rho), math.copysign(1.0, rho), math.copysign(1.0, rho)
    half = 1.96 * math.sqrt((1 + rho * rho / 2) / (len(a) - 3))
    return rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


def _entry(
    name: str, values: list[Cell], target: Floats, rise: Floats, floor: float
) -> ParameterImportance:
    mean = float(rise.mean())
    error = float(rise.std(ddof=1) / math.sqrt(len(rise)))
    numbers = np.array([_number(value) for value in values], np.float64)
    known = np.isfinite(numbers)
    numeric = not any(isinstance(value, str) for value in values)
    correlation = rank_correlation(numbers[known], target[known]) if numeric else None
    rho, low, high = correlation or (None, None, None)
    return ParameterImportance(
        name=name,
        importance=mean,
        error=error,
        certain=mean > floor and mean > 2 * error,
        correlation=rho,
        low=low,
        high=high,
        runs=sum(value is not None for value in values),
    )


def _rises(
    features: Floats, target: Floats, chance: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    """The share explained, and by how much each run's squared error rises, parameters x runs."""
    forest = grow(features, target, TREES, chance)
    variance = float(target.var())
    predicted = forest.predict(features)
    known = np.isfinite(predicted)
    errors = (target - predicted) ** 2
    explained = 1.0 - float(errors[known].mean()) / variance
    rises = np.zeros((features.shape[1], int(known.sum())))
    for column in range(features.shape[1]):
        for _ in range(EXCHANGES):
            exchanged = features.copy()
            exchanged[:, column] = chance.permutation(features[:, column])
            worse = (target - forest.predict(exchanged)) ** 2
            rises[column] += (worse - errors)[known] / variance / EXCHANGES
    return explained, rises


def _feature(values: list[Cell], chance: np.random.Generator) -> Floats:
    """A column that trees can divide: ranks of numbers, texts in a random order, none apart."""
    texts = sorted({value for value in values if isinstance(value, str)})
    order = {
        text: float(place)
        for text, place in zip(texts, chance.permutation(len(texts)), strict=True)
    }
    numbers = np.array([_number(value) for value in values], np.float64)
    known = np.isfinite(numbers)
    column = np.full(len(values), -1.0)
    if known.any():
        column[known] = _ranks(numbers[known])
    for at, value in enumerate(values):
        if isinstance(value, str):
            column[at] = 2.0 + order[value]
    return column


def _ranks(values: Floats) -> Floats:
    """Ranks between 0 and 1, ties at their mean."""
    if len(values) < 2:
        return np.zeros(len(values))
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = ((ends - counts + ends - 1) / 2)[inverse] / (len(values) - 1)
    return ranks


def _number(value: Cell) -> float:
    """The value as a number, NaN when it is none."""
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return math.nan
    return math.nan


def _distinct(value: Cell) -> Cell:
    """Equal for values that no tree can tell apart."""
    if isinstance(value, str) or value is None:
        return value
    number = _number(value)
    return number if math.isfinite(number) else None
