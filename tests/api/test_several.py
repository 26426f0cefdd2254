"""Many runs moved or deleted by pieces: the same on a home and through a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.api import Reader, connect, several
from epochal.api.question import DeleteSeveral, MoveSeveral, Question
from epochal.api.several import delete_runs, move_runs
from epochal.domain.moving import MoveTo
from epochal.errors import Conflict, EpochalError, Unavailable
from tests.conftest import end_process, start_server
from tests.store.journals import Writing

IDS = ["a", "b", "c", "d", "e"]


@pytest.fixture(params=["local", "http"])
def reader(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Reader]:
    for n, id in enumerate(IDS):
        run = Writing(home, id, second=n)
        run.line(0, 2)
        run.finish()
    if request.param == "local":
        yield connect(home=home)
        return
    running = start_server(home, log=tmp_path / "server.log")
    yield connect(home=home)
    end_process(running.process)


@pytest.fixture
def asked(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many runs each piece had."""
    sizes: list[int] = []
    asking = reader.source.ask

    def ask(question: Question[Any]) -> Any:
        if isinstance(question, (MoveSeveral, DeleteSeveral)):
            sizes.append(len(question.wish.runs))
        return asking(question)

    monkeypatch.setattr(reader.source, "ask", ask)
    monkeypatch.setattr(several, "MOVED_AT_ONCE", 2)
    monkeypatch.setattr(several, "DELETED_AT_ONCE", 2)
    return sizes


def test_pieces_make_one_report(
    reader: Reader, asked: list[int], home: Path, wait_for: Callable[..., Any]
) -> None:
    taken = Writing(home, "b", project="q")
    taken.line(0, 1)
    taken.finish()
    wait_for(lambda: len(reader.projects()) == 2)  # a server looks now and then
    runs = list(reader.runs("p", order="created"))
    report = move_runs(reader.source, [*runs, runs[0]], MoveTo("q"))
    assert asked == [2, 2, 1]
    assert [one.run.id for one in report] == IDS
    assert [one.new and (one.new.project, one.new.id) for one in report] == [
        ("q", "a"), None, ("q", "c"), ("q", "d"), ("q", "e")
    ]  # fmt: skip
    error = report[1].error
    assert isinstance(error, Conflict)
    assert "has a run with the id 'b' already" in error.message
    busy = Writing(home, "busy", project="q")
    busy.line(0, 1)
    wait_for(lambda: len(reader.runs("q")) == 6)
    asked.clear()
    gone = delete_runs(reader.source, reader.runs("q"))
    assert asked == [2, 2, 2]
    assert [(one.run.id, type(one.error)) for one in gone if one.error] == [("busy", Conflict)]
    assert [run.id for run in reader.runs("q")] == ["busy"]


def test_after_a_piece_that_failed_as_a_whole_none_is_begun(
    reader: Reader, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = list(reader.runs("p", order="created"))
    asking = reader.source.ask

    def ask(question: Question[Any]) -> Any:
        if isinstance(question, DeleteSeveral) and runs[2].uid in question.wish.runs:
            asked.append(-1)
            raise Unavailable("nobody answers")
        return asking(question)

    monkeypatch.setattr(reader.source, "ask", ask)
    report = delete_runs(reader.source, runs)
    assert asked == [2, -1]
    errors: list[EpochalError | None] = [one.error for one in report]
    assert errors[:2] == [None, None]
    assert [error.message for error in errors[2:] if error] == ["nobody answers"] * 3
    assert [run.id for run in reader.runs("p", order="created")] == IDS[2:]
