"""Ingesters that race, are killed or meet a disk that fails: every record counts exactly once."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from epochal.domain.run import RunState
from epochal.errors import StorageFull
from epochal.store.apply import Raced
from epochal.store.database import Database
from epochal.store.durable import Disk
from epochal.store.ingest import Problem, apply_journal, compact_journal, ingest_home
from epochal.store.owner import Store, open_store
from epochal.store.runs import get_run
from tests.store.counting import count_segments, counted
from tests.store.journals import Writing


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
