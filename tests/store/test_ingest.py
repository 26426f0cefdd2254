"""From journal to index: every record counts exactly once, whatever happens on the way."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from epochal.domain.record import (
    Attributes,
    Config,
    Definition,
    Environment,
    Event,
    Finish,
    Summary,
    Text,
)
from epochal.domain.run import RunState
from epochal.errors import CorruptFile
from epochal.store.ingest import apply_journal, compact_journal, ingest_home
from epochal.store.runs import get_run
from epochal.store.series import series_points
from tests.store.counting import counted
from tests.store.journals import Writing


def test_a_run_reads_back_as_it_was_written(store):
    """Config merges key by key, attributes replace, set summary values win over logged ones."""
    w = Writing(store.home)
    w.fact(Config(w.now, {"lr": 0.1, "optim": {"name": "adam", "eps": 1e-8}, "drop": 1}))
    w.fact(Config(w.now, {"optim": {"eps": 1.0}}, ["drop"]))
    w.fact(
        Attributes(w.now, {"name": "Nice", "tags": ["b", "a", "b"], "notes": "n", "group": "g"})
    )
    w.fact(Environment(w.now, {"python": "3.11", "git": {"commit": "abc"}}))
    w.fact(Event(w.now, "warning", "hot", "very"))
    w.row(3, loss=0.5, acc=1)
    w.fact(Text(key="sample", step=3, wall_us=w.now, value="hello"))
    w.fact(Summary(w.now, {"best": 7, "acc": 0.9, "gone": 1}))
    w.fact(Summary(w.now, {}, ["gone"]))
    ingest_home(store)
    run = get_run(store, w.uid)
    assert run.config == {"lr": 0.1, "optim": {"name": "adam", "eps": 1.0}}
    assert (run.name, run.tags, run.notes, run.group) == ("Nice", ["b", "a"], "n", "g")
    assert run.summary == {"loss": 0.5, "acc": 0.9, "best": 7, "sample": "hello"}
    assert run.environment == {"python": "3.11", "git": {"commit": "abc"}}
    assert [(e.level, e.title, e.text) for e in run.events] == [("warning", "hot", "very")]
    assert (run.state, run.last_step, run.host) == (RunState.RUNNING, 3, "host")


def test_a_definition_decides_what_the_summary_shows(store):
    w = Writing(store.home)
    for step, loss in enumerate([3.0, 1.0, 2.0]):
        w.row(step, **{"val/loss": loss, "val/acc": loss, "time": loss, "lr": loss})
    w.fact(Definition(w.now, "val/*", step_metric="epoch", summary=["max"]))
    w.fact(Definition(w.now, "val/loss", summary=["min", "mean"]))
    w.fact(Definition(w.now, "time", summary=["none"]))
    w.fact(Definition(w.now, "best", summary=["best"], goal="maximize"))
    ingest_home(store)
    w.row(3, best=1.0)
    w.row(4, best=0.5)
    ingest_home(store)
    assert get_run(store, w.uid).summary == {
        "val/loss": 1.0, "val/loss.min": 1.0, "val/loss.mean": 2.0, "val/acc": 3.0, "lr": 2.0,
        "best": 1.0,
    }  # fmt: skip


SPECIAL = [
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    5e-324,
    1.7976931348623157e308,
    2**53 + 1,
    -(2**63),
    True,
]


@pytest.mark.parametrize("value", SPECIAL)
def test_every_number_survives_as_last_value_and_as_point(store, value):
    w = Writing(store.home)
    w.row(0, loss=1.0)
    w.row(1, x=value)
    ingest_home(store)
    last = next(m for m in get_run(store, w.uid).metrics if m.key == "x").last
    point = series_points(store, w.uid, "x", "all").value[-1].item()
    for found in (last, point):
        assert repr(np.float64(found)) == repr(np.float64(value))
        assert found == value or math.isnan(value)
    w.finish()
    ingest_home(store)
    assert repr(series_points(store, w.uid, "x", "all").value[-1].item()) == repr(point)


def test_nan_and_infinities_are_counted_and_located(store):
    w = Writing(store.home)
    for step, loss in enumerate([1.0, math.inf, math.nan, 3.0, math.nan]):
        w.row(step, loss=loss)
    ingest_home(store)
    [metric] = get_run(store, w.uid).metrics
    assert (metric.count, metric.n_nan, metric.n_inf) == (5, 2, 1)
    assert (metric.min, metric.max, metric.mean, metric.first_nan_step) == (1.0, 3.0, 2.0, 2)
    run = get_run(store, w.uid)
    assert (run.nan_key, run.nan_step) == ("loss", 2)


def test_ingesting_again_changes_nothing(store):
    w = Writing(store.home)
    w.line(0, 100)
    for _ in range(3):
        ingest_home(store)
        apply_journal(store, w.path)
        compact_journal(store, w.path)
    assert counted(store, w.uid) == (100, list(range(100)))
    w.line(100, 50)
    ingest_home(store)
    assert counted(store, w.uid) == (150, list(range(150)))


def test_a_finished_journal_gives_way_to_segment_archive_and_resume_file(store):
    w = Writing(store.home)
    w.line(0, 100)
    w.finish("failed", 3)
    ingest_home(store)
    suffixes = sorted(path.suffix for path in w.directory.iterdir())
    assert suffixes == [".eps", ".facts", ".json"]
    assert counted(store, w.uid) == (100, list(range(100)))
    run = get_run(store, w.uid)
    assert (run.state, run.exit_code, run.ended_us) == (RunState.FAILED, 3, w.now)


def test_a_journal_that_has_to_be_sent_elsewhere_stays(store):
    """A mark beside it says that a server does not hold it completely yet."""
    w = Writing(store.home)
    w.line(0, 10)
    w.finish()
    mark = w.directory / f"{w.writer}.unsent"
    mark.touch()
    ingest_home(store)
    assert w.path.exists()
    mark.unlink()
    ingest_home(store)
    assert not w.path.exists()
    assert counted(store, w.uid) == (10, list(range(10)))


def test_a_series_with_many_segments_is_joined_at_the_end(store):
    w = Writing(store.home)
    for start in range(0, 120, 10):
        w.line(start, 10)
        apply_journal(store, w.path)
        compact_journal(store, w.path)
    assert len(list(w.directory.glob("*.eps"))) == 12
    w.finish()
    ingest_home(store)
    assert len(list(w.directory.glob("*.eps"))) == 1
    assert counted(store, w.uid) == (120, list(range(120)))


def test_a_damaged_journal_is_reported_and_others_are_not_affected(store):
    bad, good = Writing(store.home, "bad"), Writing(store.home, "good")
    bad.line(0, 10)
    good.line(0, 10)
    good.finish()
    bad.die()
    with open(bad.path, "r+b") as file:
        file.write(b"NONSENSE")
    report = ingest_home(store)
    assert [problem.path for problem in report.problems] == [str(bad.path)]
    assert "starts with" in report.problems[0].text
    assert counted(store, good.uid) == (10, list(range(10)))
    assert bad.path.exists()


def test_a_journal_in_the_directory_of_another_run_is_refused(store):
    w, other = Writing(store.home, "a"), Writing(store.home, "b")
    w.line(0, 5)
    w.die()
    stranger = other.directory / w.path.name
    os.rename(w.path, stranger)
    with pytest.raises(CorruptFile, match="journal of run"):
        apply_journal(store, stranger)


def test_a_flipped_bit_costs_one_record_and_keeps_the_file(store):
    w = Writing(store.home)
    w.line(0, 100)
    w.finish()
    data = bytearray(w.path.read_bytes())
    data[len(data) // 2] ^= 4
    w.path.write_bytes(data)
    ingest_home(store)
    count, steps = counted(store, w.uid)
    assert count == 99
    assert len(steps) == 99
    assert w.path.exists(), "a file with a part that could not be read is evidence and stays"
    assert get_run(store, w.uid).state == RunState.FINISHED


def test_records_lost_to_a_power_cut_after_they_were_applied_do_not_block_the_run(store):
    """The index may have survived a cut that the last second of a journal did not."""
    w = Writing(store.home)
    w.line(0, 100)
    apply_journal(store, w.path)
    half = w.journal.size // 2 // 8 * 8
    w.die()
    store.tails.drop_run(w.uid)
    with open(w.path, "r+b") as file:
        file.truncate(half)
    ingest_home(store)
    _, steps = counted(store, w.uid)
    assert steps == list(range(len(steps)))
    assert 40 < len(steps) < 100


def test_a_damaged_segment_is_named_and_other_runs_answer(store):
    bad, good = Writing(store.home, "bad"), Writing(store.home, "good")
    for w in (bad, good):
        w.line(0, 2000)
        w.finish()
    ingest_home(store)
    [path] = bad.directory.glob("*.eps")
    data = bytearray(path.read_bytes())
    data[8 : len(data) // 2] = bytes(byte ^ 1 for byte in data[8 : len(data) // 2])
    path.write_bytes(data)
    with pytest.raises(CorruptFile, match=path.name):
        series_points(store, bad.uid, "loss", "all")
    assert counted(store, good.uid)[0] == 2000
    assert get_run(store, bad.uid).metrics[0].count == 2000


def test_hostile_facts_are_clamped_and_never_stop_the_run(store):
    """A record that the database cannot hold as it is costs nothing else."""
    w = Writing(store.home)
    w.fact(
        Config(
            w.now, {"\0key": "a\0b", "big": 2**64 - 1, "deep": {"x": {}}, "long": "x" * 100_000}
        )
    )
    w.fact(Attributes(2**63, {"name": "n" * 5000, "tags": [1, None, "t" * 5000], "nonsense": 1}))
    w.fact(Event(-1, "shout", "t" * 5000))
    w.fact(Text("k" * 5000, 2**64 - 1, 0, {"a": [1, math.nan, b"x"]}))
    w.fact(Finish(w.now, "exploded", 10**12))
    w.journal.close()
    assert ingest_home(store).problems == []
    run = get_run(store, w.uid)
    assert run.config["long"] == "x" * 100_000
    assert (len(run.name), run.events[0].level, run.state) == (256, "info", RunState.FINISHED)


def test_arrays_of_the_tail_are_not_changed_by_later_rows(store):
    """A reader may keep what it got."""
    w = Writing(store.home)
    w.line(0, 10)
    ingest_home(store)
    before = series_points(store, w.uid, "loss", "all").value
    copy = before.copy()
    for start in range(10, 400, 10):
        w.line(start, 10)
        ingest_home(store)
    compact_journal(store, w.path)
    assert np.array_equal(before, copy)
    assert counted(store, w.uid) == (400, list(range(400)))
