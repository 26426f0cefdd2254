"""Foreign runs as their clients log them, small ones first of all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from epochal.domain.access import LOCAL_USER
from epochal.domain.run import RunState
from epochal.service import tracking
from epochal.service.recorded import Point
from epochal.service.recording import Recorder
from epochal.service.tracking import Batch, NewRun
from epochal.store.follow import Follower
from epochal.store.owner import Store
from epochal.store.series import series_points

KEYS = ("a", "b", "c")


def begin(store: Store, recorder: Recorder, name: str = "n") -> str:
    new = NewRun(0, "test", name, {"tag": "first"})
    return tracking.create_run(store, LOCAL_USER, recorder, new).uid


def log(store: Store, recorder: Recorder, uid: str, steps: range, **batch: Any) -> None:
    points = [Point(step, step * 10, KEYS, [step / 8, step / 7, -1.0]) for step in steps]
    tracking.log(store, LOCAL_USER, recorder, uid, Batch(points=points, **batch))


def end(store: Store, recorder: Recorder, uid: str) -> None:
    tracking.change_run(
        store, LOCAL_USER, recorder, uid, client="test", state=RunState.FINISHED, ended_us=10**15
    )


def take_in(store: Store) -> None:
    follower = Follower(store)
    while follower.poll() or follower.is_behind:
        pass
    assert follower.problems == []


def steps(store: Store, uid: str, key: str = "b") -> list[int]:
    points = series_points(store, uid, key, "all")
    assert (points.value == points.step / 7).all()
    return [int(step) for step in points.step]


def files(home: Path, uid: str) -> list[str]:
    """The kinds of files that a run has."""
    return sorted(path.suffix for path in (home / "runs" / uid).iterdir())
