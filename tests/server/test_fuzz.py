"""DOS-20, J: whatever is asked, the answer is one of ours: never 5xx, always in the envelope."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.door import Door
from tests.server.journals import Script

SCRIPT = Script().rows(1.0, 2.0, float("nan")).finish()
quiet = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

text = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        ["p", "r1", "loss", "step", "wall", "relative", "last", "all", SCRIPT.uid, "local", "NaN",
         "-created", "name", "config.lr", "last(loss)", "min(loss)", "summary.x", "state = 'x'"]
    ),
)  # fmt: skip
number = st.one_of(
    st.integers(),
    st.floats(),
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**53, 2**63, -(2**63)]),
)
scalar = st.one_of(st.none(), st.booleans(), number, text)
anything = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
ref = {"run": text, "key": text, "formula": text, "runs": st.lists(text, max_size=2)}
series = st.lists(st.fixed_dictionaries({}, optional=ref), max_size=3)
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/runs/query": {
        "project": text, "entity": text, "where": text, "order": st.lists(text, max_size=3),
        "limit": number, "cursor": text, "columns": st.lists(text, max_size=3),
        "ids": st.lists(text, max_size=3), "archived": st.booleans(),
    },
    "POST /api/v1/runs/importance": {
        "project": text, "entity": text, "where": text, "target": text,
        "parameters": st.lists(text, max_size=3),
    },
    "POST /api/v1/runs/groups": {
        "project": text, "entity": text, "where": text, "by": st.lists(text, max_size=5),
        "order": st.lists(text, max_size=3), "limit": number, "members": st.booleans(),
        "columns": st.lists(text, max_size=3), "archived": st.booleans(),
    },
    "POST /api/v1/series/buckets": {
        "series": series, "x": text | st.fixed_dictionaries({"metric": text}), "lo": number,
        "hi": number, "buckets": number, "smooth": number, "fields": st.lists(text, max_size=3),
    },
    "POST /api/v1/series/points": {
        "run": text, "keys": st.lists(text, max_size=3), "view": text, "lo": number, "hi": number,
        "formulas": st.lists(text, max_size=2),
    },
    f"PATCH /api/v1/runs/{SCRIPT.uid}": {
        "name": text, "notes": text, "tags": st.lists(text, max_size=3), "group": text,
        "job_type": text, "archived": st.booleans(), "color": number,
    },
    "PATCH /api/v1/runs": {
        "runs": st.lists(text | st.just(SCRIPT.uid), max_size=3),
        "changes": st.fixed_dictionaries({}, optional={
            "name": text, "tags": st.lists(text, max_size=3), "add_tags": st.lists(text),
            "notes": text, "notes_were": text, "archived": st.booleans(), "color": number,
        }),
    },
    "POST /api/v1/runs/delete": {"runs": st.lists(text, max_size=3)},
    "POST /api/v1/runs/move": {
        "runs": st.lists(text, max_size=3),
        "to": st.fixed_dictionaries({"project": text}, optional={"entity": text, "id": text}),
    },
    "POST /api/v1/views": {
        "project": text, "entity": text, "name": text, "query": text, "preferred": st.booleans(),
    },
    "POST /api/v1/projects/key-metrics": {
        "projects": st.lists(st.fixed_dictionaries({"project": text, "entity": text}), max_size=3),
    },
    "POST /api/v1/keys": {"name": text, "role": text},
}  # fmt: skip
QUERIES = {
    "/api/v1/projects/keys": ["entity", "project"],
    "/api/v1/projects/insights": ["entity", "project"],
    "/api/v1/alerts": ["entity", "project"],
    "/api/v1/alerts/log": ["entity", "project"],
    "/api/v1/runs/resolve": ["entity", "project", "id"],
    f"/api/v1/runs/{SCRIPT.uid}/logs": ["start", "limit", "tail", "search", "stream"],
    f"/api/v1/runs/{SCRIPT.uid}/logs/find": ["search", "stream", "errors"],
    f"/api/v1/runs/{SCRIPT.uid}/logs/at": ["t_us"],
    "/api/v1/views/resolve": ["entity", "project", "name"],
    "/login": ["code"],
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home: Path = tmp_path_factory.mktemp("fuzz") / "home"
    SCRIPT.save(home)
    with Door(home) as door:
        door.app.tailer._follower.poll()
        yield door


def check(answer: Any) -> None:
    """One of our answers."""
    assert answer.status < 500, answer.body
    if answer.status >= 400:
        assert set(answer.json()) == {"error"}
    elif answer.header("content-type") == "application/json":
        answer.json()


@quiet
@given(st.data())
@pytest.mark.parametrize("route", BODIES)
def test_plausible_bodies(filled: Door, route: str, data: st.DataObject) -> None:
    """The right fields with any values, some of them of the wrong kind, some left out."""
    fields = {name: values | anything if data.draw(st.booleans()) else values
              for name, values in BODIES[route].items()}  # fmt: skip
    body = data.draw(st.fixed_dictionaries({}, optional=fields))
    method, path = route.split()
    raw = json.dumps(body).encode()
    check(filled.ask(method, path, headers={"Content-Type": "application/json"}, body=raw))


@quiet
@given(body=anything, raw=st.binary(max_size=50), plain=st.booleans())
@pytest.mark.parametrize("route", BODIES)
def test_any_body(filled: Door, route: str, body: Any, raw: bytes, plain: bool) -> None:
    """Any JSON, and any bytes that only say they are JSON."""
    method, path = route.split()
    sent = raw if plain else json.dumps(body).encode()
    check(filled.ask(method, path, headers={"Content-Type": "application/json"}, body=sent))


@quiet
@given(data=st.data())
@pytest.mark.parametrize("path", QUERIES)
def test_any_query(filled: Door, path: str, data: st.DataObject) -> None:
    """Any parameters, repeated, unknown, or no text at all."""
    name = st.sampled_from([*QUERIES[path], "other"])
    value = text | number.map(str) | st.binary(max_size=8)
    pairs = data.draw(st.lists(st.tuples(name, value), max_size=4))
    raw = [(key, item if isinstance(item, bytes) else item.encode()) for key, item in pairs]
    encoded = "&".join(f"{key}={quote(item)}" for key, item in raw)
    check(filled.ask("GET", f"{path}?{encoded}"))
