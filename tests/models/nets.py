"""Small models of the kinds that people save."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class LazyCNN(nn.Module):
    """Convolutions and a LazyLinear, whose input size only the first batch tells."""

    def __init__(self, classes: int = 10, width: int = 8) -> None:
        super().__init__()
        self.width = width
        self.features = nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.LazyLinear(classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).flatten(1))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.drop(self.norm(self.first(x))))


class ResNet(nn.Module):
    """Residual blocks with BatchNorm and Dropout; ``classes`` is not kept as an attribute."""

    def __init__(self, width: int, blocks: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.head = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Tied(nn.Module):
    """Output weights that are the embedding's."""

    def __init__(self, words: int = 11, width: int = 4) -> None:
        super().__init__()
        self.words, self.width = words, width
        self.embedding = nn.Embedding(words, width)
        self.out = nn.Linear(width, words, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.out(self.embedding(ids))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"sum": self.a(x) + scale, "scaled": self.a(x) * scale}


class WithExtra(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.count: Any = {"seen": 3}

    def get_extra_state(self) -> Any:
        return self.count

    def set_extra_state(self, state: Any) -> None:
        self.count = state

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)
