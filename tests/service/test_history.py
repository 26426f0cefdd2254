"""Rows of history: what was logged at one step, together again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from epochal.domain.access import Principal, Role
from epochal.errors import NotFound
from epochal.service import history
from epochal.service.history import HistoryRow, read_rows
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.points import Points, assemble
from tests.store.journals import Writing

READER = Principal("reader", Role.READER)


def rows(home: Path, writing: Writing, *keys: str, **more: Any) -> list[HistoryRow]:
    with open_store(home) as store:
        ingest_home(store)
        return read_rows(store, READER, writing.uid, keys, **more)


def values(found: list[HistoryRow]) -> list[dict[str, Any]]:
    return [{"step": row.step, **row.values} for row in found]


def test_values_of_one_step_are_one_row(home: Path) -> None:
    """Whether they were logged together or not; the last value of a step counts."""
    run = Writing(home)
    run.row(0, a=1, b=0.5)
    run.row(1, a=2)
    run.row(1, b=1.5)
    run.row(1, a=3)
    last = run.now
    run.row(3, b=2.5)
    found = rows(home, run, "a", "b", "nothing")
    assert values(found) == [
        {"step": 0, "a": 1, "b": 0.5}, {"step": 1, "a": 3, "b": 1.5}, {"step": 3, "b": 2.5},
    ]  # fmt: skip
    assert found[1].wall_us == last


def test_rows_that_have_every_key(home: Path) -> None:
    run = Writing(home)
    run.row(0, a=1.0, b=1.0)
    run.row(1, a=2.0)
    run.row(2, a=3.0, b=3.0)
    assert [row.step for row in rows(home, run, "a", "b", every=True)] == [0, 2]
    assert rows(home, run, "a", "nothing", every=True) == []


def test_a_range_and_a_sample(home: Path) -> None:
    """Both ends of the range belong to it; a sample has the first and the last row."""
    run = Writing(home)
    run.line(0, 101)
    assert [row.step for row in rows(home, run, "loss", lo=5, hi=7)] == [5, 6, 7]
    assert [row.step for row in rows(home, run, "loss", samples=5)] == [0, 25, 50, 75, 100]
    assert len(rows(home, run, "loss", samples=1_000)) == 101
    assert rows(home, run, "loss", samples=0) == []
    assert rows(home, run) == []


@pytest.mark.parametrize("count,whole", [(100, 1), (1_000, 0)], ids=["small", "large"])
def test_a_page_of_a_large_run_reads_no_more_than_itself(
    home: Path, monkeypatch: pytest.MonkeyPatch, count: int, whole: int
) -> None:
    """A small run is read once for all pages, a large one page by page."""
    run = Writing(home)
    run.line(0, count)
    run.finish()
    monkeypatch.setattr(history, "MAX_KEPT", 64 * 10)
    monkeypatch.setattr(history, "_recent", history._Recent())
    ranges: list[tuple[int | None, int | None]] = []

    def noted(*args: Any, lo: int | None, hi: int | None) -> Points:
        ranges.append((lo, hi))
        return assemble(*args, lo=lo, hi=hi)

    monkeypatch.setattr(history, "assemble", noted)
    with open_store(home) as store:
        ingest_home(store)
        for first in (0, 20, 40):
            found = read_rows(store, READER, run.uid, ["loss"], lo=first, hi=first + 19)
            assert [row.step for row in found] == list(range(first, first + 20))
    assert ranges == ([(None, None)] if whole else [(0, 19), (20, 39), (40, 59)])


def test_what_is_kept_for_the_next_page_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By weight, though it holds no values; what was asked for last stays."""
    monkeypatch.setattr(history, "MAX_KEPT", 100)
    kept = history._Recent()
    for name in "abc":
        kept.put(name, [], 40)
    assert [kept.get(name) for name in "abc"] == [None, [], []]
    kept.put("b", [], 60)
    assert [kept.get(name) for name in "cb"] == [[], []]
    kept.put("d", [], 40)
    assert [kept.get(name) for name in "bcd"] == [[], None, []]


def test_no_such_run(home: Path) -> None:
    with open_store(home) as store, pytest.raises(NotFound):
        read_rows(store, READER, "0" * 32, ["loss"])
