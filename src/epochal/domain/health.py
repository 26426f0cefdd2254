"""What the statistics of a layer's gradients say about its health.

Pure functions over what ``watch()`` records (`docs/internals/objects.md`, kind ``histogram``): the
training side warns with them, the page and the command line show them, and all agree. Every
threshold is a constant here, with its reason.

A record is judged by what came before it under the same key, never by what comes after.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

DEAD_RECORDS = 3
"""All zeros this often in a row is dead: one batch may well leave a ReLU layer untouched, three
batches in a row that all do so are no accident."""

VANISHING_RMS = 1e-8
"""Adam's default epsilon: below it, its steps shrink with the gradient, and a step of SGD with
rate 0.1 is lost in the float32 rounding of a weight of 0.01."""

VANISHING_SHARE = 1e-6
"""Of the strongest layer at the same step. A learning rate that suits that layer moves this one a
million times less, which is about what float32 can resolve."""

EXPLODING_FACTOR = 100.0
"""Times the median of the key's own history. Norms of healthy minibatches scatter within a factor
of ten; the norm also has to be the greatest so far, so that a recovery is no explosion."""

EXPLODING_RMS = 65_504.0
"""The greatest half-precision number: a gradient that large on average is lost in float16, with or
without a history."""

HISTORY = 50
"""Records that the median looks back on: a norm that grows by 20 % a record is found within it."""

FIRST_RECORDS = 5
"""Records before growth is judged: fewer give no median worth comparing with."""


class State(StrEnum):
    """How a layer does, from good to bad."""

    OK = "ok"
    VANISHING = "vanishing"
    DEAD = "dead"
    EXPLODING = "exploding"
    INF = "inf"
    NAN = "nan"


SEVERITY = {state: rank for rank, state in enumerate(State)}

Stats = Mapping[str, Any]


class Diagnosis(msgspec.Struct, frozen=True):
    """The health of one key over its records.

    Attributes:
        steps: the steps of its records, as recorded.
        states: the state at each of them.
        first: for each state other than ok, the first step at which it held; for dead the step at
            which the zeros began.
    """

    steps: list[int]
    states: list[State]
    first: dict[State, int]

    @property
    def worst(self) -> State:
        """The worst state that ever held."""
        return worst(self.states)


class History:
    """What one key's past says about its next record.

    Args:
        gradients: False for parameters, which may be zero or small in good health.
    """

    def __init__(self, *, gradients: bool = True) -> None:
        self.first: dict[State, int] = {}
        self._gradients = gradients
        self._norms: deque[float] = deque(maxlen=HISTORY)
        self._zeros = 0
        self._zeros_since = 0

    def add(self, step: int, stats: Stats, strongest: float = 0.0) -> State:
        """Judge the next record.

        Args:
            step: its step.
            stats: its statistics: n, norm, zeros, nan, inf.
            strongest: the greatest `rms` among the layers at that step, if known.
        """
        state = self._judge(step, stats, strongest)
        if state is not State.OK:
            self.first.setdefault(state, self._zeros_since if state is State.DEAD else step)
        norm = stats.get("norm")
        if state not in {State.EXPLODING, State.INF, State.NAN} and norm:
            self._norms.append(norm)
        return state

    def _judge(self, step: int, stats: Stats, strongest: float) -> State:
        if stats.get("nan"):
            return State.NAN
        if stats.get("inf"):
            return State.INF
        if self._explodes(stats):
            return State.EXPLODING
        if not self._gradients:
            return State.OK
        if stats.get("n") and stats.get("zeros") == stats.get("n"):
            self._zeros_since = step if not self._zeros else self._zeros_since
            self._zeros += 1
            return State.DEAD if self._zeros >= DEAD_RECORDS else State.OK
        self._zeros = 0
        if rms(stats) < max(VANISHING_RMS, VANISHING_SHARE * strongest):
            return State.VANISHING
        return State.OK

    def _explodes(self, stats: Stats) -> bool:
        if rms(stats) > EXPLODING_RMS:
            return True
        norm = stats.get("norm") or 0.0
        if len(self._norms) < FIRST_RECORDS:
            return False
        return bool(
            norm > max(self._norms) and norm > EXPLODING_FACTOR * statistics.median(self._norms)
        )


def rms(stats: Stats) -> float:
    """Root mean square of the finite values: norm / sqrt(n)."""
    n, norm = stats.get("n") or 0, stats.get("norm")
    return float(norm) / math.sqrt(n) if n and norm else 0.0


def diagnose(
    records: Mapping[str, Sequence[tuple[int, Stats]]], *, gradients: bool = True
) -> dict[str, Diagnosis]:
    """Judge all records of several keys.

    Args:
        records: for each key (parameter or layer) its steps and statistics, in recorded order.
        gradients: whether these are gradients; see `History`.

    Returns:
        The same keys, in the same order.

    Example:
        >>> stats = {"n": 4, "norm": 1.0, "zeros": 0, "nan": 1, "inf": 0}
        >>> diagnose({"fc.weight": [(7, stats)]})["fc.weight"].first
        {<State.NAN: 'nan'>: 7}
    """
    strongest: dict[int, float] = {}
    for series in records.values():
        for step, stats in series:
            strongest[step] = max(strongest.get(step, 0.0), rms(stats))
    found = {}
    for key, series in records.items():
        history = History(gradients=gradients)
        states = [history.add(step, stats, strongest[step]) for step, stats in series]
        found[key] = Diagnosis([step for step, _ in series], states, history.first)
    return found


def worst(states: Iterable[State]) -> State:
    """The worst of some states; ok when there are none."""
    return max(states, key=SEVERITY.__getitem__, default=State.OK)


def layer_of(parameter: str) -> str:
    """The layer that a parameter belongs to: its name without the last part.

    Example:
        >>> layer_of("features.0.weight")
        'features.0'
    """
    return parameter.rpartition(".")[0] or parameter
