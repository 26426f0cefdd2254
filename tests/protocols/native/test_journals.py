"""Upload of journals: exactly once, in order, whatever is sent."""

from __future__ import annotations

import gzip
import math
import random
from pathlib import Path
from typing import Any

import pytest

from tests.server.door import Door
from tests.server.journals import Script, points_of


def put(door: Door, script: Script, offset: int, body: bytes, **headers: str) -> Any:
    """One stretch."""
    return door.ask("PUT", f"{script.address}?offset={offset}", body=body, headers=dict(headers))


def losses(door: Door, script: Script) -> list[float]:
    """What the store has of the script's series, in arrival order."""
    query = {"run": script.uid, "keys": ["loss"], "view": "all"}
    answer = door.ask("POST", "/api/v1/series/points", json_body=query)
    assert answer.status == 200, answer.body
    values: list[float] = points_of(answer.body)["value"]
    return values


@pytest.fixture
def door(home: Path) -> Any:
    with Door(home) as door:
        yield door


def test_a_journal_arrives_whole(door: Door, wait_for: Any) -> None:
    """The acknowledged offset is the size; the points are there, NaN and infinities included."""
    values = [1.0, math.nan, math.inf, -math.inf, -0.0, 5e-324, 2.5]
    script = Script().rows(*values).finish()
    answer = put(door, script, 0, script.bytes())
    assert answer.json() == {"offset": len(script.bytes())}
    assert door.ask("GET", script.address).json() == {"offset": len(script.bytes())}
    wait_for(lambda: door.ask("GET", f"/api/v1/runs/{script.uid}").status == 200)
    found = losses(door, script)
    assert [repr(v) for v in found] == [repr(v) for v in values]


def test_a_journal_that_nobody_sent_is_empty(door: Door) -> None:
    """The first question of a sender: from where? From the beginning."""
    assert door.ask("GET", Script().address).json() == {"offset": 0}


def test_sending_twice_changes_nothing(door: Door, wait_for: Any) -> None:
    """F11, F12: duplicates and overlaps of any cut are skipped; each point is there once."""
    values = [float(index) for index in range(200)]
    script = Script().rows(*values).finish()
    whole, ends = script.bytes(), script.ends()
    draw = random.Random(7)
    held = 0
    while held < len(whole):
        start = draw.choice([0, *[end for end in ends if end <= held]])
        stop = draw.choice([end for end in ends if end >= start])
        answer = put(door, script, start, whole[start:stop])
        assert answer.status == 200
        held = max(held, stop)
        assert answer.json() == {"offset": held}
    wait_for(lambda: door.ask("GET", f"/api/v1/runs/{script.uid}").status == 200)
    wait_for(lambda: len(losses(door, script)) >= len(values))
    assert losses(door, script) == values


def test_a_gap_is_refused_with_the_offset_to_go_on_from(door: Door) -> None:
    """409 names ``expected``; nothing was taken."""
    script = Script().rows(1.0, 2.0, 3.0)
    whole, ends = script.bytes(), script.ends()
    assert put(door, script, 0, whole[: ends[1]]).status == 200
    answer = put(door, script, ends[2], whole[ends[2] :])
    assert (answer.status, answer.code) == (409, "offset_mismatch")
    assert answer.json()["error"]["expected"] == ends[1]
    assert door.ask("GET", script.address).json() == {"offset": ends[1]}


def test_an_empty_body_is_a_heartbeat(door: Door) -> None:
    """It answers the offset and adds nothing."""
    script = Script().rows(1.0)
    put(door, script, 0, script.bytes())
    answer = put(door, script, len(script.bytes()), b"")
    assert answer.json() == {"offset": len(script.bytes())}


def test_no_damaged_byte_is_taken(door: Door) -> None:
    """A flipped bit, a cut frame and bytes that are no journal get 400, and the copy stays as it
    was.
    """
    script = Script().rows(1.0, 2.0, 3.0)
    whole, ends = script.bytes(), script.ends()
    assert put(door, script, 0, whole[: ends[0]]).status == 200
    flipped = bytearray(whole)
    flipped[ends[1] + 9] ^= 1
    for offset, body in (
        (ends[0], bytes(flipped[ends[0] :])),
        (ends[0], whole[ends[0] : -3]),
        (ends[0], b"x" * 64),
        (ends[0], whole[ends[0] :] + b"\0" * 8),
    ):
        answer = put(door, script, offset, body)
        assert (answer.status, answer.code) == (400, "invalid_input")
        assert door.ask("GET", script.address).json() == {"offset": ends[0]}


def test_a_journal_of_another_run_is_refused(door: Door) -> None:
    """The file header, the header record and the address must name one run and one writer."""
    script, other = Script("r1").rows(1.0), Script("r2").rows(1.0)
    answer = put(door, script, 0, other.bytes())
    assert (answer.status, answer.code) == (400, "invalid_input")
    assert door.ask("GET", script.address).json() == {"offset": 0}


@pytest.mark.parametrize("offset", ["-1", "x", "", "99999999999999999999999", "%00", "1.5"])
def test_offsets_that_are_none_are_refused(door: Door, offset: str) -> None:
    """400, never 500."""
    answer = door.ask("PUT", f"{Script().address}?offset={offset}", body=b"")
    assert (answer.status, answer.code) == (400, "invalid_input")


@pytest.mark.parametrize("uid", ["x", "A" * 32, "a" * 31, "..", "%2e%2e", "a" * 33])
def test_uids_that_are_none_are_refused(door: Door, uid: str, home: Path) -> None:
    """PT-22, PT-25: only 32 hex digits ever reach a path; nothing appears in the home."""
    before = sorted(home.rglob("*"))
    for path in (f"{uid}/journals/{'a' * 32}", f"{'a' * 32}/journals/{uid}"):
        answer = door.ask("PUT", f"/api/v1/runs/{path}?offset=0", body=Script().bytes())
        assert answer.status in {400, 404}
    assert [p for p in sorted(home.rglob("*")) if p.suffix != ".db-wal"] == [
        p for p in before if p.suffix != ".db-wal"
    ]


def test_gzip_bodies_are_unpacked(door: Door, wait_for: Any) -> None:
    """Offsets count unpacked bytes."""
    script = Script().rows(*[float(i) for i in range(1000)]).finish()
    packed = gzip.compress(script.bytes())
    answer = put(door, script, 0, packed, **{"Content-Encoding": "gzip"})
    assert answer.json() == {"offset": len(script.bytes())}
    wait_for(lambda: door.ask("GET", f"/api/v1/runs/{script.uid}").status == 200)
    assert losses(door, script) == [float(i) for i in range(1000)]


def test_a_gzip_bomb_is_refused(home: Path) -> None:
    """DOS-02: 413 at the unpacked limit or the ratio, and nothing is kept."""
    script = Script()
    with Door(home, max_journal_bytes=4 * 1024 * 1024) as door:
        for bomb in (gzip.compress(bytes(64 * 1024 * 1024)), gzip.compress(bytes(1_500_000))):
            answer = put(door, script, 0, bomb, **{"Content-Encoding": "gzip"})
            assert (answer.status, answer.code) == (413, "too_large")
        assert door.ask("GET", script.address).json() == {"offset": 0}


def test_odd_encodings_are_refused(door: Door) -> None:
    """415 for what we do not unpack; 400 for gzip that is none, is cut, or goes on."""
    script = Script()
    whole = gzip.compress(script.bytes())
    assert put(door, script, 0, b"x", **{"Content-Encoding": "zstd"}).status == 415
    assert put(door, script, 0, b"x", **{"Content-Encoding": "gzip, gzip"}).status == 415
    for body in (b"no gzip at all", whole[:-5], whole + b"more"):
        assert put(door, script, 0, body, **{"Content-Encoding": "gzip"}).status == 400


def test_bodies_past_the_limit_are_refused_while_they_come(home: Path) -> None:
    """DOS-01: by Content-Length at once, without one as soon as too much has come."""
    script = Script()
    with Door(home, max_journal_bytes=100_000) as door:
        answer = put(door, script, 0, b"x", **{"Content-Length": "100001"})
        assert (answer.status, answer.code) == (413, "too_large")
        asked = iter(range(1000))
        chunks = (b"x" * 1000 for _ in asked)
        answer = door.ask("PUT", f"{script.address}?offset=0", body=chunks)
        assert (answer.status, answer.header("connection")) == (413, "close")
        for length in ("-1", "x", "9" * 30):
            assert put(door, script, 0, b"", **{"Content-Length": length}).status in {400, 413}


def test_what_a_writer_needs_to_resume(door: Door, wait_for: Any) -> None:
    """An unknown run does not exist; a known one tells its last step."""
    script = Script().rows(1.0, math.nan).finish()
    assert door.ask("GET", f"/api/v1/runs/{script.uid}/resume").json()["exists"] is False
    put(door, script, 0, script.bytes())
    wait_for(lambda: door.ask("GET", f"/api/v1/runs/{script.uid}/resume").json()["exists"])
    state = door.ask("GET", f"/api/v1/runs/{script.uid}/resume").json()
    assert state["last_step"] == 1
    assert state["state"] == "finished"


def test_a_full_disk_is_503_and_reads_go_on(
    door: Door, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DOS-17: transient trouble is 503 with Retry-After; what was acknowledged stays readable."""
    script, more = Script("r1").rows(1.0), Script("r2").rows(2.0)
    put(door, script, 0, script.bytes())
    wait_for(lambda: door.ask("GET", f"/api/v1/runs/{script.uid}").status == 200)
    monkeypatch.setattr("epochal.store.receive.RESERVE", 1 << 62)
    answer = put(door, more, 0, more.bytes())
    assert (answer.status, answer.code) == (503, "storage_full")
    assert int(answer.header("retry-after") or 0) > 0
    assert losses(door, script) == [1.0]
    monkeypatch.undo()
    assert put(door, more, 0, more.bytes()).status == 200
