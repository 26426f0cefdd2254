"""Groups of runs.

Each run is in one group of each level, a group's condition finds its runs, statistics are over
all of them, and no filter changes a color.
"""

from __future__ import annotations

import math
import random
import statistics
from fractions import Fraction
from typing import Any

import pytest
import sqlalchemy as sa

from epochal.domain.group import GroupQuery
from epochal.domain.query import parse_field
from epochal.domain.record import Attributes, Config
from epochal.domain.view import RunChanges, RunQuery
from epochal.errors import InvalidInput, QuerySyntaxError
from epochal.store import runvalues
from epochal.store.groups import query_groups
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.runs import update_run
from epochal.store.runvalues import read_lists, read_values
from epochal.store.schema import run
from epochal.store.search import query_runs
from tests.store.journals import Writing

VALUES: list[Any] = [
    0, 1, 1.0, True, False, -0.0, 0.1, 1e-30, 2**60, math.nan, math.inf, "", "1", 'a "b" \\ c',
    "é\nü", None, [1, "x"], {},
]  # fmt: skip
COUNT = 70
FIELDS = [
    "config.a", "config.b", 'config["weird key"]', "config.none", "group", "state", "exit_code",
    "created", "last(loss)", "min(loss)", "summary.loss", "count(loss)",
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    home = tmp_path_factory.mktemp("groups")
    rng = random.Random(11)
    for number in range(COUNT):
        w = Writing(home, f"run-{number}", second=number // 2)
        config = {key: rng.choice(VALUES) for key in ("a", "weird key") if rng.random() < 0.9}
        w.fact(Config(w.now, {**config, "b": number % 3, "n": number}))
        if rng.random() < 0.8:
            for step in range(rng.randint(1, 3)):
                w.row(step, loss=rng.choice([0.5, 1.5, -2.0, math.nan, math.inf, 1e308]))
        w.fact(Attributes(w.now, {"group": rng.choice(["", "g", "G*"])}))
        w.finish(rng.choice(["finished", "failed"]), rng.choice([0, 1, None]))
    with open_store(home) as store:
        ingest_home(store)
        yield store


def found(store, where: str = "", *columns: str):
    return query_runs(store, RunQuery("p", where=where, columns=list(columns), limit=1000))


@pytest.mark.parametrize("field", FIELDS)
def test_the_conditions_of_groups_part_the_runs(filled, field):
    """Two levels: every group finds its own runs, and the innermost ones find each run once."""
    page = query_groups(filled, GroupQuery("p", [field, "config.b"], members=True))
    assert (page.total, page.matched, page.found) == (COUNT, COUNT, len(page.groups))
    met: list[str] = []
    for group in page.groups:
        own = {run.uid for run in found(filled, group.where).runs}
        assert len(own) == group.runs, group
        if group.uids is not None:
            assert own == set(group.uids), group
            met += group.uids
    assert len(met) == len(set(met)) == COUNT


def test_statistics_are_over_every_run_of_a_group(filled, monkeypatch):
    monkeypatch.setattr(runvalues, "CHUNK", 7)
    page = query_groups(filled, GroupQuery("p", ["config.b"], columns=["last(loss)", "config.a"]))
    for group, cell, other in zip(page.groups, *page.columns.values(), strict=True):
        mine = found(filled, group.where, "last(loss)", "config.a").columns
        values = [v for v in mine["last(loss)"] if v is not None]
        finite = [v for v in values if math.isfinite(v)]
        assert (cell.n, cell.bad) == (len(values), len(values) - len(finite))
        assert (cell.min, cell.max) == (min(finite), max(finite))
        exact = [Fraction(v) for v in finite]
        assert cell.mean == pytest.approx(float(statistics.mean(exact)))
        assert cell.std == pytest.approx(statistics.stdev(exact))
        assert other.n == sum(v is not None for v in mine["config.a"])
        assert (other.value is not None) == (other.distinct == 1)


@pytest.mark.parametrize("every", [1, 3, 30])
@pytest.mark.parametrize("chunk", [7, 5000])
def test_columns_read_whole_hold_what_lists_hold(filled, monkeypatch, every, chunk):
    """Each value and its type, for runs that lie densely or sparsely, in any order."""
    monkeypatch.setattr(runvalues, "CHUNK", chunk)
    names = [*FIELDS, "config.n", "name", "last(absent)", "max(loss)", "mean(loss)"]
    fields = {name: parse_field(name) for name in names}
    with filled.database.read() as connection:
        ids = list(connection.execute(sa.select(run.c.id)).scalars())[::-every]
        lists = read_lists(connection, fields, ids)
        found = read_values(connection, fields, ids)
    assert found.keys() == lists.keys()
    for name, values in lists.items():
        column = found[name]
        told = [column.value(at) if here else None for at, here in enumerate(column.present)]
        assert list(map(repr, told)) == list(map(repr, values)), name
        marks = [runvalues.mark(value) for value in values]
        for at, one in enumerate(marks):
            same = [mark == one for mark in marks]
            assert (column.codes == column.codes[at])[column.present].tolist() == [
                equal for equal, here in zip(same, column.present, strict=True) if here
            ] or not column.present[at]


def test_a_column_that_all_share_says_what_it_is(filled):
    page = query_groups(filled, GroupQuery("p", ["config.b"], columns=["config.b", "config.n"]))
    assert [cell.value for cell in page.columns["config.b"]] == [0, 1, 2]
    assert [cell.distinct for cell in page.columns["config.n"]] == [g.runs for g in page.groups]
    assert all(cell.std is not None for cell in page.columns["config.n"])


def test_one_run_has_a_mean_and_no_spread(filled):
    page = query_groups(filled, GroupQuery("p", ["config.n"], columns=["config.n"], limit=2))
    assert (page.found, len(page.groups)) == (COUNT, 2)
    assert [(c.mean, c.std) for c in page.columns["config.n"]] == [(0.0, None), (1.0, None)]


def test_no_filter_changes_a_color(filled):
    every = {
        g.values[0]: g.color for g in query_groups(filled, GroupQuery("p", ["config.b"])).groups
    }
    assert every == {0: 0, 1: 1, 2: 2}
    some = query_groups(filled, GroupQuery("p", ["config.b"], where="config.b != 0"))
    assert {group.values[0]: group.color for group in some.groups} == {1: 1, 2: 2}


def test_groups_are_sorted_by_values_and_by_means(filled):
    def values(*order: str) -> list[Any]:
        query = GroupQuery("p", ["config.b", "group"], order=list(order))
        return [tuple(group.values) for group in query_groups(filled, query).groups]

    ascending = values()
    assert ascending[0] == (0,)
    assert ascending == sorted(ascending)
    assert [v[0] for v in values("-config.b") if len(v) == 1] == [2, 1, 0]
    assert [v[0] for v in values("config.n") if len(v) == 1] == [1, 0, 2]
    assert [v for v in values("-config.b", "-group") if v[0] == 2][1:] == [
        (2, "g"), (2, "G*"), (2, "")
    ]  # fmt: skip


def test_missing_values_are_a_group_and_come_last(filled):
    page = query_groups(filled, GroupQuery("p", ["config.a"], order=["-config.a"]))
    assert page.groups[-1].values == [None]
    assert page.groups[-1].where == "not exists(config.a)"


def test_archived_runs_are_left_out_until_asked_for(filled):
    run = found(filled, "config.n == 3").runs[0]
    update_run(filled, run.uid, RunChanges(archived=True))
    try:
        assert query_groups(filled, GroupQuery("p", ["config.b"])).matched == COUNT - 1
        every = query_groups(filled, GroupQuery("p", ["config.b"], archived=True))
        assert every.matched == COUNT
    finally:
        update_run(filled, run.uid, RunChanges(archived=False))


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (GroupQuery("p", []), "names no field"),
        (GroupQuery("p", ["config.b"] * 5), "at most 4 levels in by"),
        (GroupQuery("p", ["config.b"], limit=0), "limit must be from 1"),
    ],
)
def test_a_question_that_asks_too_much_is_told_so(filled, query, error):
    with pytest.raises(InvalidInput, match=error):
        query_groups(filled, query)


def test_a_field_that_names_nothing_is_told(filled):
    with pytest.raises(QuerySyntaxError, match="did you mean"):
        query_groups(filled, GroupQuery("p", ["statee"]))
