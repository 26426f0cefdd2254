"""Moving runs from Python: the same on a home and through a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from epochal.api import Reader, connect
from epochal.domain.record import Config
from epochal.errors import Conflict, InvalidInput, NotFound
from tests.api.recorded import BIG, NAN_BITS, ROWS, bits
from tests.conftest import end_process, start_server
from tests.store.journals import Writing


@pytest.fixture(params=["local", "http"])
def mover(request: pytest.FixtureRequest, recorded: Path, tmp_path: Path) -> Iterator[Reader]:
    """A reader of a copy of the recorded home, which may change it."""
    if request.param == "local":
        yield connect(home=recorded)
        return
    running = start_server(recorded, log=tmp_path / "server.log")
    yield connect(home=recorded)
    end_process(running.process)


def test_a_run_moves_with_all_that_it_is(mover: Reader) -> None:
    """Bit for bit, into a project that was not there; the old address tells where it is."""
    old = mover.run("mnist/alpha")
    before = {key: old.series(key) for key in old.metrics}
    lines = list(old.logs())
    new = old.move("thesis")
    assert (new.project, new.id, new.name) == ("thesis", "alpha", "first run")
    assert (new.tags, new.notes) == (["baseline", "slow"], "hello")
    assert new.config.optim.betas == [0.9, 0.999]
    assert new.summary["best"] == 0.75
    assert list(new.metrics) == list(before)
    for key, points in before.items():
        moved = new.series(key)
        assert moved.step.tolist() == points.step.tolist()
        assert moved.time.tolist() == points.time.tolist()
        assert moved.value.tobytes() == points.value.tobytes()
    found = dict(zip(new.series("sparse").step, new.series("sparse").value, strict=True))
    assert bits(float(found[30])) == NAN_BITS
    assert new.series("count").value.tolist()[0] == BIG
    assert len(new.series("loss").step) == ROWS
    assert list(new.logs()) == lines
    assert old.row.archived
    gone = mover.run("mnist/alpha").detail.moved_to
    assert gone is not None
    assert gone.uid == new.uid
    assert mover.run("first run").uid == new.uid  # the one that is not archived
    assert [run.id for run in mover.runs("thesis")] == ["alpha"]
    assert "alpha" not in [run.id for run in mover.runs("mnist")]
    assert old.move("thesis").uid == new.uid
    old.delete()
    assert mover.run("mnist/alpha").uid == new.uid
    assert mover.run(old.uid).uid == new.uid


def test_what_cannot_go_is_told_and_the_rest_goes(mover: Reader) -> None:
    """A report with one line for each run; a project may have a slash in its name."""
    runs = list(mover.runs("mnist", order="created"))
    report = mover.move(runs, "other/name")
    assert [one.run.id for one in report] == ["alpha", "beta", "gamma"]
    assert [one.new.project for one in report if one.new] == ["other/name"] * 2
    [error] = [one.error for one in report if one.error]
    assert isinstance(error, Conflict)
    assert "has a run with the id 'alpha' already" in error.message
    moved = mover.run("mnist/alpha").move("other/name", id="alpha-2")
    assert (moved.id, moved.name) == ("alpha-2", "first run")


def test_names_are_checked_before_anything_happens(mover: Reader) -> None:
    run = mover.run("mnist/beta")
    for project, id in (("", None), ("a\0b", None), ("q", "a/b"), ("q" * 300, None)):
        with pytest.raises(InvalidInput):
            run.move(project, id=id)
    with pytest.raises(Conflict, match="is in project 'mnist' already"):
        run.move("mnist")
    run.delete()
    with pytest.raises(NotFound):
        run.move("thesis")
    assert [row.name for row in mover.projects()] == ["other/name", "mnist"]


def test_a_hundred_runs_move_in_one_call(home: Path) -> None:
    """With a report of the one that stays."""
    for place, n in [*(("many", n) for n in range(100)), ("all", 41)]:
        run = Writing(home, f"r{n:02}", project=place, second=n)
        run.fact(Config(run.now, {"n": n}))
        run.line(n, 1)
        run.finish()
    reader = connect(home=home)
    report = reader.move(reader.runs("many"), "all")
    assert [one.run.id for one in report if one.error] == ["r41"]
    assert {(run.id, run.config.n, run.summary["loss"]) for run in reader.runs("all")} == {
        (f"r{n:02}", n, n / 8) for n in range(100)
    }
    assert [run.id for run in reader.runs("many")] == ["r41"]
    assert not [name for name in os.listdir(home / "runs") if name.startswith(".")]
