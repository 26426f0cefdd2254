"""Findings about curves: planted ones are found where they are, noise alone gives none."""

from __future__ import annotations

import math
import random

import pytest

from epochal.domain.insight import Kind, Line, ranked
from epochal.domain.trends import (
    find_bad_values,
    find_overfit,
    find_plateau,
    find_spike,
    is_gain,
    is_loss,
)
from epochal.domain.view import Metric
from tests.domain.curves import NOISES, line_of, noisy, span, there

COURSES = {
    "flat": lambda t: 2.0,
    "decay": lambda t: 0.5 + 2 * math.exp(-4 * t),
    "linear": lambda t: 3 - 2 * t,
    "power": lambda t: 3 / (0.05 + t) ** 0.3,
    "rise": lambda t: 0.5 + 0.3 * t,
}
CURVES = 40


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("course", COURSES)
def test_no_curve_of_noise_has_a_spike(course, noise):
    """Short and long ones, more and less noise; none of 160 in each case."""
    source = random.Random(f"spike {course} {noise}")
    for count in (30, 300, 3000):
        for sigma in (0.01, 0.2):
            for _ in range(CURVES // (1 if count < 3000 else 8)):
                values = noisy(COURSES[course], count, noise, sigma, source)
                assert find_spike(line_of(values)) is None, (count, sigma, values[:5])


@pytest.mark.parametrize("noise", NOISES)
def test_no_pair_of_noise_is_over_fitted_and_no_noise_is_flat_after_a_fall(noise):
    source = random.Random(f"pairs {noise}")
    for name in ("flat", "linear", "decay", "power"):
        for sigma in (0.01, 0.3):
            for count in (8, 20, 40, 400):
                for _ in range(CURVES // 4):
                    pair = [
                        line_of(noisy(COURSES[name], count, noise, sigma, source), key)
                        for key in ("train/loss", "val/loss")
                    ]
                    assert find_overfit(pair) == []
                    if name in ("flat", "linear", "power"):
                        assert find_plateau(pair[0]) is None, (name, sigma, count)


@pytest.mark.parametrize("count", [200, 5000])
@pytest.mark.parametrize("at", [0.3, 0.6, 0.97])
def test_a_planted_spike_is_found_at_its_step(count, at):
    source = random.Random(count + at)
    values = noisy(COURSES["decay"], count, "normal", 0.02, source)
    step = int(at * count)
    values[step] = 9.0
    found = there(find_spike(line_of(values)))
    lo, hi = span(found)
    assert lo <= step <= hi
    assert found.numbers["value"] == 9.0
    assert (f"at step {step};" in found.text) == (count == 200)  # a stretch is one step
    assert abs(found.numbers["before"] - COURSES["decay"](at)) < 0.4
    assert (found.kind, found.numbers["spikes"]) == (Kind.SPIKE, 1)


def test_a_loss_that_scatters_by_factors_has_no_spike_until_it_leaves_them_behind():
    """As batches of a classifier that has learned its data by heart: a hard one is no accident."""
    source = random.Random(3)
    values = [math.exp(source.gauss(-9, 1.5)) for _ in range(2000)]
    assert find_spike(line_of(values)) is None
    values[1500] = 90.0
    lo, hi = span(find_spike(line_of(values)))
    assert lo <= 1500 <= hi


def test_several_spikes_are_one_finding_with_the_greatest():
    values = noisy(COURSES["flat"], 500, "normal", 0.05, random.Random(1))
    for step, value in ((100, 6.0), (300, 12.0), (400, 8.0)):
        values[step] = value
    found = there(find_spike(line_of(values)))
    assert (found.numbers["value"], found.numbers["spikes"]) == (12.0, 3)
    assert "3 times" in found.text


def test_a_plateau_is_found_where_it_begins():
    """A fall over the first third, then noise around a floor."""
    values = noisy(lambda t: 1 + max(0.0, 1 - 3 * t), 1200, "normal", 0.02, random.Random(2))
    found = there(find_plateau(line_of(values)))
    lo, hi = span(found)
    assert 300 <= lo <= 520
    assert hi == 1199
    assert found.numbers["head"] == pytest.approx(2, abs=0.15)
    assert found.numbers["tail"] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("key", ["val/loss", "loss_val", "Loss/valid", "eval_loss"])
def test_over_fitting_is_found_with_its_turn(key):
    source = random.Random(key)
    val = noisy(lambda t: 1 + 2 * (t - 0.4) ** 2, 100, "normal", 0.005, source)
    train = noisy(lambda t: 1.3 - t, 400, "normal", 0.02, source)
    name = {"val/loss": "train/loss", "loss_val": "loss", "Loss/valid": "Loss/train"}
    lines = [line_of(train, name.get(key, "train_loss")), line_of(val, key)]
    (found,) = find_overfit(lines)
    assert 28 <= span(found)[0] <= 52
    assert found.numbers["best"] == pytest.approx(1, abs=0.03)
    assert found.numbers["train_now"] < found.numbers["train_then"]
    assert key in found.text


def test_over_fitting_of_what_should_rise_is_found_too():
    source = random.Random(5)
    val = noisy(lambda t: 0.8 - (t - 0.5) ** 2, 60, "normal", 0.003, source)
    train = noisy(lambda t: 0.5 + 0.5 * t, 60, "normal", 0.003, source)
    (found,) = find_overfit([line_of(train, "train/acc"), line_of(val, "val/acc")])
    assert "greatest" in found.text


def test_over_fitting_under_the_noise_of_single_epochs_is_found_in_their_levels():
    """A validation loss of 40 epochs of 600 images, which a reader sees turn at once."""
    val = [
        2.105, 1.815, 1.447, 0.987, 0.859, 0.716, 0.73, 0.723, 0.68, 0.688, 0.733, 0.657, 0.632,
        0.594, 0.615, 0.622, 0.602, 0.585, 0.649, 0.592, 0.595, 0.603, 0.773, 0.613, 0.741, 0.615,
        0.639, 0.66, 0.68, 0.765, 0.689, 0.754, 0.692, 0.795, 0.722, 0.715, 0.733, 0.778, 0.755,
        0.772,
    ]  # fmt: skip
    train = noisy(lambda t: 2.2 * math.exp(-5 * t), 440, "normal", 0.02, random.Random(9))
    lines = [line_of(train), line_of(val, "val/loss")]
    (found,) = find_overfit(lines)
    assert 13 <= span(found)[0] <= 21
    assert found.numbers["best"] == pytest.approx(0.6, abs=0.02)
    assert found.numbers["end"] == pytest.approx(0.745, abs=0.02)


def test_held_out_that_rises_while_training_rises_too_is_no_over_fitting():
    curve = [1 + (i - 40) ** 2 / 2000 for i in range(100)]
    assert find_overfit([line_of(curve, "train/loss"), line_of(curve, "val/loss")]) == []


def metric(key: str, first_nan: int | None, count: int = 100) -> Metric:
    return Metric(
        key=key, count=count, last=None, last_step=99, min=0.0, max=1.0, mean=0.5,
        n_nan=0 if first_nan is None else 7, n_inf=0, first_nan_step=first_nan,
    )  # fmt: skip


def test_the_first_series_that_is_no_number_is_named_and_the_others_counted():
    metrics = [metric("b", 20), metric("a", 12), metric("c", None), metric("system/x", 1)]
    (found,) = find_bad_values(metrics, [])
    assert (found.kind, found.key, found.lo, found.hi) == (Kind.NAN, "a", 12, 99)
    assert "1 more series" in found.text
    infinite = Line("z", [0], [9], [10], [0.0], [1.0], [0.5], inf_at=4)
    (found,) = find_bad_values([], [infinite])
    assert (found.kind, found.lo) == (Kind.INF, 4)


def test_curves_of_a_few_points_are_not_judged():
    for count in range(6):
        short = line_of([float(i) for i in range(count)])
        assert find_spike(short) is None
        assert find_plateau(short) is None
        assert find_overfit([short, line_of([1.0] * count, "val/loss")]) == []


def test_names_tell_what_should_fall_and_what_should_rise():
    assert all(map(is_loss, ["train/loss", "Loss/train", "val_loss", "mse", "word.error"]))
    assert all(map(is_gain, ["val/acc", "top1", "test_f1", "mIoU"]))
    assert not any(map(is_loss, ["lr", "glossary", "val/acc"]))
    assert not any(map(is_gain, ["lr", "accumulate", "val/loss"]))


def test_findings_are_told_worst_first():
    values = noisy(COURSES["flat"], 500, "normal", 0.05, random.Random(1))
    values[100] = 6.0
    spike = there(find_spike(line_of(values)))
    (nan,) = find_bad_values([metric("a", 12)], [])
    assert ranked([spike, nan]) == [nan, spike]
