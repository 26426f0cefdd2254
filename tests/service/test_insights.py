"""Findings about runs in a real store: what is looked at, where a finding leads, switching off."""

from __future__ import annotations

import math
import random
import time
from pathlib import Path

import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.insight import InsightReport, InsightSettings, Kind
from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.record import Attributes, Config, Media, MediaItem
from epochal.errors import NotFound
from epochal.service import insights
from epochal.store import series
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store
from epochal.store.preferences import name_of_run, read_preference
from epochal.store.runs import delete_run
from tests.domain.curves import span
from tests.store.journals import Writing


def report(store: Store, writing: Writing) -> InsightReport:
    ingest_home(store)
    return insights.run_insights(store, LOCAL_USER, writing.uid)


def trained(home: Path, run_id: str = "r1", count: int = 400) -> Writing:
    """A run with a spike at 200, a held-out loss that turns at 160, and NaN at 390."""
    source = random.Random(run_id)
    writing = Writing(home, run_id)
    writing.rows(
        list(range(count)),
        [{
            "train/loss": 9.0 if i == 200 else 2 - i / 300 + source.gauss(0, 0.02),
            "val/loss": 1 + ((i - 160) / 200) ** 2 + source.gauss(0, 0.005),
            "grad": math.nan if i >= 390 else 1.0,
        } for i in range(count)],
    )  # fmt: skip
    writing.finish("finished")
    return writing


def test_a_run_that_runs_and_says_nothing_is_told_to_have_stalled(store):
    """Until it ends; what it says of itself, its system metrics, does not count."""
    writing = Writing(store.home, "silent")
    writing.rows(list(range(50)), [{"loss": 1.0 - i / 100} for i in range(50)])
    (found,) = report(store, writing).insights
    assert (found.kind, found.key, found.lo) == (Kind.STALL, "loss", 49)
    writing.finish("finished")
    assert report(store, writing).insights == []


def test_a_run_that_logs_now_has_not_stalled(store):
    writing = Writing(store.home, "busy", start_us=time.time_ns() // 1000)
    writing.rows(list(range(50)), [{"loss": 1.0 - i / 100} for i in range(50)])
    assert report(store, writing).insights == []


def test_a_run_is_told_what_went_wrong_with_the_place_to_look_at(store):
    found = report(store, trained(store.home)).insights
    assert [one.kind for one in found] == [Kind.NAN, Kind.SPIKE, Kind.OVERFIT]
    nan, spike, overfit = found
    assert (nan.key, nan.lo, nan.place) == ("grad", 390, "charts")
    lo, hi = span(spike)
    assert lo <= 200 <= hi
    assert 120 <= span(overfit)[0] <= 200


def test_long_series_are_read_from_their_mips_with_the_same_findings(store, monkeypatch):
    writing = trained(store.home)
    short = report(store, writing)
    monkeypatch.setattr("epochal.store.insights.LONG", 100)
    assert series.LONG > 100
    assert report(store, writing).insights == short.insights


def test_a_kind_that_is_switched_off_is_not_told_in_its_project_alone(store):
    writing = trained(store.home)
    off = InsightSettings([Kind.SPIKE, Kind.NAN, Kind.SPIKE])
    kept = insights.change_settings(store, LOCAL_USER, None, "p", off)
    assert kept.off == [Kind.NAN, Kind.SPIKE]
    assert insights.get_settings(store, LOCAL_USER, None, "p") == kept
    assert insights.get_settings(store, LOCAL_USER, None, "other").off == []
    found = report(store, writing)
    assert ([one.kind for one in found.insights], found.off) == ([Kind.OVERFIT], kept.off)
    insights.change_settings(store, LOCAL_USER, None, "p", InsightSettings([]))
    assert len(report(store, writing).insights) == 3


def test_a_kind_that_is_switched_off_for_a_run_is_told_for_all_others(store):
    """It comes back when it is switched on again, and nothing of it stays behind a deleted run."""
    quiet, other = trained(store.home, "quiet"), trained(store.home, "other")
    kinds = [one.kind for one in report(store, quiet).insights]
    off = InsightSettings([Kind.SPIKE])
    assert insights.change_run_settings(store, LOCAL_USER, quiet.uid, off) == off
    found = report(store, quiet)
    assert [one.kind for one in found.insights] == [Kind.NAN, Kind.OVERFIT]
    assert (found.off, found.off_here) == ([], [Kind.SPIKE])
    assert [one.kind for one in report(store, other).insights] == kinds
    insights.change_run_settings(store, LOCAL_USER, quiet.uid, InsightSettings([]))
    assert [one.kind for one in report(store, quiet).insights] == kinds
    with pytest.raises(NotFound):
        insights.change_run_settings(store, LOCAL_USER, "0" * 32, off)
    name = name_of_run(insights.PREFERENCE, quiet.uid)
    place = DEFAULT_ENTITY, "p"
    assert read_preference(store, *place, name) is not None
    delete_run(store, quiet.uid)
    assert read_preference(store, *place, name) is None


def test_dead_layers_are_told_from_what_watch_recorded(store):
    writing = Writing(store.home)
    for step in range(8):
        for name, zeros in (("fc.weight", 0), ("conv.weight", 4 if step >= 3 else 0)):
            stats = {"n": 4, "norm": 1.0 if not zeros else 0.0, "zeros": zeros, "nan": 0, "inf": 0}
            item = MediaItem("histogram", {"stats": stats})
            writing.fact(Media(f"gradients/{name}", step, writing.now, [item]))
    (found,) = report(store, writing).insights
    assert (found.kind, found.key, found.lo) == (Kind.LAYER, "gradients/conv.weight", 3)
    assert (found.place, found.numbers) == ("gradients", {"parameters": 1, "of": 2})
    assert "Layer conv is dead" in found.title


def test_of_dead_layers_the_one_is_named_that_lets_no_gradient_through(store):
    """A ReLU that never fires: zeros in its layer, all before it and the next one's weight."""
    writing = Writing(store.home)
    for step in range(8):
        for name in ("0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"):
            dead = step >= 3 and name != "4.bias"
            stats = {"n": 4, "norm": 0.0 if dead else 1.0, "zeros": 4 * dead, "nan": 0, "inf": 0}
            item = MediaItem("histogram", {"stats": stats})
            writing.fact(Media(f"gradients/{name}", step, writing.now, [item]))
    (found,) = report(store, writing).insights
    assert (found.title, found.key) == ("Layer 2 is dead from step 3", "gradients/2.weight")


def test_a_run_is_compared_with_its_group(store):
    for number in range(4):
        writing = Writing(store.home, f"r{number}", second=number)
        writing.fact(Attributes(writing.now, {"group": "sgd"}))
        writing.fact(Config(writing.now, {"optim": {"lr": 0.2 if number == 3 else 0.1}}))
        writing.fact(Config(writing.now, {"seed": number}))
    other = Writing(store.home, "alone", second=9)
    other.fact(Config(other.now, {"optim": {"lr": 0.9}}))
    (found,) = report(store, writing).insights
    assert (found.kind, found.key) == (Kind.DIFFERS, "optim.lr")
    assert "4 runs of group sgd" in found.text
    assert report(store, other).insights == []


def test_runs_without_anything_have_no_findings_and_unknown_ones_are_refused(store):
    assert report(store, Writing(store.home)) == InsightReport([], [])
    with pytest.raises(NotFound):
        insights.run_insights(store, LOCAL_USER, "0" * 32)
