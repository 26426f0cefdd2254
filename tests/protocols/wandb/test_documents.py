"""GraphQL as clients of many versions send it, and as somebody who means harm would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.protocols.wandb.execution import UNANSWERED
from tests.server.door import Door


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with Door(tmp_path_factory.mktemp("graphql") / "home") as opened:
        yield opened


def ask(door: Door, query: str, variables: Any = None, status: int = 200, **more: Any) -> Any:
    answer = door.ask(
        "POST", "/graphql", json_body={"query": query, "variables": variables, **more}
    )
    assert answer.status == status, answer.body
    return answer.json()["data"] if status == 200 else answer.json()["errors"][0]["message"]


def test_fragments_aliases_and_directives_are_laid_out(door: Door) -> None:
    query = """
    query A($deep: Boolean = true, $no: Boolean!) { me: viewer { ...Who email @include(if: $no) } }
    fragment Who on User { name again: name @skip(if: $no) entity @include(if: $deep) __typename }
    """
    expected = {"name": "local", "again": "local", "entity": "local", "__typename": "User"}
    assert ask(door, query, {"no": False}) == {"me": expected}


def test_the_operation_is_the_named_one(door: Door) -> None:
    query = "query A { a: __typename } query B { b: __typename }"
    assert ask(door, query, operationName="B") == {"b": "Query"}
    assert "no operation 'C'" in ask(door, query, operationName="C", status=400)


def test_an_unknown_field_is_null_and_counted(door: Door) -> None:
    """A newer client than this server goes on."""
    before = UNANSWERED["User.shoeSize"]
    assert ask(door, "{ viewer { shoeSize { left } } }") == {"viewer": {"shoeSize": None}}
    assert UNANSWERED["User.shoeSize"] == before + 1


def test_an_unknown_change_is_refused(door: Door) -> None:
    """What is not done must not look as if it were."""
    assert "does not offer" in ask(door, "mutation { paintItBlack { ok } }", status=501)


def test_old_clients_may_look_at_types(door: Door) -> None:
    """A null would crash clients up to 0.17."""
    query = "query P($n: String!) { t: __type(name: $n) { fields { name } inputFields { name } } }"
    names = {field["name"] for field in ask(door, query, {"n": "Mutation"})["t"]["fields"]}
    assert {"createRunFiles", "upsertBucket"} <= names
    assert ask(door, query, {"n": "Whatever"}) == {"t": {"fields": [], "inputFields": []}}


HARM = {
    "no GraphQL": "{",
    "too deep": "{ viewer " * 40 + "{ id }" + "}" * 40,
    "deep beyond the parser": "{a" * 9_000,
    "too wide": "{" + " ".join(f"a{i}: viewer {{ id }}" for i in range(3_000)) + "}",
    "too long": "{ viewer { id } } #" + "x" * 200_000,
    "a fragment of itself": "{ viewer { ...A } } fragment A on User { ...A }",
    "fragments that double": "{ viewer { ...F0 } }"
    + "".join(f" fragment F{i} on User {{ ...F{i + 1} ...F{i + 1} }}" for i in range(30))
    + " fragment F30 on User { id }",
    "a fragment that is not there": "{ viewer { ...Gone } }",
    "a subscription": "subscription { viewer { id } }",
}


@pytest.mark.parametrize("name", list(HARM))
def test_what_asks_too_much_is_refused_at_once(door: Door, name: str) -> None:
    assert ask(door, HARM[name], status=400)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"query": 1}', b'{"query":"{a}","variables":3}']
)
def test_a_body_that_is_no_request_is_refused(door: Door, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = door.ask("POST", "/graphql", body=body, headers=headers)
    assert answer.status == 400
    assert answer.json()["errors"][0]["message"]


def test_the_limits_hold_for_what_clients_really_send() -> None:
    """The largest document of wandb 0.31 has a tenth of the fields that are allowed."""
    from epochal.protocols.wandb.documents import read_document

    selected = " ".join(f"f{i} {{ id name }}" for i in range(150))
    assert read_document(f"query Big {{ project {{ {selected} }} }}").operations


def test_the_page_is_where_the_client_says(door: Door, home: Path) -> None:
    """The printed addresses of runs and projects lead to the page."""
    answer = door.ask("GET", "/local/my%20project/runs/abc")
    assert (answer.status, answer.header("location")) == (302, "/p/my%20project/r/abc")
    assert door.ask("GET", "/team/p/runs/x").header("location") == "/p/@team/p/r/x"
    for printed, led in {
        "/local/p": "/p/p",
        "/team/p": "/p/@team/p",
        "/team/p/workspace": "/p/@team/p",
        "/local/p/sweeps/s1": "/p/p/sweeps/s1",
        "/team/p/sweeps/s1": "/p/@team/p/sweeps/s1",
        "/local/p/artifacts/dataset/a%20b/v3": "/p/p/artifacts/a%20b@v3",
        "/team/p/artifacts/model/m/latest/files": "/p/@team/p/artifacts/m@latest",
    }.items():
        assert (door.ask("GET", printed).status, door.ask("GET", printed).header("location")) == (
            302, led,
        )  # fmt: skip
    assert door.ask("GET", "/team/p/nonsense").status == 404
    assert door.ask("GET", "/api/nonsense").status == 404
