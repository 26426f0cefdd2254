"""Optuna, Ignite, torchmetrics and Python's logging, each with the real library.

The tests import them, as every worker collects this file.
"""

from __future__ import annotations

import gzip
import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import epochal
from epochal.domain.record import Event
from epochal.errors import EpochalWarning
from epochal.integrations.logging import RunHandler
from tests.client.scripts import QUIET, read_home

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def points(home: Path, key: str) -> list[tuple[int, Any]]:
    return [point for told in read_home(home) for point in told.points(key)]


# ------------------------------------------------------------------------------ Optuna
def objective(trial: Any) -> float:
    x = trial.suggest_float("x", -1, 1)
    trial.suggest_categorical("kind", ["a", None])
    for step in range(2):
        trial.report(x + step, step)
    if trial.number == 1:
        raise ValueError("a trial that fails")
    return float(x * x)


def study(callback: Any) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study(study_name="s1", sampler=optuna.samplers.RandomSampler(seed=1))
    made.optimize(objective, n_trials=3, callbacks=[callback], catch=(ValueError,))
    return made


def test_a_study_is_a_run_with_a_point_per_trial(home: Path) -> None:
    from epochal.integrations.optuna import EpochalCallback

    callback = EpochalCallback("loss", project="p", settings=QUIET)
    made = study(callback)
    assert callback.run is not None
    callback.run.finish()
    assert points(home, "params/x") == [(t.number, t.params["x"]) for t in made.trials]
    assert points(home, "loss") == [(t.number, t.value) for t in made.trials if t.value]
    (found,) = epochal.runs("p")
    assert found.name == "s1"
    best = (found.summary["best.trial"], found.summary["best.value"])
    assert best == (made.best_trial.number, made.best_value)
    assert found.summary["best_params.x"] == made.best_params["x"]


def test_a_study_can_make_a_run_of_each_trial(home: Path) -> None:
    """In a group, with parameters as config, what was reported as series, and the state."""
    from epochal.integrations.optuna import EpochalCallback

    with epochal.init(project="mine", settings=QUIET) as outer:
        made = study(EpochalCallback("loss", as_runs=True, project="p", settings=QUIET))
        outer.log({"a": 1})
        assert epochal.run.id == outer.id
    runs = sorted(epochal.runs("p"), key=lambda run: run.name)
    assert [run.name for run in runs] == ["trial 0", "trial 1", "trial 2"]
    assert [run.state for run in runs] == ["finished", "failed", "finished"]
    assert {run.group for run in runs} == {"s1"}
    assert [run.config["x"] for run in runs] == [trial.params["x"] for trial in made.trials]
    assert runs[0].series("loss").step.tolist() == [0, 1]
    assert runs[0].summary["loss"] == made.trials[0].value


# ------------------------------------------------------------------------------ Ignite
def test_ignites_engines_log_through_their_handlers(home: Path) -> None:
    from ignite.engine import Engine, Events
    from ignite.handlers import global_step_from_engine
    from ignite.metrics import Average

    from epochal.integrations.ignite import EpochalLogger

    trainer = Engine(lambda engine, batch: batch * 2.0)
    evaluator = Engine(lambda engine, batch: batch)
    Average().attach(evaluator, "mean")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    with EpochalLogger(project="p", settings=QUIET) as logger:
        logger.attach_output_handler(
            trainer,
            Events.ITERATION_COMPLETED(every=2),
            tag="train",
            output_transform=lambda output: {"loss": output},
        )
        logger.attach_output_handler(
            evaluator,
            Events.EPOCH_COMPLETED,
            tag="val",
            metric_names="all",
            global_step_transform=global_step_from_engine(trainer),
        )
        logger.attach_opt_params_handler(trainer, Events.EPOCH_STARTED, optimizer=optimizer)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: evaluator.run([1.0, 3.0]))
        trainer.run([1.0, 2.0, 3.0, 4.0], max_epochs=2)
    assert points(home, "train/loss") == [(2, 4.0), (4, 8.0), (6, 4.0), (8, 8.0)]
    assert points(home, "val/mean") == [(1, 2.0), (2, 2.0)]
    assert points(home, "lr/group_0") == [(1, 0.5), (2, 0.5)]
    (found,) = epochal.runs("p")
    assert found.state == "finished"


# ------------------------------------------------------------------------------ torchmetrics
def test_metrics_are_logged_as_what_they_compute(home: Path) -> None:
    import torchmetrics

    mean = torchmetrics.MeanMetric()
    mean.update(torch.tensor([1.0, 2.0]))
    both = torchmetrics.MetricCollection({"low": torchmetrics.MinMetric(), "sum": mean.clone()})
    both.update(torch.tensor([3.0, 5.0]))
    with epochal.init(project="p", settings=QUIET) as run:
        run.log({"mean": mean, "all": both, "plain": 1})
        mean.update(torch.tensor([9.0]))
        run.log({"mean": mean})
    assert points(home, "mean") == [(0, 1.5), (1, 4.0)]
    assert points(home, "all.low") == [(0, 3.0)]
    assert points(home, "plain") == [(0, 1)]


def test_a_metric_that_waits_for_other_ranks_is_not_waited_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`log()` never waits (P1): the user is told what to do instead."""
    import torchmetrics

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    mean = torchmetrics.MeanMetric()
    run = epochal.init(project="p", settings=QUIET)
    with pytest.warns(EpochalWarning, match="called on every rank"):
        run.log({"mean": mean, "plain": 1})
    assert points(home, "plain") == [(0, 1)]


# ------------------------------------------------------------------------------ the profiler
def test_the_profilers_traces_are_files_and_tables_of_the_run(home: Path) -> None:
    from torch.profiler import ProfilerActivity, profile, schedule

    from epochal.integrations.profiler import COLUMNS, trace_handler

    layer = torch.nn.Linear(8, 8)
    with epochal.init(project="p", settings=QUIET) as run:
        plan = schedule(wait=0, warmup=0, active=1, repeat=2)
        handler = trace_handler("steps")
        with profile(
            activities=[ProfilerActivity.CPU], schedule=plan, on_trace_ready=handler
        ) as profiler:
            for _ in range(2):
                layer(torch.ones(2, 8))
                profiler.step()
        run.log({"a": 1})
    (found,) = epochal.runs("p")
    traces = [file for file in found.files() if file.path.startswith("steps/")]
    assert [file.path for file in traces] == [f"steps/{n}.pt.trace.json.gz" for n in (1, 2)]
    trace = json.loads(gzip.decompress(Path(traces[0].download(str(home.parent))).read_bytes()))
    assert any(event.get("name") == "aten::linear" for event in trace["traceEvents"])
    table = found.media("steps")[0].meta
    assert table["columns"] == list(COLUMNS)
    assert "aten::addmm" in {row[0] for row in table["preview"]}
    with pytest.warns(EpochalWarning, match="no run to keep it"):
        handler(profiler)


# ------------------------------------------------------------------------------ logging
@pytest.fixture
def logger() -> Any:
    made = logging.getLogger("tests.of.the.handler")
    made.propagate = False
    yield made
    made.handlers.clear()


def events(home: Path) -> list[Event]:
    return [event for told in read_home(home) for event in told.all(Event)]


def test_warnings_and_errors_become_notices_of_the_run(home: Path, logger: Any) -> None:
    """With tracebacks; the same text comes once a minute, info is for the console."""
    logger.addHandler(RunHandler())
    logger.warning("before any run")
    with epochal.init(project="p", settings=QUIET):
        logger.info("nothing")
        for _ in range(3):
            logger.warning("disk is %d %% full\nsecond line", 90)
        try:
            math.sqrt(-1)
        except ValueError:
            logger.exception("that failed")
    full, failed = events(home)
    assert (full.level, full.title) == ("warning", "disk is 90 % full")
    assert full.text.startswith("second line\ntests.of.the.handler, ")
    assert (failed.level, failed.title) == ("error", "that failed")
    assert "ValueError" in failed.text


def test_a_log_record_that_cannot_be_formatted_harms_nobody(home: Path) -> None:
    with epochal.init(project="p", settings=QUIET) as run:
        handler = RunHandler(run=run)
        with pytest.warns(EpochalWarning, match="log record"):
            handler.handle(logging.LogRecord("x", 30, "x.py", 1, "%d", ("no number",), None))
        handler.handle(logging.LogRecord("x", 30, "x.py", 1, "fine", (), None))
    assert [event.title for event in events(home)] == ["fine"]
