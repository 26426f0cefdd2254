"""One request for many runs, as the page sends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.names import run_uid
from tests.server.door import Answer, Door
from tests.server.journals import Script

NOBODY = "0" * 32


@pytest.fixture
def door(home: Path, wait_for: Any) -> Iterator[Door]:
    for number in range(4):
        script = Script(f"r{number}").rows(1.0)
        (script.finish() if number < 3 else script).save(home)
    with Door(home) as opened:
        wait_for(lambda: len(listed(opened)) == 4)
        yield opened


def listed(door: Door, project: str = "p") -> dict[str, Any]:
    query = {"project": project, "archived": True}
    answer = door.ask("POST", "/api/v1/runs/query", json_body=query)
    return {row["id"]: row for row in answer.json()["runs"]} if answer.status == 200 else {}


def uids(*numbers: int) -> list[str]:
    return [run_uid("local", "p", f"r{number}") for number in numbers]


def change(door: Door, runs: list[str], **changes: Any) -> Answer:
    return door.ask("PATCH", "/api/v1/runs", json_body={"runs": runs, "changes": changes})


def test_many_runs_change_and_those_that_cannot_are_told_with_their_reason(door: Door) -> None:
    answer = change(door, [*uids(0, 1, 1), NOBODY, "x"], archived=True, add_tags=["old"])
    told = answer.json()
    assert (answer.status, told["done"]) == (200, 2)
    assert [(one["run"], one["code"]) for one in told["refused"]] == [
        ("x", "invalid_input"),
        (NOBODY, "not_found"),
    ]
    assert NOBODY in told["refused"][1]["message"]
    found = listed(door)
    assert [(found[f"r{i}"]["archived"], found[f"r{i}"]["tags"]) for i in range(3)] == [
        (True, ["old"]),
        (True, ["old"]),
        (False, []),
    ]


@pytest.mark.parametrize(
    ("method", "path", "more", "limit"),
    [
        ("PATCH", "/api/v1/runs", {"changes": {"archived": True}}, 1_000),
        ("POST", "/api/v1/runs/delete", {}, 1_000),
        ("POST", "/api/v1/runs/move", {"to": {"project": "q"}}, 100),
    ],
    ids=["change", "delete", "move"],
)
def test_a_request_names_only_so_many_runs(
    door: Door, method: str, path: str, more: dict[str, Any], limit: int
) -> None:
    """Nothing happens to any of them, and it is said how to go on."""
    many = [*uids(0), *(f"{number:032x}" for number in range(limit))]
    answer = door.ask(method, path, json_body={"runs": many, **more})
    assert (answer.status, answer.code) == (400, "invalid_input")
    assert f"the limit is {limit:,}; ask in parts" in answer.json()["error"]["message"]
    assert listed(door)["r0"]["archived"] is False
    most = door.ask(method, path, json_body={"runs": many[1:], **more}).json()
    assert (most["done"], len(most["refused"])) == (0, limit)


def test_what_no_run_can_have_is_refused_at_once(door: Door) -> None:
    assert change(door, uids(0), name="a\0b").code == "invalid_input"
    assert change(door, uids(0), nonsense=1).code == "invalid_input"
    assert change(door, [], archived=True).json() == {"done": 0, "refused": []}


def test_many_runs_are_deleted(door: Door) -> None:
    answer = door.ask("POST", "/api/v1/runs/delete", json_body={"runs": [*uids(0, 2), NOBODY]})
    assert answer.json()["done"] == 2
    assert [one["code"] for one in answer.json()["refused"]] == ["not_found"]
    assert sorted(listed(door)) == ["r1", "r3"]


def test_many_runs_move_and_those_that_may_not_stay(door: Door) -> None:
    change(door, uids(2), archived=True)
    wish = {"runs": uids(0, 1, 2), "to": {"project": "q"}}
    told = door.ask("POST", "/api/v1/runs/move", json_body=wish).json()
    assert told["done"] == 2
    assert [(one["run"], one["code"]) for one in told["refused"]] == [(uids(2)[0], "conflict")]
    assert "is archived; restore it" in told["refused"][0]["message"]
    assert sorted(listed(door, "q")) == ["r0", "r1"]
    assert {id for id, row in listed(door).items() if row["archived"]} == {"r0", "r1", "r2"}
    same = {"runs": uids(2, 3), "to": {"project": "q", "id": "one"}}
    answer = door.ask("POST", "/api/v1/runs/move", json_body=same)
    assert (answer.status, "leave out the id" in answer.json()["error"]["message"]) == (400, True)
