"""Importance finds what matters, says how sure that is, and finds nothing in chance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from epochal.domain.forest import grow
from epochal.domain.importance import Cell, importance, rank_correlation
from epochal.errors import InvalidInput


def study(runs: int, seed: int = 1) -> tuple[dict[str, list[Cell]], list[Cell]]:
    """A result with a best lr in the middle and one bad optimizer; the rest is noise."""
    chance = np.random.default_rng(seed)
    lr = 10 ** chance.uniform(-5, -1, runs)
    optimizer = chance.choice(["adam", "sgd", "lion"], runs)
    loss = (np.log10(lr) + 3) ** 2 + 2 * (optimizer == "sgd") + chance.normal(0, 0.2, runs)
    parameters: dict[str, list[Cell]] = {
        "lr": list(lr.tolist()),
        "optimizer": [str(name) for name in optimizer],
        "seed": list(range(runs)),
        "dropout": list(chance.random(runs).tolist()),
        "device": ["cuda"] * runs,
    }
    return parameters, list(loss.tolist())


def test_what_matters_stands_first_even_where_a_correlation_sees_nothing() -> None:
    """The best lr lies in the middle: no rank correlation, most of the variance."""
    report = importance(*study(150))
    found = {entry.name: entry for entry in report.parameters}
    assert {entry.name for entry in report.parameters[:2]} == {"lr", "optimizer"}
    assert found["lr"].certain
    assert found["optimizer"].certain
    assert found["lr"].low is not None
    assert found["lr"].high is not None
    assert found["lr"].low < 0 < found["lr"].high
    assert found["optimizer"].correlation is None
    for noise in ("seed", "dropout"):
        assert not found[noise].certain
        assert found[noise].importance < 0.05
    assert report.explained > 0.6
    assert report.constant == ["device"]


def test_in_chance_nothing_is_certain() -> None:
    """Ten studies of pure noise: what is called certain is the exception, nothing is explained."""
    certain = 0
    for seed in range(10):
        parameters, _ = study(60, seed)
        result = np.random.default_rng(100 + seed).normal(size=60)
        report = importance(parameters, list(result.tolist()))
        certain += sum(entry.certain for entry in report.parameters)
        assert report.explained < 0.3
    assert certain <= 3


def test_equal_input_gives_an_equal_answer_whatever_the_scale_of_the_result() -> None:
    """Only ranks of the result count: one diverged run or a logarithm changes nothing."""
    parameters, loss = study(60)
    once = importance(parameters, loss)
    assert importance(parameters, loss) == once
    stretched: list[Cell] = [math.exp(float(value or 0)) * 1e6 for value in loss]
    assert importance(parameters, stretched) == once


def test_runs_without_a_result_are_counted_and_missing_values_are_a_value_of_their_own() -> None:
    """A run that diverged is left out and told; a parameter that half of the runs lack explains
    what its absence explains.
    """
    runs = 80
    chance = np.random.default_rng(3)
    has = chance.random(runs) < 0.5
    warmup: list[Cell] = [
        float(v) if h else None for v, h in zip(chance.random(runs), has, strict=True)
    ]
    result: list[Cell] = list((has * 1.0 + chance.normal(0, 0.05, runs)).tolist())
    result[0], result[1], result[2] = math.nan, None, math.inf
    report = importance({"warmup": warmup, "other": list(chance.random(runs).tolist())}, result)
    assert (report.runs, report.left_out) == (77, 3)
    assert report.parameters[0].name == "warmup"
    assert report.parameters[0].certain
    assert report.parameters[0].runs == sum(value is not None for value in warmup[3:])


def test_odd_values_are_no_trouble() -> None:
    """Huge integers, NaN, true and false, a constant result, nothing that varies."""
    odd: list[Cell] = [10**400, math.nan, True, False, None, "x", "", -0.0, 0.0, 1e308, 2, 3]
    report = importance({"odd": odd}, [float(i) for i in range(12)])
    assert [entry.name for entry in report.parameters] == ["odd"]
    assert importance({"odd": odd}, [1.0] * 12).parameters == []
    assert importance({"same": [1] * 12}, [float(i) for i in range(12)]).constant == ["same"]
    assert importance({}, [float(i) for i in range(12)]).parameters == []


def test_too_few_runs_or_too_many_parameters_are_refused() -> None:
    """With a number of what there is and of what is needed."""
    with pytest.raises(InvalidInput, match=r"9 runs have a finite result; .* at least 10"):
        importance({"a": [1] * 9}, [1.0] * 9)
    with pytest.raises(InvalidInput, match="41 parameters are too many"):
        importance({str(i): [1] * 10 for i in range(41)}, [1.0] * 10)


def test_the_forest_predicts_rows_that_its_trees_did_not_see() -> None:
    """A step function is found by trees that did not learn from the row."""
    chance = np.random.default_rng(5)
    features = chance.random((300, 3))
    target = (features[:, 1] > 0.4).astype(np.float64)
    forest = grow(features, target, 40, chance)
    assert forest.unseen.shape == (40, 300)
    assert np.mean((forest.predict(features) - target) ** 2) < 0.03


def test_a_rank_correlation_has_an_interval_that_narrows_with_runs() -> None:
    """Spearman's by its definition on ranks with ties; 95 % interval around it."""
    first = np.array([1.0, 2, 2, 3, 5, 8, 9, 12, 15, 20])
    second = np.array([2.0, 1, 4, 3, 7, 6, 9, 9, 11, 10])
    found = rank_correlation(first, second)
    assert found is not None
    by_hand = np.corrcoef([0, 1.5, 1.5, 3, 4, 5, 6, 7, 8, 9], [1, 0, 3, 2, 5, 4, 6.5, 6.5, 9, 8])
    assert found[0] == pytest.approx(by_hand[0, 1])
    assert found[1] < found[0] < found[2]
    more = rank_correlation(np.tile(first, 9), np.tile(second, 9))
    assert more is not None
    assert more[2] - more[1] < (found[2] - found[1]) / 2
    assert rank_correlation(first, np.ones(10)) is None
    assert rank_correlation(first[:3], second[:3]) is None
