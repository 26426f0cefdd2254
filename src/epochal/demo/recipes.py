"""The runs of the demo: the same network, other hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """One run. ``lr`` is the peak learning rate, ``width`` the channels of the first layer."""

    name: str
    lr: float
    width: int
    tag: str

    def arguments(self) -> list[str]:
        """The recipe as options of ``epochal.demo.train``."""
        return [
            f"--name={self.name}",
            f"--lr={self.lr}",
            f"--width={self.width}",
            f"--tag={self.tag}",
        ]


# The third one is meant to fail: its loss spikes and becomes NaN, and the page has to say so.
RECIPES = (
    Recipe("baseline", lr=0.05, width=16, tag="baseline"),
    Recipe("wide", lr=0.05, width=32, tag="capacity"),
    Recipe("too-hot", lr=2.0, width=16, tag="learning-rate"),
    Recipe("warm", lr=0.1, width=16, tag="learning-rate"),
    Recipe("cool", lr=0.01, width=16, tag="learning-rate"),
    Recipe("narrow", lr=0.05, width=8, tag="capacity"),
)
