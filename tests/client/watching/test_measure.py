"""A row of figures says what NumPy says in float64, for every kind of tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epochal.client.watching import measure
from epochal.client.watching.measure import BINS, describe


def figures(tensor: torch.Tensor, scale: float = 1.0) -> dict[str, Any]:
    with torch.no_grad():
        found = measure.measure(torch, tensor)
    return describe(found.row.tolist(), found.n, found.implicit, scale)


def expect(values: Any) -> dict[str, float]:
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    finite = array[np.isfinite(array)]
    return {
        "n": array.size,
        "min": finite.min(),
        "max": finite.max(),
        "mean": finite.mean(),
        "std": finite.std(),
        "norm": float(np.linalg.norm(finite)),
        "zeros": int((array == 0).sum()),
        "nan": int(np.isnan(array).sum()),
        "inf": int(np.isinf(array).sum()),
    }


FLOATS = st.floats(width=32) | st.sampled_from([0.0, 1.0, -1.0])


@given(st.lists(FLOATS, min_size=1, max_size=300))
def test_the_figures_are_those_of_numpy(values: list[float]) -> None:
    """NaN and infinities are counted and left out; every finite value is in a bin."""
    found = figures(torch.tensor(values, dtype=torch.float32))
    assert len(found["edges"]) == len(found["counts"]) + 1
    if not np.isfinite(values).any():
        assert found["stats"]["min"] is found["stats"]["norm"] is None
        assert sum(found["counts"]) == 0
        return
    wanted = expect(np.asarray(values, dtype=np.float32))
    assert sum(found["counts"]) == wanted["n"] - wanted["nan"] - wanted["inf"]
    scale = max(abs(wanted["min"]), abs(wanted["max"]))
    for name, value in wanted.items():
        assert found["stats"][name] == pytest.approx(value, rel=1e-6, abs=1e-6 * scale), name


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("deterministic", [False, True])
def test_the_counts_are_those_of_numpy(
    pieces: int, deterministic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces, too, and where nondeterministic operations are forbidden."""
    values = torch.randn(3001, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    monkeypatch.setattr(measure, "PIECES", {"cpu": -(-3001 // pieces)})
    torch.use_deterministic_algorithms(deterministic)
    try:
        found = figures(values)
    finally:
        torch.use_deterministic_algorithms(False)
    counts, edges = np.histogram(values.numpy(), BINS)
    assert found["counts"] == counts.tolist()
    assert found["edges"] == pytest.approx(edges.tolist())
    for name, value in expect(values).items():
        assert found["stats"][name] == pytest.approx(value), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_half_and_double_precision_are_summed_in_double(dtype: torch.dtype) -> None:
    """60,000 values of 300 would overflow a half-precision sum."""
    values = torch.full((60_000,), 300.0, dtype=dtype)
    values[7] = float("nan")
    found = figures(values)["stats"]
    assert (found["mean"], found["nan"], found["n"]) == (300.0, 1, 60_000)
    assert found["norm"] == pytest.approx(300 * 59_999**0.5)


def test_equal_values_make_one_bin_around_them() -> None:
    found = figures(torch.full((5,), 2.0))
    assert (found["edges"], found["counts"]) == ([1.0, 3.0], [5])


def test_a_sparse_gradient_counts_its_unstored_zeros() -> None:
    dense = torch.zeros(50, 4)
    dense[3], dense[7] = 2.0, -1.0
    entries = torch.stack([dense[3], dense[7]])
    sparse = torch.sparse_coo_tensor(torch.tensor([[3, 7]]), entries, (50, 4))
    assert figures(sparse) == figures(dense)
    assert figures(sparse)["stats"]["zeros"] == 192


def test_a_sparse_gradient_without_entries_is_all_zeros() -> None:
    empty = torch.sparse_coo_tensor(torch.zeros(1, 0, dtype=torch.long), torch.zeros(0, 4), (9, 4))
    found = figures(empty)
    assert found["stats"]["zeros"] == found["stats"]["n"] == 36
    assert found["counts"] == [36]


def test_a_complex_number_counts_as_two() -> None:
    found = figures(torch.tensor([3 + 4j, 0j]))["stats"]
    assert (found["n"], found["norm"], found["zeros"]) == (4, 5.0, 2)


def test_a_scale_is_taken_out_again() -> None:
    values = torch.tensor([1.0, -2.0, 0.5])
    plain, scaled = figures(values), figures(values * 1024, scale=1024.0)
    assert scaled["counts"] == plain["counts"]
    assert scaled["edges"] == pytest.approx(plain["edges"])
    for name, value in plain["stats"].items():
        assert scaled["stats"][name] == pytest.approx(value), name


def test_a_sample_is_small_and_movement_relative() -> None:
    large = torch.arange(100_000.0)
    assert measure.sample(large).numel() <= measure.SAMPLE
    moved = measure.movement(torch, torch.tensor([3.0, 4.0]), torch.tensor([3.0, 5.0]))
    assert float(moved) == pytest.approx(1 / 34**0.5)
