"""Whatever the disk does, `append` does not raise, order is kept, and every loss is counted
(P1, P7; F04, F05).
"""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.record import Finish
from epochal.journal import mapped
from epochal.journal.frame import FileHeader, scan_frames
from epochal.journal.reader import JournalReader
from epochal.journal.writer import BufferedJournal, Journal, MappedJournal

CALLS = ("posix_fallocate", "pwrite", "fdatasync", "ftruncate", "open", "rename", "fsync")


class Faults:
    """Lets the n-th call of the operating system fail, and with ``lasting`` all later ones."""

    def __init__(self, n: int, error: int, *, lasting: bool) -> None:
        self.n, self.error, self.lasting, self.count = n, error, lasting, 0

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.n or (self.lasting and self.count > self.n):
                raise OSError(self.error, os.strerror(self.error))
            return real(*arguments, **options)

        return call


def write_scenario(make: Callable[[], Journal], survived: list[bytes]) -> Journal | None:
    """Sixty records with growth, maintenance and syncs in between."""
    try:
        journal = make()
    except OSError:
        return None
    for i in range(60):
        record = b"%02d" % i + bytes([i + 1]) * 40_000
        journal.append(record)
        survived.append(record)
        if i % 5 == 0:
            journal.maintain()
        if i % 20 == 0:
            journal.sync()
    journal.maintain()
    journal.close(Finish(1, "finished", 0))
    return journal


def n_th_faults() -> Iterator[tuple[str, int, bool]]:
    for kind in ("mapped", "buffered"):
        for lasting in (False, True):
            for n in range(1, 36):
                yield kind, n, lasting


@pytest.mark.parametrize("kind,n,lasting", [*n_th_faults()])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_the_n_th_call_fails(
    kind: str, n: int, lasting: bool, error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every n: what is on disk is a subsequence of what was written, and the rest is
    counted.
    """
    monkeypatch.setattr(mapped, "ALLOCATION", 256 * 1024)
    monkeypatch.setattr(mapped, "HEADROOM", 64 * 1024)
    faults = Faults(n, error, lasting=lasting)
    for name in CALLS:
        monkeypatch.setattr(os, name, faults.wrap(getattr(os, name)))
    given: list[bytes] = []

    def make() -> Journal:
        header = FileHeader("ab" * 16, "cd" * 16, 1)
        return (MappedJournal if kind == "mapped" else BufferedJournal)(str(tmp_path), header)

    journal = write_scenario(make, given)
    monkeypatch.undo()
    if journal is None:
        assert list(tmp_path.iterdir()) == []
        return
    assert journal.path is not None
    data = Path(journal.path).read_bytes()
    scan = scan_frames(data, 64)
    rows = [p for p in scan.payloads if p[2:] in {g[2:] for g in given}]
    remaining = iter(given)
    assert all(any(row == one for one in remaining) for row in rows), "order or content changed"
    assert len(rows) + journal.dropped + len(journal.leftover) >= len(given)
    assert scan.damaged == 0
    if journal.dropped or journal.leftover:
        assert journal.problem is not None


def test_after_a_failed_sync_durability_is_never_promised_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux may have dropped the dirty pages: a later success would prove nothing (F05)."""
    journal = MappedJournal(str(tmp_path), FileHeader("ab" * 16, "cd" * 16, 1))
    journal.append(b"x")
    faults = Faults(1, errno.EIO, lasting=False)
    monkeypatch.setattr(os, "fdatasync", faults.wrap(os.fdatasync))
    assert not journal.sync()
    assert journal.problem is not None
    assert not journal.sync()
    journal.maintain()
    assert journal.problem is not None
    journal.close()


FILL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from epochal.domain.record import Event, Finish
from epochal.journal.frame import FileHeader
from epochal.journal.writer import MappedJournal
journal = MappedJournal(sys.argv[1], FileHeader("ab" * 16, "cd" * 16, 1))
if sys.argv[2] != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
for i in range(1000):
    journal.append_fact(Event(i, "info", "x" * 10_000))
    if i % 10 == 0:
        journal.maintain()
assert journal.problem, "the disk was to be full"
if sys.argv[3] == "recover":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    journal.maintain()
    assert journal.problem is None, journal.problem
journal.close(Finish(7, "finished", 0))
print(len(journal.leftover))
"""


def fill(directory: Path, limit: int, then: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(directory), str(limit), then],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def read_all(directory: Path) -> list[Any]:
    reader = JournalReader(str(next(directory.glob("*.ej"))))
    facts: list[Any] = []
    while (entry := reader.read()).end != entry.start:
        facts += entry.facts
    return facts


def test_records_wait_for_room_and_come_home(tmp_path: Path) -> None:
    """A full disk that gets room again costs nothing (F04)."""
    assert fill(tmp_path, 3_000_000, "recover") == 0
    facts = read_all(tmp_path)
    assert [f.wall_us for f in facts[:-1]] == list(range(1000))
    assert facts[-1] == Finish(7, "finished", 0)


def test_a_disk_that_stays_full_keeps_the_end_and_gives_the_rest_back(tmp_path: Path) -> None:
    """The reserve has room for how the run ended; the owner may write the rest elsewhere."""
    left = fill(tmp_path, 3_000_000, "stay")
    *rows, last = read_all(tmp_path)
    assert [f.wall_us for f in rows] == list(range(len(rows)))
    assert 0 < left == 1000 - len(rows)
    assert last == Finish(7, "finished", 0)


def mounted(directory: Path) -> bool:
    """Mount 3 MiB of memory as a file system, where this user may."""
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(directory)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_really_full_file_system_does_not_kill_the_process(tmp_path: Path) -> None:
    """No SIGBUS: space is allocated before it is mapped."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mounted(disk):
        pytest.skip("mounting a small file system needs root")
    try:
        left = fill(disk, 0, "stay")
        facts = read_all(disk)
        assert 0 < left == 1000 - (len(facts) - 1)
        assert isinstance(facts[-1], Finish)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_limit_is_put_back() -> None:
    """The scenarios above change limits only in processes of their own."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
