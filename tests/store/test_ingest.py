"""From journal to index: every record counts exactly once, whatever happens on the way."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

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
from epochal.errors import CorruptFile, StorageFull
from epochal.store.apply import Raced
from epochal.store.database import Database
from epochal.store.durable import Disk
from epochal.store.ingest import Problem, apply_journal, compact_journal, ingest_home
from epochal.store.owner import Store, open_store
from epochal.store.runs import get_run
from epochal.store.series import series_points
from tests.store.journals import Writing


@pytest.fixture
def store(home):
    with open_store(home) as opened:
        yield opened


def counted(store: Store, uid: str) -> tuple[int, list[int]]:
    """Points by the index, and the steps that can be read."""
    [metric] = get_run(store, uid).metrics
    return metric.count, series_points(store, uid, "loss", "all").step.tolist()


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


def test_two_ingesters_that_race_count_every_record_once(home):
    """Offsets decide, not locks.

    Two stores on one database, at random moments, lose and double nothing.
    """
    writers = [Writing(home, f"r{n}") for n in range(3)]
    with open_store(home):
        pass
    for seed in range(4):
        rng = random.Random(seed)
        stores = [Store(home, Database(home / "epochal.db")) for _ in range(2)]
        for w in writers:
            w.line(seed * 500, 500)

        def work(store: Store, rng: random.Random) -> None:
            for _ in range(12):
                w = rng.choice(writers)
                with contextlib.suppress(Raced, FileNotFoundError):
                    apply_journal(store, w.path)
                    if rng.random() < 0.5:
                        compact_journal(store, w.path)
            for w in writers:
                for _ in range(20):
                    with contextlib.suppress(Raced):
                        apply_journal(store, w.path)
                        break

        threads = [
            threading.Thread(target=work, args=(store, random.Random(rng.random())))
            for store in stores
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        for store in stores:
            store.close()
    with open_store(home) as store:
        for w in writers:
            assert counted(store, w.uid) == (2000, list(range(2000))), f"seed {seed}"
        assert store.database.check() == []
        named = {p.name for w in writers for p in w.directory.glob("*.eps")}
        assert len(named) == count_segments(store)


def count_segments(store: Store) -> int:
    with store.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM segment").scalar_one())


class FaultyDisk(Disk):
    """Fails the n-th call, and every one after it when ``lasting``."""

    def __init__(self, fail_at: int, code: int, *, lasting: bool) -> None:
        self.calls = 0
        self.fail_at = fail_at
        self.code = code
        self.lasting = lasting

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.fail_at or (self.lasting and self.calls > self.fail_at):
            raise OSError(self.code, os.strerror(self.code))

    def create(self, path: Path) -> int:
        self._count()
        return super().create(path)

    def write(self, descriptor: int, data: memoryview) -> int:
        self._count()
        return super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._count()
        super().sync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._count()
        super().rename(source, target)

    def sync_directory(self, path: Path) -> None:
        self._count()
        super().sync_directory(path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("lasting", [False, True])
def test_a_disk_that_fails_at_any_call_costs_nothing(tmp_path, code, lasting):
    """Each failing n-th call of compaction, archive and resume file leaves all points readable.

    Later it goes on.
    """
    n = 0
    while True:
        n += 1
        home = tmp_path / f"{code}-{lasting}-{n}"
        home.mkdir()
        w = Writing(home)
        w.line(0, 200)
        w.finish()
        with open_store(home) as store:
            disk = FaultyDisk(n, code, lasting=lasting)
            store.disk = disk
            problems = []
            try:
                problems = ingest_home(store).problems
            except StorageFull:
                problems = [Problem("", "full")]
            assert counted(store, w.uid) == (200, list(range(200))), f"call {n}"
            store.disk = Disk()
            assert ingest_home(store).problems == []
            assert counted(store, w.uid) == (200, list(range(200))), f"call {n}"
            assert not w.path.exists()
        with open_store(home) as store:
            assert counted(store, w.uid) == (200, list(range(200))), f"call {n}"
            assert len(list(w.directory.glob("*.eps"))) == count_segments(store) == 1
        if disk.calls < n:
            assert problems == []
            break
        assert problems, f"call {n} failed in silence"
    assert n > 10


INGESTER = """
import sys
from pathlib import Path
from epochal.store.owner import open_store
from epochal.store.ingest import Problem, apply_journal, compact_journal, ingest_home
with open_store(Path(sys.argv[1]), wait=30) as store:
    print("open", flush=True)
    while True:
        for path in sorted(Path(sys.argv[1]).glob("runs/*/*.ej")):
            apply_journal(store, path)
            compact_journal(store, path)
"""


def test_an_ingester_killed_at_any_moment_loses_and_doubles_nothing(home):
    """SIGKILL between and inside every step: file first, one transaction, then the next."""
    rng = random.Random(11)
    w = Writing(home)
    total = 0
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", INGESTER, str(home)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        for _ in range(rng.randint(1, 40)):
            count = rng.randint(1, 400)
            w.line(total, count)
            total += count
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        child.stdout.close()
    with open_store(home) as store:
        ingest_home(store)
        assert counted(store, w.uid) == (total, list(range(total)))
        assert store.database.check() == []
        assert len(list(w.directory.glob("*.eps"))) == count_segments(store)


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.store.journals import Writing
w = Writing(Path(sys.argv[1]))
print(w.uid, flush=True)
total = 0
while sys.stdin.readline():
    for _ in range(20):
        w.line(total, 100)
        total += 100
w.finish()
print(total, flush=True)
"""


def test_a_journal_can_be_ingested_while_another_process_writes_it(home):
    root = str(Path(__file__).parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home), root],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdin is not None
    uid = child.stdout.readline().strip()
    with open_store(home) as store:
        for _ in range(20):
            child.stdin.write("more\n")
            child.stdin.flush()
            ingest_home(store)
            count, steps = counted(store, uid) if get_run(store, uid).metrics else (0, [])
            assert steps == list(range(count))
        child.stdin.close()
        total = int(child.stdout.readline())
        child.wait(30)
        ingest_home(store)
        assert total == 40_000
        assert counted(store, uid) == (total, list(range(total)))
        assert get_run(store, uid).state == RunState.FINISHED
    child.stdout.close()


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
