"""Texts of a run are read from its journals, and from what is left of them; cuts hold."""

from __future__ import annotations

from epochal.domain.record import Text
from epochal.store.ingest import ingest_home
from epochal.store.overviews import describe_runs, labels_of
from epochal.store.owner import open_store
from epochal.store.texts import TextPoint, read_texts
from tests.store.journals import Writing


def say(writing: Writing, *steps: int, key: str = "word") -> None:
    for step in steps:
        writing.fact(Text(key, step, writing.now, f"w{step}"))


def words(store, uid) -> list[tuple[int, object]]:
    return [(point.step, point.value) for point in read_texts(store, uid)]


def test_texts_come_in_writing_order_also_of_a_journal_that_grows(home):
    """What was read is remembered, what is new is read."""
    with open_store(home) as store:
        run = Writing(home)
        run.line(0, 3)
        say(run, 0, 1)
        ingest_home(store)
        assert read_texts(store, run.uid)[0] == TextPoint("word", 0, run.now, "w0")
        assert words(store, run.uid) == [(0, "w0"), (1, "w1")]
        say(run, 2)
        ingest_home(store)
        assert words(store, run.uid) == [(0, "w0"), (1, "w1"), (2, "w2")]


def test_a_cut_hides_texts_of_this_writer_and_of_earlier_ones(home):
    with open_store(home) as store:
        first = Writing(home)
        say(first, 0, 1, 2)
        first.finish()
        later = Writing(home, second=100, resumed=True)
        later.cut(1)
        say(later, 1, 5)
        later.cut(5)
        say(later, 4)
        ingest_home(store)
        assert words(store, first.uid) == [(0, "w0"), (1, "w1"), (4, "w4")]


def test_texts_outlive_their_journal(home):
    """The archive of a finished run has them."""
    with open_store(home) as store:
        run = Writing(home)
        run.line(0, 10)
        say(run, 3)
        run.finish()
        ingest_home(store)
        assert not run.path.exists()
        assert words(store, run.uid) == [(3, "w3")]
        silent = Writing(home, "silent")
        silent.line(0, 3)
        ingest_home(store)
        assert words(store, silent.uid) == []


def test_many_runs_are_described_at_once(home):
    """In the order that was asked for; those that are gone are left out."""
    with open_store(home) as store:
        runs = [Writing(home, f"r{n}", second=n) for n in range(3)]
        for number, run in enumerate(runs):
            run.line(0, number + 1)
        ingest_home(store)
        uids = [runs[2].uid, "f" * 32, runs[0].uid]
        found = describe_runs(store, uids)
        assert [(run.id, run.metrics[0].count, run.summary) for run in found] == [
            ("r2", 3, {"loss": 0.25}), ("r0", 1, {"loss": 0.0}),
        ]  # fmt: skip
        assert labels_of(store, uids) == {}
