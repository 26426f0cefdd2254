"""Going on with a run: by id, from a step, after a crash, and beside a writer that still lives
(F32).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import epochal
from epochal.client.resume import local_state
from epochal.domain.record import Cut
from epochal.errors import Conflict, EpochalWarning, InvalidInput, NotFound, Unavailable
from tests.client.scripts import read_home, run_script

Begin = Callable[..., epochal.Run]


def test_a_resumed_run_goes_on_after_its_last_step(begin: Begin, home: Path) -> None:
    with begin(id="r1", name="first", config={"lr": 0.1, "optim": {"name": "adam"}}) as run:
        for i in range(5):
            run.log({"a": i})
        run.summary["note"] = "kept"
    with begin(id="r1", resume="must", config={"epochs": 2}) as run:
        assert run.resumed
        assert (run.name, run.step) == ("first", 5)
        assert run.config == {"lr": 0.1, "optim": {"name": "adam"}, "epochs": 2}
        assert (run.summary["note"], run.summary["a"]) == ("kept", 4)
        run.log({"a": 5})
    first, second = read_home(home)
    assert first.points("a") + second.points("a") == [(i, i) for i in range(6)]
    assert second.header.resumed
    assert first.header.run_id == second.header.run_id == "r1"


def test_an_unknown_id_cannot_be_resumed_and_creates_nothing(begin: Begin, home: Path) -> None:
    with pytest.raises(NotFound, match=r"no run 'ghost'.*resume='allow'"):
        begin(id="ghost", resume="must")
    assert list(home.iterdir()) == []


def test_never_refuses_an_existing_id(begin: Begin) -> None:
    begin(id="r1", resume="never").finish()
    with pytest.raises(Conflict, match="already"):
        begin(id="r1", resume="never")


def test_allow_takes_both(begin: Begin) -> None:
    assert not begin(id="r1", resume="allow").resumed
    epochal.finish()
    assert begin(resume="r1").resumed, "W&B accepts the id as the value of resume"


def test_resume_from_a_step_hides_what_comes_after(begin: Begin, home: Path) -> None:
    """A rewind is a cut record, not a delete."""
    with begin(id="r1") as run:
        for i in range(10):
            run.log({"a": i})
    with begin(resume_from="r1?_step=6") as run:
        assert run.step == 6
        run.log({"a": 60})
    first, second = read_home(home)
    assert len(first.points("a")) == 10
    assert second.points("a") == [(6, 60)]
    assert [cut.step for cut in second.all(Cut)] == [6]
    assert local_state(home, run.uid).last_step == 6


def test_auto_goes_on_with_a_crashed_run_and_leaves_a_finished_one(
    begin: Begin, home: Path
) -> None:
    source = """
    import os
    epochal.init(project="tests", resume="auto", settings=QUIET).log({"a": 1})
    os._exit(9)
    """
    run_script(source, home)
    (crashed,) = read_home(home)
    run = begin(resume="auto")
    assert (run.id, run.step) == (crashed.header.run_id, 1)
    run.finish()
    assert begin(resume=True).id != run.id


def test_after_a_sigkill_resume_finds_the_last_step(begin: Begin, home: Path) -> None:
    source = """
    import os, signal
    run = epochal.init(project="tests", id="r1", settings=QUIET)
    for i in range(1000): run.log({"a": i})
    os.kill(os.getpid(), signal.SIGKILL)
    """
    run_script(source, home)
    assert begin(id="r1", resume="must").step == 1000


def test_two_living_writers_of_one_run_overwrite_nothing(begin: Begin, home: Path) -> None:
    with begin(id="r1") as first:
        first.log({"a": 0})
        with begin(id="r1", reinit="create_new", resume="allow") as second:
            assert second.uid == first.uid
            second.log({"a": 1})
            first.log({"a": 2})
    one, two = read_home(home)
    assert one.points("a") == [(0, 0), (1, 2)]
    assert two.points("a") == [(1, 1)]


def test_resume_json_of_the_store_is_enough(begin: Begin, home: Path) -> None:
    """The store may have taken the journals away."""
    with begin(id="r1") as run:
        run.log({"a": 1})
        directory = Path(run.dir or "")
    for journal in directory.glob("*.ej"):
        journal.unlink()
    state = {
        "exists": True,
        "last_step": 41,
        "config": {"lr": 1},
        "summary": {"a": 2},
        "name": "n",
    }
    (directory / "resume.json").write_bytes(msgspec.json.encode(state))
    run = begin(id="r1", resume="must")
    assert (run.step, run.config.lr, run.summary["a"], run.name) == (42, 1, 2, "n")


@pytest.mark.parametrize("content", [b"", b"{", b'{"exists": "maybe"}', b"\xff" * 100])
def test_a_damaged_resume_json_is_passed_over(content: bytes, begin: Begin, home: Path) -> None:
    with begin(id="r1") as run:
        run.log({"a": 1})
        (Path(run.dir or "") / "resume.json").write_bytes(content)
    assert begin(id="r1", resume="must").step == 1


def test_a_damaged_journal_beside_it_is_passed_over(begin: Begin, home: Path) -> None:
    with begin(id="r1") as run:
        run.log({"a": 1})
        (Path(run.dir or "") / f"{'0' * 32}.ej").write_bytes(b"nonsense")
    assert begin(id="r1", resume="must").step == 1


def test_system_rows_do_not_move_the_step(begin: Begin, home: Path) -> None:
    with begin(id="r1") as run:
        run.log({"a": 1}, step=3)
        run._session.recorder.write_row(("system/cpu",), 100, 1, [5.0])
    assert begin(id="r1", resume="must").step == 4


def test_a_server_that_is_down_is_an_error_only_where_it_is_needed(begin: Begin) -> None:
    down = {"url": "http://127.0.0.1:9", "exit_timeout": 0}
    with pytest.raises(Unavailable, match="cannot be asked"):
        begin(id="r1", resume="must", settings=down)
    with begin(id="r1") as run:
        run.log({"a": 1})
    with pytest.warns(EpochalWarning, match="cannot be asked"):
        assert begin(id="r1", resume="allow", settings=down).step == 1


def test_a_second_init_returns_the_live_run_with_one_message(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where something has imported what notebooks run on."""
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    first = begin()
    with pytest.warns(EpochalWarning, match="is live; it is returned"):
        assert begin() is first
    assert begin(reinit="return_previous") is first


def test_reinit_finishes_or_adds(begin: Begin) -> None:
    first = begin()
    second = begin(reinit="create_new")
    assert not first.finished
    assert epochal.run == second
    third = begin(reinit=True)
    assert second.finished
    assert third is not second
    first.finish()


def test_in_a_notebook_the_previous_run_is_finished(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Running the init cell again leaves no live run and no thread behind (F33)."""
    import threading
    from types import SimpleNamespace

    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    runs = [begin()]
    threads = threading.active_count()
    runs += [begin() for _ in range(5)]
    assert [run.finished for run in runs] == [True] * 5 + [False]
    assert threading.active_count() == threads


def test_a_run_in_dir(home: Path, tmp_path: Path) -> None:
    """``dir`` is a home, or the directory that gets one."""
    settings: dict[str, Any] = {
        "silent": True,
        "console": False,
        "environment": False,
        "git": False,
    }
    with epochal.init(project="p", dir=tmp_path / "work", settings=settings) as run:
        assert run.dir == os.path.join(tmp_path, "work", ".epochal", "runs", run.uid)
    with epochal.init(project="p", dir=tmp_path / "work" / ".epochal", settings=settings) as run:
        assert run.dir == os.path.join(tmp_path, "work", ".epochal", "runs", run.uid)


def test_a_bad_step_in_resume_from_is_refused(begin: Begin) -> None:
    with pytest.raises(InvalidInput, match="run-id"):
        begin(resume_from="r1?_step=x")
