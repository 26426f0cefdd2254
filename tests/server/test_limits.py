from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from epochal.errors import RequestTimeout
from epochal.server.limits import arrived, watched
from tests.server.door import Door
from tests.server.journals import Script


def bodies(*parts: bytes, pause: float = 0.0) -> Any:
    """A client that sends its body in parts, with a pause before each."""
    left = list(parts)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        if left:
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}
        await asyncio.Event().wait()
        raise AssertionError

    return receive


def test_a_body_that_stops_is_given_up() -> None:
    """DOS-12: silence past the patience ends the request."""

    async def scenario() -> None:
        receive = watched(bodies(b"x", b"y", pause=5), 0.05)
        with pytest.raises(RequestTimeout):
            await receive()

    asyncio.run(scenario())


def test_a_body_that_crawls_is_given_up() -> None:
    """A byte now and then keeps no connection: the whole body must make way."""

    async def scenario() -> int:
        receive = watched(bodies(*[b"x"] * 1000, pause=0.02), 0.2)
        for taken in range(1000):
            try:
                await receive()
            except RequestTimeout:
                return taken
        return 1000

    assert asyncio.run(scenario()) < 100


def test_a_body_that_flows_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 KiB a second is enough, however long it takes."""
    now = [0.0]
    monkeypatch.setattr("epochal.server.pace.time", SimpleNamespace(monotonic=lambda: now[0]))

    async def scenario() -> None:
        receive = watched(bodies(*[b"x" * 1024] * 100), 30.0)
        for _ in range(100):
            now[0] += 1.0
            await receive()

    asyncio.run(scenario())


def test_after_the_body_nothing_is_timed() -> None:
    """Waiting for the client to go away may take for ever: live events do just that."""

    async def scenario() -> None:
        receive = watched(bodies(b"x"), 0.05)
        await receive()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await receive()

    asyncio.run(scenario())


def test_who_went_away_before_being_served_is_no_fault_of_the_server() -> None:
    """Bytes behind a whole body end the connection, maybe before anybody asked for that body."""
    gone = {"type": "http.disconnect"}
    body = {"type": "http.request", "body": b"x", "more_body": False}

    def receiving(*messages: dict[str, Any]) -> Any:
        left = list(messages)

        async def receive() -> dict[str, Any]:
            return left.pop(0)

        return arrived(receive)

    async def scenario() -> None:
        with pytest.raises(RequestTimeout):
            await receiving(gone)()
        receive = receiving(body, gone)
        assert [await receive(), await receive()] == [body, gone]

    asyncio.run(scenario())


def test_requests_past_the_limit_are_503(home: Any) -> None:
    """More at once than the server takes: a clear answer with Retry-After; afterwards it goes
    on.
    """
    with Door(home, max_requests=0) as door:
        answer = door.ask("GET", "/api/v1/info")
        assert (answer.status, answer.code) == (503, "unavailable")
        assert answer.header("retry-after") is not None


def test_uploads_share_their_memory(home: Any) -> None:
    """While one upload holds the budget, the next is 503, not a larger process."""
    script = Script().rows(1.0)
    with Door(home, max_upload_memory=10) as door:
        budget = door.app.routes.state.upload_budget
        with budget.hold(10):
            answer = door.ask("PUT", f"{script.address}?offset=0", body=script.bytes())
        assert (answer.status, answer.code) == (503, "unavailable")
        assert door.ask("PUT", f"{script.address}?offset=0", body=script.bytes()).status == 200


def test_too_much_in_one_question_is_refused(door: Door) -> None:
    """DOS-06, DOS-11, DOS-15: lists have bounds, amounts are brought into range."""
    uid = "a" * 32
    too_many = [{"run": uid, "key": str(index)} for index in range(5_001)]
    for path, query in (
        ("series/buckets", {"series": too_many}),
        ("series/buckets", {"series": too_many[:1000], "buckets": 8192}),
        ("series/buckets", {"series": [], "lo": "NaN"}),
        ("series/buckets", {"series": [], "lo": 2, "hi": 1}),
        ("series/buckets", {"series": [], "smooth": 1}),
        ("series/buckets", {"series": [{"run": uid, "key": "a" * 1025}]}),
        ("series/buckets", {"series": [{"run": "../x", "key": "a"}]}),
        ("series/points", {"run": uid, "keys": ["k"] * 1001}),
        ("series/points", {"run": uid, "keys": [], "lo": 2**63}),
        ("runs/query", {"project": "p", "columns": ["c"] * 501}),
        ("runs/query", {"project": "p", "ids": ["c"] * 10_001}),
        ("runs/query", {"project": "p", "where": "x" * 10_001}),
    ):
        answer = door.ask("POST", f"/api/v1/{path}", json_body=query)
        assert (answer.status, answer.code) == (400, "invalid_input"), (path, answer.body)


def test_amounts_are_brought_into_range(door: Door, wait_for: Any) -> None:
    """DOS-11: a limit of a billion or of minus one is a limit, not an error."""
    script = Script().rows(1.0, 2.0).finish()
    door.ask("PUT", f"{script.address}?offset=0", body=script.bytes())
    wait_for(lambda: door.ask("GET", f"/api/v1/runs/{script.uid}").status == 200)
    for limit in (10**9, -1, 0):
        page = door.ask("POST", "/api/v1/runs/query", json_body={"project": "p", "limit": limit})
        assert len(page.json()["runs"]) == 1
        logs = door.ask("GET", f"/api/v1/runs/{script.uid}/logs?limit={limit}&start={limit}")
        assert logs.status == 200
        series = [{"run": script.uid, "key": "loss"}]
        body = {"series": series, "buckets": max(-5, limit)}
        assert door.ask("POST", "/api/v1/series/buckets", json_body=body).status == 200
