"""`epochal.run`, `epochal.config` and `epochal.summary`: stand-ins for those of the current run.

They exist before a run does, so that ``from epochal import config`` works anywhere in a program.
`epochal.run` is two things in one, because both are what users expect under that name: the current
run (it is false when there is none, and gives the run's attributes), and a function that reads a
recorded run by its id.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from epochal.client.api import current_run, need_run
from epochal.client.run import Run
from epochal.errors import RunStateError


class CurrentRun:
    """The current run; called with an id, a recorded run of the reading API.

    Example:
        >>> epochal.init(project="demo")
        >>> epochal.run.name
        'brisk-harbor-12'
        >>> epochal.run("k3j9x2ab", project="demo").history()
    """

    __slots__ = ()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Read a recorded run; see `epochal.api.run`."""
        return importlib.import_module("epochal.api").run(*arguments, **options)

    def __bool__(self) -> bool:
        return current_run() is not None

    def __eq__(self, other: object) -> bool:
        run = current_run()
        return other is self or (other is run if run is not None else other is None)

    def __hash__(self) -> int:
        return hash(CurrentRun)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(need_run(f"epochal.run.{name}"), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(need_run(f"epochal.run.{name}"), name, value)

    def __enter__(self) -> Run:
        return need_run("with epochal.run").__enter__()

    def __exit__(self, *error: object) -> None:
        need_run("with epochal.run").__exit__(*error)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        run = current_run()
        return "<no current run>" if run is None else repr(run)


class CurrentMapping:
    """The config or summary of the current run.

    Args:
        name: ``config`` or ``summary``.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def _target(self) -> Any:
        return getattr(need_run(f"epochal.{self._name}"), self._name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._target(), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._target(), name, value)

    def __getitem__(self, key: str) -> Any:
        return self._target()[key]

    def __setitem__(self, key: str, value: object) -> None:
        self._target()[key] = value

    def __delitem__(self, key: str) -> None:
        del self._target()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._target()

    def __iter__(self) -> Iterator[str]:
        return iter(self._target())

    def __len__(self) -> int:
        return len(self._target())

    def keys(self) -> Any:
        """The keys; makes ``**epochal.config`` and ``dict(epochal.config)`` work."""
        return self._target().keys()

    def __repr__(self) -> str:
        try:
            return repr(self._target())
        except RunStateError:
            return f"<epochal.{self._name}: no current run>"
