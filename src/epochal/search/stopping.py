"""When a trial ends early: rules over the values that each trial logged so far.

An iteration is one logged value of the metric. All rules look only at trials that came as far, and
know nothing but these values: asked twice, they answer the same. They compare the best value up to
an iteration; ``wilcoxon`` compares the values side by side, as they come from folds of the data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Final, cast

from epochal.domain.sweep import MAX_REPORTS
from epochal.search.config import Metric, Stopping
from epochal.search.places import Path, Places
from epochal.search.ranks import chance

RULES: Final = ("hyperband", "asha", "median", "percentile", "wilcoxon")
OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "hyperband": ("min_iter", "max_iter", "s", "eta", "strict"),
    "asha": ("min_iter", "max_iter", "eta"),
    "median": ("startup", "warmup"),
    "percentile": ("percentile", "startup", "warmup"),
    "wilcoxon": ("p", "warmup"),
}
MAX_ITERATION: Final = 2**31
MAX_BANDS: Final = 64


def read_stopping(given: Any, places: Places) -> Stopping | None:
    """Read ``early_terminate``.

    Raises:
        InvalidInput: it cannot be used.
    """
    path: Path = ("early_terminate",)
    if given is None:
        return None
    if not isinstance(given, Mapping) or "type" not in given:
        places.refuse(path, f"it must be a mapping with a type, got {given!r:.80}")
    rule = places.choice((*path, "type"), given["type"], RULES, "type")
    for key in given:
        places.choice((*path, str(key)), key, ("type", *OPTIONS[rule]), f"key of {rule}")
    numbers = {
        key: _number(value, (*path, key), places)
        for key, value in given.items()
        if key not in ("type", "strict")
    }
    if rule in ("median", "percentile"):
        return Stopping(
            rule=cast("Any", rule),
            percentile=numbers.get("percentile", 50.0),
            startup=int(numbers.get("startup", 5)),
            warmup=int(numbers.get("warmup", 0)),
        )
    if rule == "wilcoxon":
        p = numbers.get("p", 0.1)
        if not 0 < p < 1:
            places.refuse((*path, "p"), f"it must be between 0 and 1, got {p:g}")
        return Stopping("wilcoxon", p=p, warmup=int(numbers.get("warmup", 2)))
    eta = numbers.get("eta", 3.0)
    if eta <= 1:
        places.refuse((*path, "eta"), f"it must be greater than 1, got {eta:g}")
    bands = _bands(rule, numbers, eta, places)
    return Stopping(cast("Any", rule), bands, eta, strict=bool(given.get("strict", False)))


def _bands(rule: str, numbers: Mapping[str, float], eta: float, places: Places) -> tuple[int, ...]:
    """W&B's: upwards from ``min_iter``, or ``s`` of them downwards from ``max_iter``."""
    path: Path = ("early_terminate",)
    least, most = numbers.get("min_iter"), numbers.get("max_iter")
    if least is None and most is None:
        if rule == "hyperband":
            places.refuse(path, "hyperband needs min_iter, or max_iter and s")
        least = 1.0
    if least is not None:
        upper = MAX_ITERATION if most is None else most
        found = [least * eta**n for n in range(MAX_BANDS) if least * eta**n <= upper]
    else:
        if "s" not in numbers:
            places.refuse(path, "max_iter needs s, the number of brackets")
        found = [cast("float", most) / eta**n for n in range(1, int(numbers["s"]) + 1)]
    bands = sorted({int(band) for band in found if band >= 1})
    if not bands:
        places.refuse(path, "no bracket has an iteration; give a smaller min_iter or s")
    return tuple(bands)


def check_reach(rule: Stopping | None) -> None:
    """What a new sweep must hold beyond `read_stopping`; sweeps that are kept are read without.

    Raises:
        InvalidInput: the first look would come after more values than are kept.
    """
    if rule is not None and rule.bands and rule.bands[0] > MAX_REPORTS:
        Places({}).refuse(
            ("early_terminate",),
            f"the first look would come after {rule.bands[0]:,} logged values, and only the first "
            f"{MAX_REPORTS:,} are looked at; log the metric less often, as once per epoch",
        )


def _number(value: Any, path: Path, places: Places) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        places.refuse(path, f"it must be a number of at least 0, got {value!r:.80}")
    return float(value)


def looks_at(rule: Stopping, iterations: int) -> bool:
    """Whether a trial of so many iterations is compared with others at all."""
    if rule.rule in ("hyperband", "asha"):
        return iterations >= rule.bands[0]
    return iterations > rule.warmup


def why_stop(
    rule: Stopping,
    metric: Metric,
    mine: Sequence[float],
    others: Sequence[Sequence[float]],
    seen: int = 0,
) -> str | None:
    """The reason to end a trial now, or None.

    Args:
        rule: the rule.
        metric: says which values are better.
        mine: what the trial logged, oldest first.
        others: what each other trial logged.
        seen: how many values of ``mine`` were there when it was asked last; every band that was
            reached since then counts, so that nobody gets past one by being fast.
    """
    if not looks_at(rule, len(mine)):
        return None
    if rule.rule in ("hyperband", "asha"):
        reached = [band for band in rule.bands if band <= len(mine)]
        new = [band for band in reached if band > seen]
        for band in reached if rule.strict else new or reached[-1:]:
            value = best_of(metric, mine[:band])
            rest = [best_of(metric, one[:band]) for one in others if len(one) >= band]
            better = sum(metric.better(other, value) for other in rest)
            if len(rest) + 1 >= rule.eta and better >= max(
                1, math.ceil((len(rest) + 1) / rule.eta)
            ):
                return f"{better} of {len(rest)} other trials were better at iteration {band}"
        return None
    at = len(mine)
    if rule.rule == "wilcoxon":
        return _beaten(rule, metric, mine, [one for one in others if len(one) >= at])
    rest = sorted(best_of(metric, one[:at]) for one in others if len(one) >= at)
    if len(rest) < max(1, rule.startup):
        return None
    value, limit = best_of(metric, mine), _limit(rule, metric, rest)
    if metric.better(limit, value):
        return f"worse than the {rule.rule} of {len(rest)} other trials at iteration {at}"
    return None


def _beaten(
    rule: Stopping, metric: Metric, mine: Sequence[float], others: Sequence[Sequence[float]]
) -> str | None:
    """Whether the trial with the best mean is better value by value, and not by chance."""
    sign = -1.0 if metric.goal == "maximize" else 1.0

    def mean(values: Sequence[float]) -> float:
        return sign * fmean(values) if all(map(math.isfinite, values)) else math.inf

    best = min(others, key=mean, default=mine)
    if not mean(best) < mean(mine):
        return None
    p = chance([sign * (a - b) for a, b in zip(mine, best, strict=False)])
    if p >= rule.p:
        return None
    return f"worse than the best trial in {len(mine)} values side by side (p = {p:.2g})"


def best_of(metric: Metric, values: Sequence[float]) -> float:
    """The best finite value; the worst there can be when there is none."""
    finite = [value for value in values if math.isfinite(value)]
    if metric.goal == "maximize":
        return max(finite, default=-math.inf)
    return min(finite, default=math.inf)


def _limit(rule: Stopping, metric: Metric, rest: Sequence[float]) -> float:
    """The value that must be reached; ``rest`` is sorted upwards."""
    share = rule.percentile / 100.0
    place = (1.0 - share if metric.goal == "maximize" else share) * (len(rest) - 1)
    low, high = rest[math.floor(place)], rest[math.ceil(place)]
    if low == high or math.isinf(low) or math.isinf(high):
        return low
    return low + (high - low) * (place - math.floor(place))
