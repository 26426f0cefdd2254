"""Machines that wait, and runs apart from those beside them."""

from __future__ import annotations

import pytest

from epochal.domain.insight import Kind
from epochal.domain.peers import find_difference
from epochal.domain.throughput import find_idle, find_waiting
from tests.domain.curves import line_of

GPU = "system/gpu.0.utilization"


def test_a_gpu_that_is_seldom_busy_is_told_with_what_the_processors_did():
    lines = [line_of([10.0, 14.0] * 50, GPU), line_of([95.0] * 100, "system/cpu.percent")]
    (found,) = find_idle(lines)
    assert (found.kind, found.key, found.place) == (Kind.IDLE, GPU, "system")
    assert "12 % of the time" in found.text
    assert "95 % busy" in found.text


def test_a_gpu_beside_a_busy_one_is_not_used_and_no_finding():
    lines = [line_of([0.0] * 100, GPU), line_of([90.0] * 100, "system/gpu.1.utilization")]
    assert find_idle(lines) == []


def test_a_busy_gpu_that_rests_for_long_is_told_where():
    (found,) = find_idle([line_of([95.0] * 40 + [1.0] * 40 + [95.0] * 60, GPU)])
    assert (found.lo, found.hi) == (40, 79)
    assert find_idle([line_of([95.0, 2.0] * 70, GPU)]) == [], "pauses between batches"


def test_few_samples_are_not_judged():
    assert find_idle([line_of([0.0] * 20, GPU)]) == []


@pytest.mark.parametrize(
    ("data", "step"),
    [("time/data", "time/step"), ("data_time", "batch_time"), ("perf/load_ms", "perf/iter_ms")],
)
def test_steps_that_wait_for_data_are_told(data, step):
    (found,) = find_waiting([line_of([0.06] * 50, data), line_of([0.1] * 50, step)])
    assert found.kind == Kind.INPUT
    assert found.title.startswith("60%")
    assert find_waiting([line_of([0.01] * 50, data), line_of([0.1] * 50, step)]) == []


def test_times_of_different_units_are_not_compared():
    lines = [line_of([60.0] * 50, "data_ms"), line_of([0.1] * 50, "step_time")]
    assert find_waiting(lines) == []


def test_a_run_alone_with_one_value_is_told():
    others = [{"lr": 0.1, "seed": n, "depth": 18} for n in range(3)]
    (found,) = find_difference({"lr": 0.2, "seed": 9, "depth": 18}, others, "group sgd")
    assert (found.kind, found.key) == (Kind.DIFFERS, "lr")
    assert "only this one has lr = 0.2; the others have 0.1" in found.text


@pytest.mark.parametrize("mine", [{"lr": 0.1, "depth": 18}, {"lr": 0.2, "depth": 34}, {"lr": 0.2}])
def test_none_or_several_differences_are_no_finding(mine):
    assert find_difference(mine, [{"lr": 0.1, "depth": 18}] * 3, "p") == []
    assert find_difference({"lr": 0.2, "depth": 18}, [{"lr": 0.1, "depth": 18}], "p") == []


def test_a_key_that_only_this_run_lacks_is_told():
    (found,) = find_difference({"lr": 0.1}, [{"lr": 0.1, "warmup": 5}] * 3, "project p")
    assert "nothing" in found.title
