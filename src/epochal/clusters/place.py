"""Where a program stands, so that a worker on another machine finds the same modules and home."""

from __future__ import annotations

import os
import sys
from typing import Final

import msgspec

OURS: Final = "EPOCHAL_"
"""How variables of the environment begin that a worker gets from its driver."""


class Place(msgspec.Struct, frozen=True):
    """Where modules lie, and the settings of Epochal.

    Attributes:
        path: of modules, absolute.
        environment: variables that begin with `OURS`.
        directory: the working directory.
    """

    path: list[str]
    environment: dict[str, str]
    directory: str

    def enter(self) -> None:
        """Make this process find what the driver finds. Runs in the worker."""
        sys.path[:] = self.path
        os.environ.update(self.environment)


def here() -> Place:
    """The place of this process."""
    path = [os.path.abspath(each) for each in sys.path]
    ours = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
    return Place(path, ours, os.getcwd())
