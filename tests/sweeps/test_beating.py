"""How often an agent says that its trial goes on."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.domain.sweep import Orders
from epochal.sweeps import agent, sweep
from epochal.sweeps.beating import WATCHED_BEAT_S
from epochal.sweeps.desk import Desk


def test_a_rule_that_compares_at_each_value_is_asked_once_a_second(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the trial logs: each beat costs the server a look at all trials."""
    times: list[float] = []
    enough, beat = threading.Event(), Desk.beat

    def noted(self: Desk, held: Any) -> Orders:
        times.append(time.monotonic())
        if len(times) == 3:
            enough.set()
        return beat(self, held)

    monkeypatch.setattr(Desk, "beat", noted)

    def train() -> None:
        with epochal.init() as run:
            deadline = time.monotonic() + 120
            while not enough.wait(0.02) and time.monotonic() < deadline:
                run.log({"loss": 1.0})

    config = {
        "method": "random", "metric": "loss", "run_cap": 1, "early_terminate": {"type": "median"},
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
    }  # fmt: skip
    agent(sweep(config, project="p"), train)
    assert enough.is_set()
    assert all(b - a >= 0.9 * WATCHED_BEAT_S for a, b in pairwise(times))
