"""Run tables.

The SQL means what the plain evaluator means, pages follow each other, mistakes are told.
"""

from __future__ import annotations

import math
import random
import sys
from functools import partial
from typing import Any

import pytest

from epochal.domain.expression import Field, Scalar, fields_of, matches
from epochal.domain.group import GroupQuery
from epochal.domain.query import parse_field, parse_where
from epochal.domain.view import RunChanges, RunDetail, RunQuery
from epochal.errors import InvalidInput, NotFound, QuerySyntaxError
from epochal.store import search
from epochal.store.groups import query_groups
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store, open_store
from epochal.store.runs import get_run, update_run
from epochal.store.search import query_runs, query_runs_in
from tests.store.journals import START, Writing
from tests.store.varied import COUNT


def lookup(run: RunDetail, field: Field) -> Scalar:
    """The plain meaning of every field, from what is shown of a run."""
    if field.kind == "attribute":
        return attribute(run, field.name)
    if field.kind == "config":
        found: Any = run.config
        names = field.name.split(".")
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return plain(found)
    if field.kind == "summary":
        return plain(run.summary.get(field.name))
    if field.kind == "tags":
        return run.labels.get(field.name)
    metric = next((metric for metric in run.metrics if metric.key == field.name), None)
    if metric is None:
        return None
    return {
        "last": metric.last, "min": metric.min, "max": metric.max, "mean": metric.mean,
        "count": metric.count,
    }[field.kind]  # fmt: skip


def plain(value: Any) -> Scalar:
    if isinstance(value, list):
        return "[" + ",".join(map(str, value)) + "]"
    return None if isinstance(value, dict) else value


def attribute(run: RunDetail, name: str) -> Scalar:
    match name:
        case "created" | "updated" | "ended":
            return getattr(run, f"{name}_us")
        case "duration":
            return ((run.ended_us or run.updated_us) - run.created_us) / 1e6
        case "archived":
            return int(run.archived)
        case "state":
            return str(run.state.value)
        case _:
            return getattr(run, name)


def random_expression(rng: random.Random, depth: int = 0) -> str:
    if depth < 3 and rng.random() < 0.55:
        kind = rng.choice(["and", "or", "not"])
        parts = [random_expression(rng, depth + 1) for _ in range(rng.randint(1, 3))]
        return f"not ({parts[0]})" if kind == "not" else "(" + f" {kind} ".join(parts) + ")"
    field = rng.choice(
        [
            "config.x.a",
            "config.x.b",
            "config.x.c",
            "config.n",
            'config["weird key"]["é/ü"]',
            "config.none",
            "summary.m/a",
            "summary.m/b",
            "summary.k",
            "summary.u",
            "summary.t",
            "tags.team.of",
            'tags["alone"]',
            "last(m/a)",
            "min(m/a)",
            "max(m/b)",
            "mean(k)",
            "count(k)",
            "name",
            "state",
            "group",
            "duration",
            "last_step",
            "exit_code",
            "created",
            "archived",
            "color",
            "host",
            "id",
        ]
    )
    value = rng.choice(
        [
            "0",
            "1",
            "2.5",
            "-1.5",
            "nan",
            "inf",
            "-inf",
            "1e300",
            "true",
            "false",
            '"a"',
            '"b*"',
            '"finished"',
            '"g"',
            '"run-3"',
            '"[1,2]"',
        ]
    )
    if field == "created":
        value = rng.choice([f"{START + 5_000_000}", 'ago("20s")', '"2023-11-14T22:13:30"'])
    shape = rng.random()
    if shape < 0.6:
        return f"{field} {rng.choice(['==', '!=', '<', '<=', '>', '>='])} {value}"
    if shape < 0.7:
        return f"exists({field})"
    if shape < 0.8:
        return f"{field} {rng.choice(['in', 'not in'])} [{value}, 1, {value}]"
    if shape < 0.9:
        pattern = rng.choice(["*", "a", "B*", "?", "run-?", "g*", "*%_*", "b[*]"])
        return f'{field} like "{pattern}"'
    return f'"{rng.choice("xyz")}" {rng.choice(["in", "not in"])} tags'


@pytest.mark.parametrize("few_runs", [0, search.FEW_RUNS])
def test_sql_and_plain_evaluation_agree(filled, few_runs, monkeypatch):
    """Five hundred random expressions over all kinds of values.

    A difference prints its seed and expression.
    """
    monkeypatch.setattr(search, "FEW_RUNS", few_runs)
    with filled.database.read() as connection:
        uids = [row[0] for row in connection.exec_driver_sql("SELECT uid FROM run")]
    runs = [get_run(filled, uid) for uid in uids]
    now = START + 30_000_000
    satisfied = 0
    for seed in range(500):
        text = random_expression(random.Random(seed))
        expression = parse_where(text)
        expected = {
            run.uid
            for run in runs
            if matches(expression, partial(lookup, run), frozenset(run.tags), now)
        }
        page = query_runs_in(filled.database, RunQuery("p", where=text, limit=1000), now)
        found = {row.uid for row in page.runs}
        assert found == expected, f"seed {seed}: {text}"
        assert (page.matched, page.total) == (len(expected), COUNT), text
        satisfied += 0 < len(expected) < COUNT
    assert satisfied > 200, "the expressions must tell runs apart"


@pytest.mark.parametrize(
    "column",
    [
        "config.n",
        "config.x.a",
        "summary.m/a",
        "summary.k",
        "tags.team.of",
        "last(m/b)",
        "mean(k)",
        "created",
        "name",
        "duration",
        "exit_code",
    ],
)
@pytest.mark.parametrize("sign", ["", "-"])
def test_an_order_puts_missing_values_last(filled, column, sign):
    """Numbers in order, then texts in order, then what has no value (NaN included)."""
    page = query_runs(filled, RunQuery("p", order=[sign + column], columns=[column], limit=1000))
    values = page.columns[column]
    numbers = [v for v in values if isinstance(v, (int, float)) and not math.isnan(v)]
    texts = [v for v in values if isinstance(v, str)]
    assert numbers == sorted(numbers, reverse=sign == "-")
    assert texts == sorted(texts, reverse=sign == "-")
    kinds = [
        0
        if isinstance(v, (int, float)) and not math.isnan(v)
        else 1
        if isinstance(v, (str, list))
        else 2
        for v in values
    ]
    assert kinds == sorted(kinds)
    assert len(numbers) + len(texts) > 10


def test_columns_hold_what_is_shown_of_each_run(filled):
    columns = [
        "config.x.a",
        "config.n",
        "summary.m/a",
        "summary.k",
        "summary.t",
        "tags.team.of",
        "tags.k",
        "last(m/a)",
        "count(k)",
        "state",
        "archived",
    ]
    page = query_runs(filled, RunQuery("p", columns=columns, limit=1000))
    for index, row in enumerate(page.runs):
        run = get_run(filled, row.uid)
        for column in columns:
            field = parse_field(column)
            expected: Any = lookup(run, field)
            if field.kind == "config" and isinstance(run.config.get("x", {}).get("a"), list):
                expected = run.config["x"]["a"] if column == "config.x.a" else expected
            if field.kind == "summary" and isinstance(run.summary.get(field.name), list):
                expected = run.summary[field.name]
            found = page.columns[column][index]
            assert repr(found) == repr(expected) or found == expected, (column, run.id)


def test_ids_choose_runs_by_id_or_uid(filled):
    uid = query_runs(filled, RunQuery("p", ids=["run-5"])).runs[0].uid
    page = query_runs(filled, RunQuery("p", ids=[uid, "run-6", "nobody"]))
    assert {row.id for row in page.runs} == {"run-5", "run-6"}
    assert (page.matched, page.total) == (2, COUNT)


def test_archived_runs_are_hidden_unless_asked_for(home):
    with open_store(home) as store:
        for name in ("a", "b"):
            Writing(home, name).finish()
        ingest_home(store)
        uid = query_runs(store, RunQuery("p", ids=["a"])).runs[0].uid
        update_run(store, uid, RunChanges(archived=True))
        assert [row.id for row in query_runs(store, RunQuery("p")).runs] == ["b"]
        both = query_runs(store, RunQuery("p", archived=True, order=["name"]))
        assert [row.id for row in both.runs] == ["a", "b"]
        for where, found in (
            ("archived == true", ["a"]),
            ("archived == false", ["b"]),
            ('archived == true or name == "b"', ["a", "b"]),
            ("not (archived == false)", ["a"]),
        ):
            page = query_runs(store, RunQuery("p", where=where, order=["name"]))
            assert ([row.id for row in page.runs], page.total) == (found, 2), where
            groups = query_groups(store, GroupQuery("p", by=["name"], where=where))
            assert [group.values for group in groups.groups] == [[name] for name in found], where


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_range_is_refused(filled, limit):
    with pytest.raises(InvalidInput, match="1 to 1000"):
        query_runs(filled, RunQuery("p", limit=limit))


def test_mistakes_are_told(filled):
    with pytest.raises(NotFound, match="did you mean 'p'"):
        query_runs(filled, RunQuery("pp"))
    with pytest.raises(QuerySyntaxError, match="unknown field 'loss'"):
        query_runs(filled, RunQuery("p", where="loss < 1"))
    with pytest.raises(QuerySyntaxError):
        query_runs(filled, RunQuery("p", order=["nonsense"]))
    with pytest.raises(InvalidInput, match="columns"):
        query_runs(filled, RunQuery("p", columns=[f"config.c{n}" for n in range(201)]))


def test_the_longest_expression_that_is_allowed_is_answered(filled):
    """Three hundred conditions neither overflow the database's parser nor its variables."""
    text = " or ".join(f"config.n == {n}" for n in range(300))
    assert query_runs(filled, RunQuery("p", where=text)).matched == COUNT
    nested = "(" * 90 + "config.n == 1" + ")" * 90
    assert query_runs(filled, RunQuery("p", where=nested)).matched == 1
    assert [field.name for field in fields_of(parse_where(nested))] == ["n"]


def test_a_store_without_runs_has_no_projects(home):
    with open_store(home) as store:
        assert isinstance(store, Store)
        with pytest.raises(NotFound):
            query_runs(store, RunQuery("p"))


BIG = sys.float_info.max


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([1.7e308] * 20, 1.7e308),
        ([BIG] * 7, BIG),
        ([-BIG] * 7, -BIG),
        ([1.7e308, -1.7e308, 3.0] * 4, 1.0),
        ([1.5e308, math.inf, math.nan, 0.5e308], 1e308),
    ],
)
@pytest.mark.parametrize("at_once", [1, 3, 20])
def test_means_of_values_near_the_largest_float_are_finite(home, values, mean, at_once):
    """However the points arrive; a sum of them would be infinite, or a fault of PostgreSQL."""
    w = Writing(home)
    with open_store(home) as store:
        for first in range(0, len(values), at_once):
            part = values[first : first + at_once]
            w.rows(list(range(first, first + len(part))), [{"loss": v, "n": 1.0} for v in part])
            ingest_home(store)
        page = query_runs(store, RunQuery("p", columns=["mean(loss)"], order=["mean(loss)"]))
        told = [page.columns["mean(loss)"][0], get_run(store, w.uid).metrics[0].mean]
        assert told == [pytest.approx(mean, rel=1e-15)] * 2
        where = "mean(loss) >= -1.8e307" if mean > 0 else "mean(loss) < 0"
        assert query_runs(store, RunQuery("p", where=where)).matched == 1
        (group,) = query_groups(store, GroupQuery("p", ["state"], columns=["mean(loss)"])).columns[
            "mean(loss)"
        ]
        assert group.mean == told[0]
