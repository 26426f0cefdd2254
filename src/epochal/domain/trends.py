"""What curves show: values that are no numbers, spikes, plateaus, over-fitting. Pure.

Every judgement compares a change with the curve's own noise, which is measured where nothing else
can move it, so that noise alone is never a finding. The thresholds are constants, with their
reasons; `tests/domain/test_trends.py` counts alarms on thousands of curves of noise.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from statistics import NormalDist, median
from typing import Final

from epochal.domain.insight import Insight, Kind, Line, figure, steps_text
from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.view import Metric

SPIKE_SIGMAS: Final = 15.0
"""Far outside of what normal noise reaches once in the life of a machine; losses of minibatches
have heavier tails, which the next rule leaves out."""
SPIKE_RATIO: Final = 1.5
"""A loss that does not reach half as much again is not worth a word."""
SPIKE_LOG_SIGMAS: Final = 6.0
"""Losses near zero scatter by factors: in batches that a classifier has learned by heart one hard
sample is a thousand times the rest, at every other batch."""
SPIKE_BEFORE: Final = 20
"""Stretches that a spike is compared with, at least; the first ones of a run are often wild."""
SPIKE_WINDOW: Final = 40
_FIRST: Final = 5
_USUAL: Final = 0.8
"""Noise is measured where four of five distances lie below: skewed noise and tails count there,
and a spike or two in the window do not."""
PLATEAU_STRETCHES: Final = 40
PLATEAU_SHARE: Final = 0.4
"""A curve that has not moved for this share of the run is flat, shorter rests are not."""
PLATEAU_MOVE: Final = 0.01
"""Of the whole fall, and of the value itself: less than that is no progress."""
PLATEAU_SIGMAS: Final = 10.0
"""A curve that never fell by more than its noise has no plateau."""
OVERFIT_STRETCHES: Final = 6
OVERFIT_SIGMAS: Final = 6.0
"""The least of a few hundred noisy values lies up to four sigmas below their middle."""
OVERFIT_LEVELS: Final = 20
"""So many values have levels: medians of a quarter of them each, which rise long before single
values stand out of their noise. Of fewer, a quarter says too little."""
OVERFIT_LEVEL_SIGMAS: Final = 5.0
"""Of the error that the difference of two such medians has."""
OVERFIT_RISE: Final = 0.1
"""Of the best value, or of the way down to it: a tenth is worth a word."""
OVERFIT_SHARE: Final = 0.15
"""Of the run that lies behind the best value."""

_LOSSES: Final = frozenset({
    "loss", "losses", "nll", "ce", "bce", "mse", "mae", "rmse", "error", "err", "perplexity",
    "ppl", "wer", "cer",
})  # fmt: skip
_GAINS: Final = frozenset({
    "accuracy", "acc", "f1", "auc", "auroc", "iou", "miou", "map", "bleu", "r2", "psnr", "top1",
    "top5",
})  # fmt: skip
_HELD_OUT: Final = frozenset(["val", "valid", "validation", "eval", "evaluation", "test", "dev"])
_TRAINING: Final = frozenset({"train", "training"})
_WORDS: Final = re.compile(r"[^0-9a-z]+")
_NORMAL: Final = NormalDist()


def is_loss(key: str) -> bool:
    """Whether less of it is better, by its name."""
    return bool(_LOSSES & set(_words(key)))


def is_gain(key: str) -> bool:
    """Whether more of it is better, by its name."""
    return not is_loss(key) and bool(_GAINS & set(_words(key)))


def _words(key: str) -> list[str]:
    return [word for word in _WORDS.split(key.lower()) if word]


def find_bad_values(metrics: Sequence[Metric], lines: Sequence[Line]) -> list[Insight]:
    """The first series that became NaN, and those that were infinite."""
    found: list[Insight] = []
    bad = [
        (one.first_nan_step, one)
        for one in metrics
        if one.first_nan_step is not None and not one.key.startswith(SYSTEM_PREFIX)
    ]
    if bad:
        step, first = min(bad, key=lambda pair: (pair[0], pair[1].key))
        others = f", and {len(bad) - 1} more series after it" if len(bad) > 1 else ""
        found.append(Insight(
            kind=Kind.NAN, severity="error", title=f"NaN from step {steps_text(step)}",
            text=f"{first.key} is NaN at step {steps_text(step)} for the first time, "
            f"{first.n_nan:,} of {first.count:,} points are{others}.",
            key=first.key, lo=step, hi=max(step, first.last_step or step),
            numbers={"n_nan": first.n_nan, "count": first.count},
        ))  # fmt: skip
    infinite = [line for line in lines if line.inf_at is not None]
    if infinite:
        line = min(infinite, key=lambda one: (one.inf_at or 0, one.key))
        step = line.inf_at or 0
        others = f", and {len(infinite) - 1} more series" if len(infinite) > 1 else ""
        found.append(Insight(
            kind=Kind.INF, severity="error", title=f"Infinite at step {steps_text(step)}",
            text=f"{line.key} is infinite at step {steps_text(step)}{others}.",
            key=line.key, lo=step, hi=step,
        ))  # fmt: skip
    return found


def find_spike(line: Line) -> Insight | None:
    """The greatest jump of a loss far above what it did before."""
    found: list[tuple[float, int, float]] = []
    ends: list[float] = []
    for index in range(len(line)):
        start = max(0, index - SPIKE_WINDOW)
        before = line.mean[start:index]
        if len(before) >= SPIKE_BEFORE:
            middle = median(before)
            recent = ends[max(start, _FIRST) : index]
            usual = sorted(recent)[int(_USUAL * len(recent))]
            sigma = usual / _reach(median(line.n[start:index]))
            jump = line.high[index] - middle
            is_far = jump > SPIKE_SIGMAS * sigma and jump > 1e-9 * abs(middle)
            is_high = middle <= 0 or line.high[index] > SPIKE_RATIO * middle
            if is_far and is_high and _is_rare(before, line.high[index]):
                found.append((jump, index, middle))
        else:
            middle = median([*before, line.mean[index]])
        ends.append(max(line.high[index] - middle, middle - line.low[index]))
    if not found:
        return None
    _, index, middle = max(found)
    times = f" It happened {len(found)} times." if len(found) > 1 else ""
    lo, hi = line.lo[index], line.hi[index]
    where = f"step {steps_text(lo)}" + ("" if lo == hi else f" to {steps_text(hi)}")
    return Insight(
        kind=Kind.SPIKE, severity="warning",
        title=f"Spike of {line.key} at step {steps_text(lo)}",
        text=f"{line.key} reached {figure(line.high[index])} at {where}; before it was about "
        f"{figure(middle)}.{times}",
        key=line.key, lo=line.lo[max(0, index - 5)], hi=line.hi[min(len(line) - 1, index + 5)],
        numbers={"value": line.high[index], "before": middle, "spikes": len(found)},
    )  # fmt: skip


def _is_rare(before: Sequence[float], value: float) -> bool:
    """Whether a value stands out by its logarithm as well, where there is one."""
    if min(before) <= 0:
        return True
    logs = [math.log(one) for one in before]
    return math.log(value) - median(logs) > SPIKE_LOG_SIGMAS * _noise(logs)


def _reach(points: float) -> float:
    """The sigmas that so many values of normal noise stay within, `_USUAL` of the time."""
    return _NORMAL.inv_cdf((1 + _USUAL ** (1 / max(1.0, points))) / 2)


def _noise(values: Sequence[float]) -> float:
    """The standard deviation of a curve around its course, from neighbors' differences."""
    steps = [abs(b - a) for a, b in itertools.pairwise(values)]
    return 1.4826 * median(steps) / math.sqrt(2) if steps else 0.0


def find_plateau(line: Line) -> Insight | None:
    """Since when a loss that fell has not moved any more."""
    values, count = line.mean, len(line)
    if count < PLATEAU_STRETCHES:
        return None
    head = median(values[: max(3, count // 20)])
    tail = median(values[-count // 5 :])
    fall, noise = head - tail, _noise(values[count // 2 :])
    if fall <= max(PLATEAU_SIGMAS * noise, 0.0):
        return None
    least = min(PLATEAU_MOVE * fall, PLATEAU_MOVE * abs(tail))
    block = max(3, count // 20)
    for start in range(block, count - math.ceil(PLATEAU_SHARE * count) + 1, block):
        middle = (start + count) // 2
        moved = median(values[start:middle]) - median(values[middle:])
        begins = median(values[start : start + block]) - tail
        error = 1.25 * noise * 2 / math.sqrt(count - start)  # of a difference of two medians
        if error <= least and abs(moved) <= least and abs(begins) <= 2 * least + noise:
            share = (count - start) / count
            return Insight(
                kind=Kind.PLATEAU, severity="info",
                title=f"{line.key} is flat since step {steps_text(line.lo[start])}",
                text=f"{line.key} fell from {figure(head)} to {figure(tail)} and has moved by "
                f"{figure(abs(moved))} in the last {share:.0%} of the run.",
                key=line.key, lo=line.lo[start], hi=line.hi[-1],
                numbers={"head": head, "tail": tail, "moved": moved, "share": share},
            )  # fmt: skip
    return None


def find_overfit(lines: Sequence[Line]) -> list[Insight]:
    """Held-out curves that turned while those of training went on."""
    training: dict[tuple[str, ...], Line] = {}
    for line in lines:
        words = _words(line.key)
        if not _HELD_OUT & set(words):
            training.setdefault(tuple(w for w in words if w not in _TRAINING), line)
    found = []
    for line in lines:
        words = _words(line.key)
        partner = training.get(tuple(w for w in words if w not in _HELD_OUT))
        if _HELD_OUT & set(words) and partner is not None:
            insight = _turned(partner, line)
            if insight is not None:
                found.append(insight)
    return found


def _turned(training: Line, held_out: Line) -> Insight | None:
    sign = 1.0 if is_loss(held_out.key) else -1.0
    raw = [sign * value for value in held_out.mean]
    turn = _turn(raw, 3) or (_turn(raw, len(raw) // 4) if len(raw) >= OVERFIT_LEVELS else None)
    if turn is None:
        return None
    best, least, end = turn
    step = held_out.lo[best]
    then, now = _around(training, step), median(training.mean[-max(1, len(training) // 10) :])
    if then is None or sign * (then - now) <= _noise(training.mean):
        return None
    word, other = ("least", "fell") if sign > 0 else ("greatest", "rose")
    at_best, at_end = sign * least, sign * end
    return Insight(
        kind=Kind.OVERFIT, severity="warning",
        title=f"Over-fitting since step {steps_text(step)}",
        text=f"{held_out.key} was {word}, {figure(at_best)}, at step {steps_text(step)} and is "
        f"{figure(at_end)} now, while {training.key} {other} from {figure(then)} to "
        f"{figure(now)}.",
        key=held_out.key, lo=step, hi=held_out.hi[-1],
        numbers={"best": at_best, "end": at_end, "train_then": then, "train_now": now},
    )  # fmt: skip


def _turn(raw: Sequence[float], width: int) -> tuple[int, float, float] | None:
    """Where a curve was least, how low, and where it ends; None if it did not turn.

    It is seen through medians of ``width`` values.
    """
    count = len(raw)
    if count < OVERFIT_STRETCHES:
        return None
    values = _smooth(raw, width)
    best = min(range(count), key=values.__getitem__)
    end = median(raw[-width:]) if width > 3 else median(values[-max(3, count // 10) :])
    error = 1.25 * math.sqrt(2 / width)  # of a difference of two medians, in sigmas
    sigmas = OVERFIT_LEVEL_SIGMAS * error if width > 3 else OVERFIT_SIGMAS
    enough = max(
        sigmas * _noise(raw),
        OVERFIT_RISE * min(abs(values[best]), max(values[0] - values[best], 0.0)),
    )
    is_past = count - 1 - best >= max(3, OVERFIT_SHARE * count)
    return (best, values[best], end) if is_past and end - values[best] > enough else None


def _smooth(values: Sequence[float], width: int) -> list[float]:
    """Medians of so many values, so that one lucky value is not the best."""
    before, after = (width - 1) // 2, width // 2 + 1
    return [median(values[max(0, i - before) : i + after]) for i in range(len(values))]


def _around(line: Line, step: int) -> float | None:
    """What a curve was at a step: the median of the stretches next to it."""
    if not len(line):
        return None
    at = min(range(len(line)), key=lambda i: abs(line.lo[i] - step))
    return median(line.mean[max(0, at - 2) : at + 3])
