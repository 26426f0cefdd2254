"""A callback for Optuna's studies; Optuna is not imported.

By default a study is one run: its trials are points, with the number of the trial as step. With
``as_runs`` every trial is a run of the study's group.
"""

from __future__ import annotations

import math
import os
from typing import Any

from epochal.client import guard
from epochal.client.plain import to_plain
from epochal.client.request import read_request
from epochal.client.run import Run
from epochal.client.start import begin
from epochal.integrations.binding import Binding


class EpochalCallback:
    """Give it to ``study.optimize(objective, callbacks=[...])``.

    Args:
        metric: what the objective returns is called so; a list where it returns several values.
        as_runs: make a run of each trial.
        arguments: of `epochal.init`.

    Example:
        >>> study.optimize(objective, n_trials=20, callbacks=[EpochalCallback("val/acc")])
    """

    def __init__(
        self, metric: str | list[str] = "value", *, as_runs: bool = False, **arguments: Any
    ) -> None:
        self._metrics = [metric] if isinstance(metric, str) else list(metric)
        self._as_runs = as_runs
        self._arguments = arguments
        self._binding: Binding | None = None

    def __call__(self, study: Any, trial: Any) -> None:
        """Record a trial that has ended."""
        with guard.Shield("recording a trial"):
            if self._as_runs:
                self._record_run(study, trial)
            else:
                self._record_point(study, trial)

    @property
    def run(self) -> Run | None:
        """The run of the study, once a trial has ended."""
        return None if self._binding is None else self._binding.run

    def _record_point(self, study: Any, trial: Any) -> None:
        if self._binding is None:
            self._binding = Binding({"name": study.study_name, **self._arguments})
            directions = [direction.name.lower() for direction in study.directions]
            self._binding.run.config.update({"study": study.study_name, "goals": directions})
        run = self._binding.run
        parameters = {
            f"params/{name}": "None" if value is None else value
            for name, value in trial.params.items()
        }
        run.log({**_plain(parameters), **self._values(trial)}, step=trial.number)
        if len(study.directions) == 1 and any(t.state.name == "COMPLETE" for t in study.trials):
            best = study.best_trial
            run.summary["best"] = {"trial": best.number, "value": best.value}
            run.summary["best_params"] = _plain(best.params)

    def _record_run(self, study: Any, trial: Any) -> None:
        given = {"name": f"trial {trial.number}", "group": study.study_name, **self._arguments}
        given["config"] = {**_plain(trial.params), **(given.get("config") or {})}
        run = begin(read_request(given, os.environ))  # which leaves the current run what it is
        for step, value in sorted(trial.intermediate_values.items()):
            run.log({self._metrics[0]: value}, step=step)
        run.summary.update(self._values(trial))
        run.summary["trial"] = {"number": trial.number, "state": trial.state.name}
        run.summary.update({f"trial.{key}": v for key, v in _plain(trial.user_attrs).items()})
        run.finish(1 if trial.state.name == "FAIL" else 0, quiet=True)

    def _values(self, trial: Any) -> dict[str, float]:
        values = trial.values or []
        names = [*self._metrics, *(f"value_{n}" for n in range(len(self._metrics), len(values)))]
        pairs = zip(names, values, strict=False)
        return {name: value for name, value in pairs if not math.isnan(value)}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: to_plain(value) for key, value in values.items()}
