"""Pages of a list of runs: each run once, in any order, whatever comes and goes meanwhile."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from epochal.domain.expression import fields_of
from epochal.domain.query import parse_where
from epochal.domain.record import Config
from epochal.domain.view import RunQuery
from epochal.errors import InvalidInput
from epochal.store import search
from epochal.store.filters import Filters
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.runs import delete_run
from epochal.store.schema import run as table
from epochal.store.search import query_runs
from epochal.store.sorting import order_by, sort_parts
from tests.store.journals import Writing
from tests.store.varied import COUNT


def test_pages_follow_each_other_without_gap_or_repetition(filled):
    query = RunQuery("p", where="config.n >= 7", order=["summary.k", "name"], limit=7)
    whole = query_runs(
        filled, RunQuery("p", where="config.n >= 7", order=["summary.k", "name"], limit=1000)
    )
    seen: list[str] = []
    cursor = None
    while True:
        page = query_runs(filled, RunQuery(**{**as_dict(query), "cursor": cursor}))
        seen += [row.uid for row in page.runs]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [row.uid for row in whole.runs]
    assert len(seen) == whole.matched == COUNT - 7


def as_dict(query: RunQuery) -> dict[str, Any]:
    return {name: getattr(query, name) for name in query.__struct_fields__}


def test_an_offset_passes_over_so_many_runs_of_the_same_order(filled):
    """A jump to a place far below; past the end there is nothing, and the counts stay true."""
    for query in (RunQuery("p", order=["-config.n"]), RunQuery("p", where="config.n >= 7")):
        every = [row.uid for row in query_runs(filled, replace(query, limit=1000)).runs]
        for offset in (1, 17, len(every) - 1, len(every), len(every) + 5):
            page = query_runs(filled, replace(query, limit=10, offset=offset))
            assert [row.uid for row in page.runs] == every[offset : offset + 10]
            assert page.matched == len(every)


def test_an_offset_that_cannot_be_is_refused(filled):
    cursor = query_runs(filled, RunQuery("p", limit=5)).cursor
    for query in (RunQuery("p", offset=-1), RunQuery("p", limit=5, offset=5, cursor=cursor)):
        with pytest.raises(InvalidInput, match="offset must be 0 or more"):
            query_runs(filled, query)


def test_a_cursor_of_another_query_or_of_nobody_is_refused(filled):
    cursor = query_runs(filled, RunQuery("p", limit=5)).cursor
    assert cursor is not None
    with pytest.raises(InvalidInput, match="another query"):
        query_runs(filled, RunQuery("p", where="config.n > 1", limit=5, cursor=cursor))
    for nonsense in ("", "zzz", "é", "AAAA", cursor[:-4]):
        with pytest.raises(InvalidInput, match="cursor"):
            query_runs(filled, RunQuery("p", cursor=nonsense))


ORDERS = [
    ["-created"],
    ["created"],
    ["-config.x.a"],
    ["summary.k", "-config.x.b"],
    ["-last(m/a)", "config.x.c"],
    ["mean(k)"],
    ["-name", "min(k)"],
    ["exit_code", "-duration"],
    ["config.nobody"],
]


@pytest.mark.parametrize("few_runs", [0, search.FEW_RUNS])
@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_any_order_pages_as_it_lists(filled, order, few_runs, monkeypatch):
    """Whatever is missing, equal, NaN or text, and however the database looks runs up."""
    monkeypatch.setattr(search, "FEW_RUNS", few_runs)
    where = "config.n != 30 and (last(m/a) > -1e9 or not exists(last(m/a)))"
    query = RunQuery("p", where=where, order=order)
    whole = query_runs(filled, replace(query, limit=1000))
    assert len(whole.runs) == whole.matched > 40
    for limit in (1, 9, COUNT - 2, COUNT):
        seen = list(pages(filled, replace(query, limit=limit)))
        assert [row for page in seen for row in page.runs] == whole.runs
        assert {(page.matched, page.total) for page in seen} == {(whole.matched, whole.total)}
        assert seen[-1].cursor is None


def pages(store, query):
    cursor = None
    while True:
        page = query_runs(store, replace(query, cursor=cursor))
        yield page
        cursor = page.cursor
        if cursor is None:
            return


def test_new_and_deleted_runs_push_no_other_from_page_to_page(home):
    """A run that stays is shown exactly once."""
    with open_store(home) as store:
        for number in range(12):
            w = Writing(home, f"r{number:02}", second=number // 3)
            w.row(0, loss=number // 2)
            w.finish()
        ingest_home(store)
        query = RunQuery("p", order=["last(loss)"], limit=4)
        first = query_runs(store, query)
        for number, loss in ((20, -1), (21, 1), (22, 50)):
            w = Writing(home, f"r{number:02}", second=number)
            w.row(0, loss=loss)
            w.finish()
        ingest_home(store)
        delete_run(store, first.runs[-1].uid)
        second = query_runs(store, replace(query, cursor=first.cursor))
        third = query_runs(store, replace(query, cursor=second.cursor, limit=100))
        seen = [row.id for page in (first, second, third) for row in page.runs]
        old = [f"r{number:02}" for number in range(12)]
        assert sorted(id for id in seen if id in old) == old
        assert {"r20", "r21"}.isdisjoint(seen)
        assert seen[-1] == "r22"


def test_equal_runs_are_sorted_by_uid(home):
    """Which a database made anew has too, other than its row ids."""
    with open_store(home) as store:
        for number in range(9):
            Writing(home, f"r{number}").finish()
        ingest_home(store)
        uids = [row.uid for page in pages(store, RunQuery("p", limit=2)) for row in page.runs]
        assert uids == sorted(uids, reverse=True)


def test_a_long_text_makes_no_long_cursor(home):
    with open_store(home) as store:
        for number in range(3):
            w = Writing(home, f"r{number}", second=number)
            w.fact(Config(w.now, {"text": "é" * 3000 + str(number)}))
            w.finish()
        ingest_home(store)
        found = list(pages(store, RunQuery("p", order=["config.text"], limit=1)))
        assert [page.runs[0].id for page in found] == ["r2", "r1", "r0"]
        assert len(found[0].cursor) < 1000


@pytest.mark.parametrize("place", [[], [1], ["a", "b"], [None, "b"], [2**63, "b"], [1, 2]])
def test_a_forged_place_is_refused(filled, place):
    page = query_runs(filled, RunQuery("p", limit=5))
    assert page.cursor is not None
    forged = msgspec.msgpack.decode(base64.urlsafe_b64decode(page.cursor + "=="))
    forged[0] = place
    cursor = base64.urlsafe_b64encode(msgspec.msgpack.encode(forged)).decode().rstrip("=")
    with pytest.raises(InvalidInput, match="cursor"):
        query_runs(filled, RunQuery("p", limit=5, cursor=cursor))


def test_lists_of_many_runs_read_ranges_and_stop_early(filled):
    """The newest runs come from an index alone; a condition reads the range of its key."""
    with filled.database.read() as connection:
        plans: dict[str, list[str]] = {}
        for name, query, few in (
            ("newest", RunQuery("p", limit=3), False),
            ("search", RunQuery("p", where="config.n > 3 and last(k) < 9", limit=3), False),
        ):
            where = parse_where(query.where)
            filters = Filters(connection, fields_of(where), 0, few_runs=few)
            chosen = filters.select(where, table.c.id)
            chosen = chosen.where(table.c.project_id == 1, table.c.archived == sa.false())
            chosen, parts = sort_parts(filters, chosen, [])
            chosen = chosen.order_by(*order_by([part.column for part in parts], parts))
            text = str(chosen.compile(connection, compile_kwargs={"literal_binds": True}))
            plans[name] = [
                row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text)
            ]
    assert plans["newest"] == [
        "SEARCH run USING COVERING INDEX ix_run_project_created (project_id=? AND archived=?)"
    ]
    assert not any("SCAN" in step for step in plans["search"])
    assert sum("PRIMARY KEY (key_id=?" in step for step in plans["search"]) == 2
