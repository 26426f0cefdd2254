"""A log directory followed live."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epochal.imports.tensorboard import Follower, Importer
from epochal.imports.tensorboard.importer import IDLE_SECONDS
from tests.imports.tensorboard.events import (
    NAME,
    file_bytes,
    points_of,
    rows_written,
    runs_of,
    scalar,
    write,
)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    path = tmp_path / "logs"
    path.mkdir()
    return path


def test_points_files_and_runs_that_appear_are_written_at_once(
    home: Path, logs: Path, wait_for: Callable[..., Any]
) -> None:
    """By themselves, into one journal per run, whose writer lives."""
    follower = Follower(home, logs, "p", pytest.fail)
    follower.start()
    try:
        path = write(logs / "a" / NAME, scalar("loss", 0, 0.0))
        for step in range(1, 4):
            wait_for(lambda now=step: rows_written(home)["loss"] == now)
            with path.open("ab") as file:
                file.write(file_bytes(scalar("loss", step, step)))
        write(logs / "b" / NAME, scalar("other", 0, 0.0))
        wait_for(lambda: rows_written(home) == {"loss": 4, "other": 1})
        runs = runs_of(home, "p")
        assert {run.state for run in runs.values()} == {"running"}
        assert points_of(runs["a"], "loss") == [(step, step) for step in range(4)]
    finally:
        follower.stop()
    assert {run.state for run in runs_of(home, "p").values()} == {"finished"}
    assert rows_written(home)["loss"] in (0, 4)


def test_a_run_that_rests_is_over_and_goes_on_when_it_grows(home: Path, logs: Path) -> None:
    """After ten minutes without a point."""
    path = write(logs / "a" / NAME, scalar("loss", 0, 0.0))
    now = [path.stat().st_mtime]
    with Importer(home, logs, "p", live=True, clock=lambda: now[0]) as importer:
        while importer.turn():
            pass
        assert runs_of(home, "p")["a"].state == "running"
        now[0] += IDLE_SECONDS + 1
        assert not importer.turn()
        assert runs_of(home, "p")["a"].state == "finished"
        with path.open("ab") as file:
            file.write(file_bytes(scalar("loss", 1, 1.0)))
        now[0] = path.stat().st_mtime
        assert importer.turn()
        run = runs_of(home, "p")["a"]
        assert run.state == "running"
        assert points_of(run, "loss") == [(0, 0.0), (1, 1.0)]


def test_files_that_vanish_while_they_are_followed_are_no_problem(home: Path, logs: Path) -> None:
    """What was read of them stays."""
    write(logs / "a" / NAME, scalar("loss", 0, 0.0))
    with Importer(home, logs, "p", live=True) as importer:
        assert importer.turn()
        shutil.rmtree(logs / "a")
        assert not importer.turn()
        assert importer.report.problems == {}
    assert points_of(runs_of(home, "p")["a"], "loss") == [(0, 0.0)]


def test_a_directory_that_goes_and_comes_back_is_followed_on(
    home: Path, logs: Path, wait_for: Callable[..., Any]
) -> None:
    """As a network drive does; nothing ends the thread."""
    follower = Follower(home, logs, "p", lambda _: None)
    follower.start()
    try:
        shutil.rmtree(logs)
        write(logs / "a" / NAME, scalar("loss", 0, 0.0))
        wait_for(lambda: rows_written(home)["loss"] == 1)
    finally:
        follower.stop()


def test_problems_are_told_once(home: Path, logs: Path, wait_for: Callable[..., Any]) -> None:
    """However often the directory is looked at."""
    told: list[str] = []
    (logs / NAME).write_bytes(b"no event file at all" * 10)
    follower = Follower(home, logs, "p", told.append)
    follower.start()
    try:
        wait_for(lambda: told)
        write(logs / "a" / NAME, scalar("loss", 0, 0.0))
        wait_for(lambda: rows_written(home)["loss"] == 1)
    finally:
        follower.stop()
    assert len(told) == 1
    assert "is no event file" in told[0]
