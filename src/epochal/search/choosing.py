"""Who chooses the parameters of the next trial: the grid, chance, or Optuna.

A `Chooser` is told of every trial, in the order of their numbers, and asked for the next one. It
can be thrown away at any time: one that is told the same trials again goes on in the same way. All
chance comes from the sweep's seed and the trial's number.
"""

from __future__ import annotations

import hashlib
import importlib
import random
from collections.abc import Mapping
from typing import Any, Protocol, cast

import msgspec

from epochal.errors import MissingExtra
from epochal.search.config import Parameter, SweepConfig
from epochal.search.grid import grid_point, grid_size
from epochal.search.space import Coordinate, choose, draw


class Told(msgspec.Struct, frozen=True):
    """What a chooser knows of a trial.

    Attributes:
        number: counts from 0 over the sweep.
        coordinates: by parameter; None when they do not lie in the space.
        state: ``running``, ``finished``, ``stopped`` or ``failed``.
        value: of the metric; None when there is none that can be compared.
        iterations: how many values were logged.
        values: of all objectives; empty when there is one, or when some are missing.
        space: what a function asked for by name.
    """

    number: int
    coordinates: Mapping[str, Coordinate] | None
    state: str
    value: float | None
    iterations: int = 0
    values: tuple[float, ...] = ()
    space: tuple[Parameter, ...] = ()


class Chooser(Protocol):
    """Chooses coordinates."""

    def prepare(self, number: int) -> None:
        """Load what a question about the trial of this number needs; that may take seconds."""

    def tell(self, trial: Told) -> None:
        """Take note of a trial: a new one, whose number is the next, or one that changed."""

    def ask(self, number: int, searched: int) -> dict[str, Coordinate] | None:
        """The coordinates of the next trial, or None when there are no more.

        Args:
            number: the number that it will have.
            searched: how many trials this sweep has chosen already.
        """

    def suggest(self, number: int, parameter: Parameter) -> Coordinate:
        """The coordinate of a parameter that the function of a running trial asks for by name."""


class GridChooser:
    """Every point of the grid once, in order."""

    def __init__(self, config: SweepConfig, seed: int) -> None:
        del seed
        self._config = config
        self._size = grid_size(config)

    def prepare(self, number: int) -> None:
        """The grid needs nothing."""

    def tell(self, trial: Told) -> None:
        """The grid does not learn."""

    def ask(self, number: int, searched: int) -> dict[str, Coordinate] | None:
        """The next point."""
        del number
        return grid_point(self._config, searched) if searched < self._size else None

    def suggest(self, number: int, parameter: Parameter) -> Coordinate:
        """A grid has no parameters but those of its configuration."""
        raise RuntimeError(f"a grid was asked for {parameter.name} of trial {number}")


class RandomChooser:
    """Each trial for itself."""

    def __init__(self, config: SweepConfig, seed: int) -> None:
        self._config = config
        self._seed = seed

    def prepare(self, number: int) -> None:
        """Chance needs nothing."""

    def tell(self, trial: Told) -> None:
        """Chance does not learn."""

    def ask(self, number: int, searched: int) -> dict[str, Coordinate] | None:
        """Anything."""
        del searched
        source = random.Random(seed_of(self._seed, number))  # noqa: S311 - no secret is made
        return choose(self._config, lambda parameter: draw(parameter, source))

    def suggest(self, number: int, parameter: Parameter) -> Coordinate:
        """Anything; the same for the same name."""
        seed = seed_of(self._seed, f"{number}/{parameter.name}")
        return draw(parameter, random.Random(seed))  # noqa: S311 - no secret is made


def make_chooser(config: SweepConfig, seed: int) -> Chooser:
    """The chooser that a configuration asks for.

    Raises:
        MissingExtra: it needs Optuna, which is not installed.
        InvalidInput: the sampler does not take its options.
    """
    if config.method == "grid":
        return GridChooser(config, seed)
    if config.method == "random" or not (config.searched or config.by_run):
        return RandomChooser(config, seed)
    try:
        engine: Any = importlib.import_module("epochal.search.engine")
        return cast("Chooser", engine.OptunaChooser(config, seed))
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing.startswith("epochal"):
            raise
        what = f"sampler {config.sampler} (module {missing})"
        raise MissingExtra(what, "sweeps") from None


def seed_of(seed: int, number: int | str) -> int:
    """32 bits for a trial, or a part of one, from the sweep's seed."""
    text = f"{seed}/{number}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "little")
