"""Rules that end trials early look at nothing but what trials logged."""

from __future__ import annotations

import pytest

from epochal.errors import InvalidInput
from epochal.search.config import Metric, Stopping
from epochal.search.parse import read_sweep
from epochal.search.stopping import check_reach, why_stop

LOSS = Metric("loss")


def test_hyperband_keeps_the_best_of_those_that_came_so_far() -> None:
    """At a band, with eta 3, one of three stays; before the first band nobody is looked at."""
    rule = Stopping("hyperband", bands=(2, 6), eta=3.0)
    others = [[1.0, 0.9], [1.0, 0.5]]
    assert why_stop(rule, LOSS, [1.0], others) is None
    assert why_stop(rule, LOSS, [1.0, 0.4], others) is None
    assert (
        why_stop(rule, LOSS, [1.0, 0.7], others)
        == "1 of 2 other trials were better at iteration 2"
    )
    assert why_stop(rule, LOSS, [1.0, 0.7], others[:1]) is None


def test_a_trial_that_is_past_several_bands_is_compared_at_each() -> None:
    """One that logs fast may reach a band that nobody else came to."""
    rule = Stopping("hyperband", bands=(1, 3, 9), eta=2.0)
    fast, others = [5.0] * 9, [[1.0, 0.9, 0.8], [1.0]]
    assert why_stop(rule, LOSS, fast, others) == "2 of 2 other trials were better at iteration 1"
    assert why_stop(rule, LOSS, fast, others, seen=2) == (
        "1 of 1 other trials were better at iteration 3"
    )
    assert why_stop(rule, LOSS, fast, others, seen=8) is None
    assert why_stop(rule, LOSS, fast[:5], others, seen=4) is not None, "the last band counts still"


def test_bands_beyond_what_is_kept_are_refused_of_new_sweeps_only() -> None:
    given = {"method": "random", "metric": "loss", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    config = read_sweep({**given, "early_terminate": {"type": "hyperband", "min_iter": 5000}})
    with pytest.raises(InvalidInput, match=r"after 5,000 logged values.*once per epoch"):
        check_reach(config.stopping)


def test_the_median_rule_needs_company() -> None:
    """It waits for `startup` trials and `warmup` iterations, and respects the goal."""
    rule = Stopping("median", startup=3, warmup=1)
    others = [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]
    assert why_stop(rule, LOSS, [9.0], others) is None
    assert why_stop(rule, LOSS, [9.0, 9.0], others[:2]) is None
    assert why_stop(rule, LOSS, [9.0, 9.0], others) is not None
    assert why_stop(rule, LOSS, [9.0, 0.15], others) is None
    assert why_stop(rule, Metric("acc", "maximize"), [9.0, 9.0], others) is None


def test_nan_counts_as_the_worst() -> None:
    rule = Stopping("asha", bands=(1,), eta=2.0)
    nan = float("nan")
    assert why_stop(rule, LOSS, [nan], [[1.0], [2.0]]) is not None
    assert why_stop(rule, LOSS, [1.0], [[nan], [nan]]) is None


def test_wilcoxons_rule_compares_fold_by_fold_with_the_best_trial() -> None:
    """Folds differ more than trials do: only side by side it shows that one is worse."""
    rule = Stopping("wilcoxon", p=0.1, warmup=2)
    best, worse = [1.0, 5.0, 3.0, 9.0], [1.1, 5.3, 3.2, 9.4]
    others = [best, [4.0, 8.0, 6.0, 12.0], best[:2]]
    assert why_stop(rule, LOSS, worse[:2], others) is None, "the warm-up"
    assert why_stop(rule, LOSS, worse[:3], others) is None, "three of three may be chance"
    assert why_stop(rule, LOSS, worse, others) == (
        "worse than the best trial in 4 values side by side (p = 0.062)"
    )
    assert why_stop(rule, LOSS, [1.1, 5.3, 2.0, 9.4], others) is None
    assert why_stop(rule, Metric("acc", "maximize"), worse, [best]) is None
    assert why_stop(rule, Metric("acc", "maximize"), best, [worse]) is not None
    assert why_stop(rule, LOSS, worse, []) is None
    nan = float("nan")
    assert why_stop(rule, LOSS, [nan, 5.3, 3.2, 9.4], [best]) is not None
    assert why_stop(rule, LOSS, worse, [[nan, 1.0, 1.0, 1.0]]) is None


def test_options_of_wilcoxons_rule_are_read() -> None:
    def stopping(**options: float) -> Stopping | None:
        early = {"type": "wilcoxon", **options}
        parameters = {"x": {"min": 0.0, "max": 1.0}}
        given = {"method": "random", "metric": "loss", "parameters": parameters}
        return read_sweep({**given, "early_terminate": early}).stopping

    assert stopping() == Stopping("wilcoxon", p=0.1, warmup=2)
    assert stopping(p=0.01, warmup=5) == Stopping("wilcoxon", p=0.01, warmup=5)
    with pytest.raises(InvalidInput, match=r"early_terminate\.p: it must be between 0 and 1"):
        stopping(p=1.0)
    with pytest.raises(InvalidInput, match=r"unknown key of wilcoxon.*p, warmup"):
        stopping(eta=3)
