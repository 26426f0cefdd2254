"""Imports that are repeated, cut off, or meet files that grow, restart, break or vanish."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epochal.errors import InvalidInput, NotFound, StorageFull, Unavailable
from epochal.imports.tensorboard import Importer, import_directory, stretch
from tests.imports.tensorboard.events import (
    NAME,
    file_bytes,
    frame,
    points_of,
    rows_written,
    runs_of,
    scalar,
    start,
    version,
    write,
)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def bring(home: Path, logs: Path) -> Any:
    import_directory(home, logs, "p")
    (run,) = runs_of(home, "p").values()
    return run


def line(count: int, tag: str = "loss", first: int = 0) -> list[Any]:
    return [scalar(tag, step, step * 2) for step in range(first, first + count)]


def expected(count: int) -> list[tuple[int, float]]:
    return [(step, step * 2) for step in range(count)]


def test_a_second_import_adds_nothing(home: Path, logs: Path) -> None:
    """Nor does it write anything."""
    write(logs / "a" / NAME, *line(100))
    bring(home, logs)
    before = sorted(path.name for path in home.rglob("*.ej"))
    report = import_directory(home, logs, "p")
    assert (report.runs, report.bytes) == (set(), 0)
    assert sorted(path.name for path in home.rglob("*.ej")) == before
    assert points_of(bring(home, logs), "loss") == expected(100)


def test_an_import_goes_on_where_the_last_one_ended(home: Path, logs: Path) -> None:
    """Byte by byte: a file that grows by any amount gives each point once."""
    data = file_bytes(version(), *line(6))
    path = logs / "a" / NAME
    path.parent.mkdir(parents=True)
    for size in range(0, len(data) + 1, 23):
        path.write_bytes(data[:size])
        import_directory(home, logs, "p")
    path.write_bytes(data)
    assert points_of(bring(home, logs), "loss") == expected(6)


def test_a_copy_of_the_same_file_is_gone_on_with(home: Path, logs: Path) -> None:
    """As rsync makes one: another inode, the same beginning."""
    path = write(logs / "a" / NAME, *line(10))
    bring(home, logs)
    copy = path.with_name("copy")
    copy.write_bytes(file_bytes(version(), *line(20)))
    os.rename(copy, path)
    assert points_of(bring(home, logs), "loss") == expected(20)


def test_another_file_of_the_same_name_is_read_anew(home: Path, logs: Path) -> None:
    """What was read before stays, and the change is told."""
    write(logs / "a" / NAME, *line(10))
    bring(home, logs)
    write(logs / "a" / NAME, *line(3, "new"))
    report = import_directory(home, logs, "p")
    (run,) = runs_of(home, "p").values()
    assert points_of(run, "new") == expected(3)
    assert points_of(run, "loss") == expected(10)
    assert "is not the file that was read before" in " ".join(report.problems.values())


def test_many_writers_of_a_directory_are_one_run(home: Path, logs: Path) -> None:
    """Every file is read, and read on, in any order."""
    first, second = logs / "a" / f"{NAME}.1", logs / "a" / f"{NAME}.2"
    write(first, *line(10, "x"))
    write(second, *line(10, "y"))
    bring(home, logs)
    for path, tag in ((second, "y"), (first, "x")):
        with path.open("ab") as file:
            file.write(file_bytes(*line(10, tag, 10)))
        bring(home, logs)
    run = bring(home, logs)
    assert points_of(run, "x") == points_of(run, "y") == expected(20)


def test_a_restart_hides_what_came_before_and_deletes_nothing(home: Path, logs: Path) -> None:
    """Only an explicit start does; steps from it on are those of the new process."""
    write(logs / "a" / f"{NAME}.1", *line(10))
    again = [scalar("loss", step, -step, 2e9) for step in range(6, 12)]
    write(logs / "a" / f"{NAME}.2", start(6), *again)
    import_directory(home, logs, "p")
    assert rows_written(home) == {"loss": 16}
    (run,) = runs_of(home, "p").values()
    assert points_of(run, "loss") == [
        *expected(6),
        *((step, -step) for step in range(6, 12)),
    ]


def test_a_restart_in_the_middle_of_a_file_counts_there(home: Path, logs: Path) -> None:
    """What stands before it is hidden, what stands after it is not."""
    write(logs / "a" / NAME, *line(8), start(3), scalar("loss", 3, 99.0), scalar("loss", 9, 1.0))
    assert points_of(bring(home, logs), "loss") == [*expected(3), (3, 99.0), (9, 1.0)]


def test_damage_costs_the_damaged_records_and_is_told(home: Path, logs: Path) -> None:
    """All others are there; the run has a warning, the report a sentence."""
    records = [frame(event.SerializeToString()) for event in (version(), *line(9))]
    broken = bytearray(records[4])
    broken[20] ^= 1
    path = logs / "a" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join([*records[:4], broken, b"garbage!" * 9, *records[5:]]))
    report = import_directory(home, logs, "p")
    (run,) = runs_of(home, "p").values()
    assert points_of(run, "loss") == [pair for pair in expected(9) if pair[0] != 3]
    assert "damaged records" in " ".join(report.problems.values())


def test_what_is_no_event_file_is_told(home: Path, logs: Path) -> None:
    """And does not keep the others from being read."""
    write(logs / "a" / NAME, *line(3))
    (logs / "events.out.tfevents.txt").write_bytes(b"these are notes about training " * 9)
    report = import_directory(home, logs, "p")
    assert "is no event file" in " ".join(report.problems.values())
    assert sorted(runs_of(home, "p")) == ["a"]


def test_empty_files_and_files_with_nothing_but_a_version_are_no_runs(
    home: Path, logs: Path
) -> None:
    """They become runs when they say something."""
    write(logs / "a" / NAME)
    (logs / "b").mkdir()
    (logs / "b" / NAME).touch()
    report = import_directory(home, logs, "p")
    assert (report.runs, report.problems) == (set(), {})
    write(logs / "a" / NAME, *line(3))
    assert points_of(bring(home, logs), "loss") == expected(3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(home: Path, logs: Path) -> None:
    """Files and directories; the rest is imported."""
    write(logs / "a" / NAME, *line(3))
    secret = write(logs / "b" / NAME, *line(3))
    secret.chmod(0)
    closed = logs / "c"
    closed.mkdir(mode=0)
    try:
        report = import_directory(home, logs, "p")
    finally:
        closed.chmod(0o700)
    text = " ".join(report.problems.values())
    assert str(secret) in text
    assert str(closed) in text
    assert sorted(runs_of(home, "p")) == ["a"]


def test_bad_directories_are_refused_in_words(home: Path, tmp_path: Path) -> None:
    """Missing, a file, empty."""
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match="there is no directory"):
        import_directory(home, tmp_path / "missing")
    with pytest.raises(InvalidInput, match="is a file"):
        import_directory(home, tmp_path / "file")
    with pytest.raises(NotFound, match="no event files"):
        import_directory(home, tmp_path / "empty")


def test_a_home_that_cannot_be_written_is_told(logs: Path, tmp_path: Path) -> None:
    """A home under a regular file cannot be made, whoever asks."""
    logs.mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be used as a home: Not a directory"):
        Importer(tmp_path / "file" / "home", logs)


def test_two_imports_of_a_directory_do_not_run_at_once(home: Path, logs: Path) -> None:
    """The second one says so; afterwards it may."""
    write(logs / NAME, *line(3))
    with Importer(home, logs, "p"), pytest.raises(Unavailable, match="another process"):
        import_directory(home, logs, "p")
    assert points_of(bring(home, logs), "loss") == expected(3)


def test_links_in_a_circle_end(home: Path, logs: Path) -> None:
    """A directory is looked at once."""
    write(logs / "a" / NAME, *line(3))
    (logs / "a" / "again").symlink_to(logs)
    assert points_of(bring(home, logs), "loss") == expected(3)


def test_odd_numbers_are_kept(home: Path, logs: Path) -> None:
    """Negative steps, steps beyond 32 bits, times that are none."""
    steps = [-5, 2**40, -(2**62), 0]
    events = [scalar("loss", step, 1.0) for step in steps]
    events += [scalar("time", 1, 2.0, wall) for wall in (-1.0, float("nan"), float("inf"))]
    write(logs / "a" / NAME, *events)
    run = bring(home, logs)
    assert [step for step, _ in points_of(run, "loss")] == steps
    assert len(points_of(run, "time")) == 3


def test_a_thousand_tags_are_a_thousand_series(home: Path, logs: Path) -> None:
    """More than the store reads in its fastest way."""
    events = [scalar(f"t{tag}", step, tag) for step in range(5) for tag in range(1000)]
    write(logs / "a" / NAME, *events)
    run = bring(home, logs)
    assert len(run.metrics) == 1000
    assert points_of(run, "t777") == [(step, 777.0) for step in range(5)]


DYING = ("pwrite", "rename", "link", "fsync")


def import_and_die(home: Path, logs: Path, at: int) -> bool:
    """Import in a child that ends without a word at its ``at``-th write; whether it got there."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    try:
        left = [at]

        def dying(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **more: Any) -> Any:
                left[0] -= 1
                if not left[0]:
                    if name == "pwrite":  # half of it is there
                        real(arguments[0], arguments[1][: len(arguments[1]) // 2], *arguments[2:])
                    os._exit(9)
                return real(*arguments, **more)

            return call

        for name in DYING:
            setattr(os, name, dying(name, getattr(os, name)))
        stretch.read_stretch.__defaults__ = (8192,)  # many turns
        import_directory(home, logs, "p")
        os._exit(0)
    finally:
        os._exit(1)


def test_an_import_that_is_killed_anywhere_loses_and_repeats_nothing(
    tmp_path: Path, logs: Path
) -> None:
    """At every single write; and killed again while it recovers."""
    write(logs / "a" / NAME, *line(150), start(100), *line(150, "other"))
    write(logs / "b" / NAME, *line(150))
    at = 1
    while True:
        home = tmp_path / f"home{at}"
        died = import_and_die(home, logs, at)
        if died and at % 2:
            import_and_die(home, logs, max(1, at // 2))
        import_directory(home, logs, "p")
        assert rows_written(home) == {"loss": 300, "other": 150}, at
        runs = runs_of(home, "p")
        assert points_of(runs["a"], "loss") == expected(100), at
        assert points_of(runs["a"], "other") == expected(150), at
        assert points_of(runs["b"], "loss") == expected(150), at
        assert {run.state for run in runs.values()} == {"finished"}, at
        shutil.rmtree(home)
        if not died:
            break
        at += 1
    assert at > 10


def test_a_full_disk_ends_an_import_that_can_go_on(
    home: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says so, and the next turn of the same import repeats nothing."""
    write(logs / "a" / NAME, *line(5000))
    real = os.pwrite

    def full(descriptor: int, data: Any, offset: int) -> int:
        if offset > 50_000:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:10_000], offset)

    with Importer(home, logs, "p") as importer:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(StorageFull):
            importer.turn()
        monkeypatch.undo()
        while importer.turn():
            pass
    (run,) = runs_of(home, "p").values()
    assert points_of(run, "loss") == expected(5000)
