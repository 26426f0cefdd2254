"""A small foreign run that SIGKILL cuts short at every step, and that then loses its index."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from epochal.domain.access import LOCAL_USER
from epochal.domain.run import RunState
from epochal.journal.journal import Journal
from epochal.service import runs
from epochal.service.recording import Recorder
from epochal.store.follow import Follower
from epochal.store.owner import open_store
from tests.store.resting import begin, end, files, log, steps, take_in


def kill_at(moment: int) -> None:
    """From now on this process dies before the ``moment``-th call that reaches disk or index."""
    left = moment

    def count(*_given: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            count()
            return real(*given, **more)

        return call

    calls = [(os, name) for name in ("fsync", "fdatasync", "rename", "pwrite")]
    for owner, name in (*calls, (Journal, "close")):
        setattr(owner, name, counted(getattr(owner, name)))
    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    sa.event.listen(sa.Engine, "commit", count)


def live(home: Path, moment: int, told: int) -> None:
    """A server's life with one small run; says what was acknowledged."""
    with open_store(home) as store:
        kill_at(moment)
        recorder, follower = Recorder(store), Follower(store)
        uid = begin(store, recorder)
        os.write(told, f"{uid}\n".encode())
        log(store, recorder, uid, range(3))
        os.write(told, b"logged\n")
        follower.poll()
        end(store, recorder, uid)
        os.write(told, b"ended\n")
        follower.poll()
        follower.poll()
        recorder.settle()
        os.write(told, b"over\n")
        os._exit(0)


def acknowledged(home: Path, moment: int) -> list[str]:
    """What a server told that died at a moment."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            live(home, moment, writing)
        finally:
            os._exit(3)
    os.close(writing)
    with os.fdopen(reading) as told:
        lines = told.read().split()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or lines[-1:] == ["over"], (moment, status, lines)
    return lines


def check(home: Path, lines: list[str], moment: str) -> None:
    """Everything acknowledged is there once, after two more looks, too."""
    for _ in range(2):
        with open_store(home) as store:
            take_in(store)
            assert store.database.check() == [], moment
            if not lines:
                continue
            uid, *more = lines
            run = runs.get_run(store, LOCAL_USER, uid)
            found = steps(store, uid)
            assert found in ([], [0, 1, 2]), moment
            if "logged" in more:
                assert found == [0, 1, 2], moment
            assert [metric.count for metric in run.metrics] == [len(found)] * (3 if found else 0)
            assert not run.events, moment
            if "ended" in more:
                assert run.state is RunState.FINISHED, moment
                assert files(home, uid) == [".ej"], moment
                with store.database.read() as connection:
                    count = connection.exec_driver_sql("SELECT count(*) FROM resting").scalar()
                assert count == 1, moment


def test_a_kill_at_any_step_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """With the index that the killed server left, and without it."""
    moment = 0
    while True:
        moment += 1
        home = tmp_path / str(moment)
        lines = acknowledged(home, moment)
        bare = shutil.copytree(home, tmp_path / "bare")
        for path in bare.glob("epochal.db*"):
            path.unlink()
        check(home, lines, f"step {moment}")
        check(bare, lines, f"step {moment}, without the index")
        shutil.rmtree(home)
        shutil.rmtree(bare)
        if lines[-1:] == ["over"]:
            break
    assert moment > 60
