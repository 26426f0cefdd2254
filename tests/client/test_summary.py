"""The summary: what the user set, else what `define_metric` asks for, else the last value
logged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.domain.record import Definition, Event, Summary
from epochal.errors import EpochalWarning, InvalidInput, RunStateError
from tests.client.scripts import read_home

Begin = Callable[..., epochal.Run]


def test_last_values_are_the_default(begin: Begin) -> None:
    run = begin()
    for i in range(300):
        epochal.log({"loss": 1 / (i + 1), "step": i})
        if i % 10 == 0:
            epochal.log({"val": {"acc": i}})
    assert run.summary["loss"] == epochal.summary.loss == 1 / 300
    assert run.summary["val.acc"] == 290
    assert set(run.summary.keys()) == {"loss", "step", "val.acc"}


def test_the_newest_row_wins_over_key_sets(begin: Begin) -> None:
    run = begin()
    epochal.log({"a": 1, "b": 1})
    epochal.log({"a": 2})
    epochal.log({"a": 3, "c": 1})
    assert run.summary["a"] == 3


def test_what_the_user_sets_wins_and_is_recorded(begin: Begin, home: Path) -> None:
    run = begin()
    epochal.log({"best": 1})
    run.summary["best"] = 0.5
    run.summary.update({"test": {"acc": 0.9}}, note="fine")
    run.summary.top = 3
    assert (run.summary.best, run.summary["test.acc"], run.summary["note"]) == (0.5, 0.9, "fine")
    del run.summary["best"]
    assert run.summary["best"] == 1
    epochal.finish()
    (told,) = read_home(home)
    changes: dict[str, Any] = {}
    for fact in told.all(Summary):
        changes.update(fact.changes)
        for key in fact.removed:
            del changes[key]
    assert changes == {"test.acc": 0.9, "note": "fine", "top": 3}


@pytest.mark.parametrize(
    "kinds,shown",
    [
        ("min", 1.0),
        ("max", 5.0),
        ("mean", 3.0),
        ("first", 3.0),
        ("last", 5.0),
        (["min", "max"], {"min": 1.0, "max": 5.0}),
        ("min,max", {"min": 1.0, "max": 5.0}),
    ],
)
def test_a_definition_says_what_the_summary_shows(kinds: Any, shown: Any, begin: Begin) -> None:
    run = begin()
    run.define_metric("loss", summary=kinds)
    for value in (3.0, 1.0, math.nan, 5.0):
        epochal.log({"loss": value, "other": 1})
    assert run.summary["loss"] == shown
    assert run.summary["other"] == 1


def test_best_follows_the_goal(begin: Begin) -> None:
    run = begin()
    run.define_metric("acc", summary="best", goal="maximize")
    for value in (0.1, 0.9, 0.5):
        epochal.log({"acc": value})
    assert run.summary["acc"] == 0.9


def test_a_pattern_covers_keys_to_come_and_keys_logged_before(begin: Begin) -> None:
    run = begin()
    epochal.log({"val/a": 9})
    epochal.define_metric("val/*", summary="max")
    for i in (5, 3):
        epochal.log({"val/a": i, "val/b": i})
    assert run.summary["val/b"] == 5


def test_summary_none_hides_a_key(begin: Begin) -> None:
    run = begin()
    run.define_metric("debug", summary="none")
    epochal.log({"debug": 1})
    assert "debug" not in run.summary


def test_definitions_are_recorded(begin: Begin, home: Path) -> None:
    run = begin()
    epoch = run.define_metric("epoch", hidden=True)
    run.define_metric("train/*", step_metric=epoch, step_sync=True)
    epochal.finish()
    (told,) = read_home(home)
    first, second = told.all(Definition)
    assert (first.name, first.hidden) == ("epoch", True)
    assert (second.name, second.step_metric) == ("train/*", "epoch")


def test_bad_definitions_teach(begin: Begin) -> None:
    run = begin()
    with pytest.raises(InvalidInput, match="end of a metric name"):
        run.define_metric("a*b")
    with pytest.raises(InvalidInput, match="minimize"):
        run.define_metric("a", goal="up")
    with pytest.warns(EpochalWarning, match="unknown summary 'median'"):
        run.define_metric("a", summary="median")


def test_an_alert_is_an_event_and_is_not_repeated_too_soon(begin: Begin, home: Path) -> None:
    run = begin()
    for _ in range(3):
        run.alert("Loss is NaN", "at step 3", level="WARN", wait_duration=60)
    epochal.alert("again", wait_duration=0)
    epochal.alert("again", wait_duration=0)
    epochal.finish()
    (told,) = read_home(home)
    events = [(e.level, e.title, e.text) for e in told.all(Event)]
    assert events == [
        ("warning", "Loss is NaN", "at step 3"),
        ("info", "again", ""),
        ("info", "again", ""),
    ]


def test_without_a_run_they_say_what_to_do() -> None:
    for call in (
        lambda: epochal.alert("x"),
        lambda: epochal.define_metric("x"),
        lambda: epochal.config.lr,
    ):
        with pytest.raises(RunStateError, match=r"epochal.init\(\)"):
            call()


def test_a_summary_of_many_keys_is_one_pass(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was logged is gathered once, not once for each key."""
    run = begin()
    run.log({f"k{i}": i for i in range(2_000)})
    gathered = []
    summarize = run._definitions.summarize

    def count(*arguments: Any) -> dict[str, Any]:
        gathered.append(1)
        return summarize(*arguments)

    monkeypatch.setattr(run._definitions, "summarize", count)
    assert dict(run.summary.items()) == run.summary.as_dict()
    assert sorted(run.summary.values()) == list(range(2_000))
    assert len(gathered) == 3
