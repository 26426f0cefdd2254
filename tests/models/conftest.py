"""Saved models that several modules open."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from epochal.models import save_model


@pytest.fixture
def saved(tmp_path):
    return save_model(
        nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)),
        tmp_path / "m",
        input_example=torch.zeros(2, 3),
    )
