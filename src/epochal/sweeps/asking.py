"""`ActiveTrial`: a function asks for its parameters by name while it runs (define by run).

The sweep chooses each value when it is asked for, so which parameters a trial has may depend on
those that it got before. A value is in the run's config as soon as it is known.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import msgspec

from epochal.client import api, guard
from epochal.client.trial import VARIABLE, Trial
from epochal.domain.sweep import Held, Suggest
from epochal.errors import InvalidInput
from epochal.sweeps.desk import Desk


class ActiveTrial:
    """What a function with ``define_by_run`` gets.

    Attributes:
        number: of the trial, from 0.
        params: values by name, those that were asked for so far.

    Example:
        >>> def objective(trial):
        ...     lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        ...     return train(lr)
    """

    def __init__(self, desk: Desk, held: Held) -> None:
        self._desk = desk
        self._held = held
        self.number = held.number
        self.params: dict[str, Any] = {}

    def suggest_float(
        self, name: str, low: float, high: float, *, log: bool = False, step: float | None = None
    ) -> float:
        """A number from ``low`` to ``high``, both included.

        Args:
            name: what it is called in the config.
            low: least value.
            high: greatest value.
            log: search its logarithm; ``low`` is greater than 0 then.
            step: only multiples of this, of which ``low`` is one.

        Raises:
            InvalidInput: the range cannot be used.
        """
        if step is None:
            kind = "log_uniform_values" if log else "uniform"
            return float(self._ask(name, {"distribution": kind, "min": low, "max": high}))
        if log or step <= 0 or not math.isclose(low / step, round(low / step), abs_tol=1e-9):
            raise InvalidInput(
                f"{name}: a step goes without log, is greater than 0, and low is a multiple of "
                f"it; got low={low!r}, step={step!r}, log={log!r}"
            )
        asked = {"distribution": "q_uniform", "min": low, "max": high, "q": float(step)}
        return float(self._ask(name, asked))

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number from ``low`` to ``high``, both included.

        Raises:
            InvalidInput: the range cannot be used.
        """
        asked: dict[str, Any] = {"distribution": "int_uniform", "min": low, "max": high}
        if log:
            asked = {"distribution": "q_log_uniform_values", "min": low, "max": high, "q": 1}
        return int(self._ask(name, asked))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices.

        Raises:
            InvalidInput: there are none, or one is no plain value.
        """
        return self._ask(name, {"values": list(choices)})

    def _ask(self, name: str, parameter: dict[str, Any]) -> Any:
        asked = Suggest(self._held.number, self._held.attempt, name, parameter)
        value = self._desk.suggest(asked)
        self.params[name] = value
        self._tell()
        return value

    def _tell(self) -> None:
        """Put the values into the config of the run, or of the one that `init` makes later."""
        run = api.current_run()
        if run is not None:
            guard.attempt(lambda: run.config.update(self.params), default=None)
        text = os.environ.get(VARIABLE)
        if text:
            trial = msgspec.json.decode(text, type=Trial)
            trial = msgspec.structs.replace(trial, config={**trial.config, **self.params})
            os.environ[VARIABLE] = msgspec.json.encode(trial).decode()
