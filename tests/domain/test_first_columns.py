"""A new project's table shows its results and its main settings."""

from __future__ import annotations

import pytest

from epochal.domain.first_columns import fact_column, first_columns, metric_column
from epochal.domain.query import parse_field

METRICS = ["train/acc", "train/loss", "val/loss", "val/acc", "lr", "system/gpu_loss", "layer10/w"]


def test_results_come_before_settings_and_held_out_ones_first() -> None:
    """Losses, scores, then config that most runs have; the machine and single runs stay out."""
    config = [("seed", 3), ("lr", 3), ("data.mean", 3), ("rare", 1)]
    assert first_columns([(key, 3) for key in METRICS], config) == [
        "last(val/loss)", "last(val/acc)", "last(train/loss)",
        "config.lr", "config.seed", "config.data.mean",
    ]  # fmt: skip
    assert first_columns([], []) == []
    names = [("loss10", 1), ("loss2", 1), ("LOSS1", 1)]
    assert first_columns(names, []) == ["last(LOSS1)", "last(loss2)", "last(loss10)"]


@pytest.mark.parametrize("key", ["a", "val/acc", "odd key", 'a "b" \\', "a.", "é", "9", "a(b)"])
def test_every_key_is_spelled_so_that_it_is_read_back(key: str) -> None:
    """Whatever a user called it."""
    assert parse_field(metric_column("last", key)).name == key
    assert parse_field(fact_column("config", key)).name == key
