"""A process reads a large log directory first, and whoever started it goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from epochal.imports.tensorboard import Follower, Importer, ahead, follow
from epochal.imports.tensorboard.ahead import read_ahead
from tests.imports.tensorboard.events import (
    NAME,
    file_bytes,
    points_of,
    rows_written,
    runs_of,
    scalar,
    write,
)

RUNS = 300
"""More than one turn takes, and than one message has room for."""


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for number in range(RUNS):
        write(tmp_path / "logs" / f"r{number}" / NAME, scalar("loss", 0, number))
    return tmp_path / "logs"


@pytest.fixture
def importer(home: Path, logs: Path) -> Iterator[Importer]:
    with Importer(home, logs, "p", live=True) as made:
        yield made


def journals(home: Path) -> set[Path]:
    return set(home.glob("runs/*/*.ej"))


def append(logs: Path) -> None:
    for number in range(RUNS):
        with (logs / f"r{number}" / NAME).open("ab") as file:
            file.write(file_bytes(scalar("loss", 1, -number)))


def read_rest(importer: Importer) -> None:
    while importer.turn():
        pass


def test_what_a_process_has_begun_is_gone_on_with(
    importer: Importer, home: Path, logs: Path
) -> None:
    """In the same journals, which somebody holds all the time."""
    assert len(list(read_ahead(importer, lambda: False))) == 3
    assert rows_written(home) == {"loss": RUNS}
    before = journals(home)
    assert {run.state for run in runs_of(home, "p").values()} == {"running"}
    append(logs)
    read_rest(importer)
    assert journals(home) == before
    runs = runs_of(home, "p")
    assert {run.state for run in runs.values()} == {"running"}
    assert points_of(runs["r7"], "loss") == [(0, 7.0), (1, -7.0)]


def test_a_process_that_dies_loses_and_repeats_nothing(
    importer: Importer, home: Path, logs: Path
) -> None:
    reading = read_ahead(importer, lambda: False)
    next(reading)
    (process,) = (one for one in psutil.Process().children() if "ahead" in str(one.cmdline()))
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ChildProcessError, match="signal 9"):
        list(reading)
    append(logs)
    read_rest(importer)
    assert rows_written(home) == {"loss": 2 * RUNS}
    assert points_of(runs_of(home, "p")["r7"], "loss") == [(0, 7.0), (1, -7.0)]


def test_a_process_that_is_asked_to_end_hands_over_what_it_has(
    importer: Importer, home: Path
) -> None:
    list(read_ahead(importer, lambda: True))
    read_rest(importer)
    assert rows_written(home) == {"loss": RUNS}
    assert len(journals(home)) == RUNS


def test_a_process_that_tells_without_a_pause_is_asked_to_end(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However soon its next message is there."""
    endless = "from epochal.imports.tensorboard import Importer; Importer.turn = lambda _: True; "
    monkeypatch.setattr(ahead, "_PROGRAM", endless + ahead._PROGRAM)
    monkeypatch.setattr(ahead, "_LOOK_SECONDS", 600.0)
    deadline = time.monotonic() + 60.0
    told: list[dict[str, str]] = []
    for problems in read_ahead(importer, lambda: bool(told)):
        told.append(problems)
        assert time.monotonic() < deadline


def test_what_cannot_be_taken_over_at_once_is_not_read_again(
    importer: Importer, home: Path, logs: Path
) -> None:
    """No turn begins before the state of the process is read; its journals do not stay open."""
    reading = read_ahead(importer, lambda: False)
    before = psutil.Process().num_fds()
    for _ in range(3):  # until the process has told its last
        next(reading)
    (state,) = home.glob("imports/*.state")
    state.rename(home / "aside")
    state.mkdir()
    with pytest.raises(IsADirectoryError):
        next(reading)
    assert psutil.Process().num_fds() == before
    with pytest.raises(IsADirectoryError):
        importer.turn()
    state.rmdir()
    (home / "aside").rename(state)
    append(logs)
    read_rest(importer)
    assert rows_written(home) == {"loss": 2 * RUNS}
    assert points_of(runs_of(home, "p")["r7"], "loss") == [(0, 7.0), (1, -7.0)]


def test_nobody_is_waited_for_when_the_reader_stops_listening(
    importer: Importer, home: Path
) -> None:
    """As when what it tells raises: the process ends, and its work counts."""
    reading = read_ahead(importer, lambda: False)
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    read_rest(importer)
    assert rows_written(home) == {"loss": RUNS}


def test_a_large_directory_is_followed_on_after_its_first_pass(
    home: Path, logs: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Callable[..., Any]
) -> None:
    monkeypatch.setattr(follow, "LARGE", 0)
    told: list[str] = []
    (logs / "bad").mkdir()
    (logs / "bad" / NAME).write_bytes(b"no event file at all" * 10)
    follower = Follower(home, logs, "p", told.append)
    follower.start()
    try:
        wait_for(lambda: rows_written(home) == {"loss": RUNS}, 60.0)
        append(logs)
        wait_for(lambda: rows_written(home) == {"loss": 2 * RUNS}, 60.0)
        assert len(journals(home)) == RUNS
    finally:
        follower.stop()
    assert {run.state for run in runs_of(home, "p").values()} == {"finished"}
    assert len(told) == 1
    assert "is no event file" in told[0]


def test_a_directory_is_read_in_place_where_no_process_can_be_started(
    home: Path, logs: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Callable[..., Any]
) -> None:
    monkeypatch.setattr(follow, "LARGE", 0)
    monkeypatch.setattr("sys.executable", "/no/such/python")
    told: list[str] = []
    follower = Follower(home, logs, "p", told.append)
    follower.start()
    try:
        wait_for(lambda: rows_written(home) == {"loss": RUNS}, 60.0)
    finally:
        follower.stop()
    assert [text.split(":")[0] for text in told] == [f"{logs} is read by this process"]
