"""Models to watch, and what a home has recorded of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import epochal
from epochal.domain.record import Event, Media
from tests.client.scripts import read_home

Begin = Callable[..., epochal.Run]


Series = dict[str, list[tuple[int, dict[str, Any]]]]


def small() -> Any:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def backward(model: Any, width: int = 4) -> None:
    model(torch.randn(16, width)).square().mean().backward()


def recorded(home: Path) -> Series:
    """Steps and stats by key, in recorded order."""
    found: Series = {}
    for journal in read_home(home):
        for media in journal.all(Media):
            for item in media.items:
                assert item.kind in {"histogram", "plot"}
                found.setdefault(media.key, []).append((media.step, item.meta.get("stats")))
    return found


def steps(home: Path, key: str) -> list[int]:
    return [step for step, _ in recorded(home).get(key, [])]


def alarms(home: Path) -> list[Event]:
    return [e for j in read_home(home) for e in j.all(Event) if e.level == "warning"]


def hooks(model: nn.Module) -> int:
    """How many hooks of any kind lie on a model."""
    on_parameters = sum(len(p._post_accumulate_grad_hooks or ()) for p in model.parameters())
    return on_parameters + sum(len(m._forward_hooks) for m in model.modules())
