"""The health of a layer follows from its own past, with thresholds that have names."""

from __future__ import annotations

import math
from typing import Any

from epochal.domain import health
from epochal.domain.health import State, diagnose


def stats(norm: float = 1.0, n: int = 100, **more: int) -> dict[str, Any]:
    return {"n": n, "norm": norm, "zeros": 0, "nan": 0, "inf": 0, **more}


def states(*series: dict[str, Any], gradients: bool = True) -> list[State]:
    found = diagnose({"x": list(enumerate(series))}, gradients=gradients)
    return found["x"].states


def test_all_zeros_are_dead_only_when_they_last() -> None:
    """The first step told is the one at which the zeros began."""
    zero = stats(0.0, zeros=100)
    series = [stats(), zero, zero, stats(), zero, zero, zero, zero]
    found = diagnose({"x": list(enumerate(series))})["x"]
    assert found.states[:6] == [State.OK] * 6
    assert found.states[6:] == [State.DEAD] * 2
    assert found.first == {State.DEAD: 4}


def test_a_gradient_vanishes_absolutely_or_beside_the_strongest_layer() -> None:
    small = 10 * health.VANISHING_RMS * math.sqrt(100)
    assert states(stats(small)) == [State.OK]
    assert states(stats(small / 100)) == [State.VANISHING]
    both = diagnose({"first": [(3, stats(small))], "last": [(3, stats(100.0))]})
    assert both["first"].first == {State.VANISHING: 3}
    assert both["last"].worst is State.OK


def test_an_explosion_is_growth_beyond_the_own_past() -> None:
    calm = [stats(1.0 + 0.5 * (i % 3)) for i in range(10)]
    assert states(*calm, stats(90.0))[-1] is State.OK
    assert states(*calm, stats(200.0))[-1] is State.EXPLODING
    assert states(*calm[:3], stats(200.0))[-1] is State.OK, "too short a past to judge"


def test_a_recovery_to_an_earlier_height_is_no_explosion() -> None:
    fall = [stats(1000.0)] + [stats(1.0)] * 10
    assert states(*fall, stats(900.0))[-1] is State.OK
    assert states(*fall, stats(1100.0))[-1] is State.EXPLODING


def test_slow_growth_is_found_within_the_history() -> None:
    found = diagnose({"x": [(i, stats(1.2**i)) for i in range(health.HISTORY + 5)]})["x"]
    assert State.EXPLODING in found.first


def test_what_half_precision_cannot_hold_explodes_without_a_past() -> None:
    assert states(stats(1e6, n=100)) == [State.EXPLODING]


def test_nan_comes_before_inf_and_both_before_all_else() -> None:
    found = states(stats(1e9, nan=1, inf=1), stats(1e9, inf=1), stats(0.0, zeros=99, nan=1))
    assert found == [State.NAN, State.INF, State.NAN]


def test_explosions_do_not_raise_the_bar_for_later_ones() -> None:
    calm = [stats(1.0)] * 6
    assert states(*calm, stats(200.0), stats(300.0))[-2:] == [State.EXPLODING] * 2


def test_parameters_may_be_zero_or_small_in_good_health() -> None:
    zero = stats(0.0, zeros=100)
    assert states(zero, zero, zero, zero, stats(1e-9), gradients=False) == [State.OK] * 5
    assert states(stats(nan=1), gradients=False) == [State.NAN]


def test_missing_figures_do_not_stop_the_diagnosis() -> None:
    """A record of another client may hold less; nothing finite means a norm of None."""
    assert states({}, {"n": 4, "norm": None, "nan": 0, "inf": 4, "zeros": 0})[-1] is State.INF


def test_the_layer_of_a_parameter_is_its_name_without_the_last_part() -> None:
    assert health.layer_of("features.0.weight") == "features.0"
    assert health.layer_of("scale") == "scale"
