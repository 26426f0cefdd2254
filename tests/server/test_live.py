from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.access import Role
from epochal.domain.run import RunState
from epochal.domain.view import RunChange
from epochal.errors import Unavailable
from epochal.server import live
from epochal.server.live import Feed, Wanted, merge
from epochal.store import keys
from tests.first_key import first_key
from tests.server.door import Door
from tests.server.journals import Script
from tests.server.processes import Running, Stream, serving


def change(uid: str = "u", *, rev: int = 1, project: str = "p", **more: Any) -> RunChange:
    values: dict[str, Any] = {
        "entity": "local", "what": ["series"], "state": RunState.RUNNING, "last_step": rev,
        "reset": False, **more,
    }  # fmt: skip
    return RunChange(uid=uid, project=project, rev=rev, **values)


async def anyone() -> bool:
    return True


def decode(text: bytes) -> list[tuple[str, Any]]:
    """The events of a piece of stream."""
    events = []
    for block in text.decode().split("\n\n"):
        lines = dict(
            line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")
        )
        if lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events


async def take(stream: AsyncIterator[bytes]) -> list[tuple[str, Any]]:
    return decode(await asyncio.wait_for(anext(stream), 30))


def test_changes_of_one_run_are_merged() -> None:
    """Kinds add up, a reset is never forgotten, the newest state wins."""
    before = change(rev=1, what=["facts"], reset=True)
    after = change(rev=2, what=["series", "facts"], state=RunState.FINISHED)
    merged = merge(before, after)
    assert merged.what == ["facts", "series"]
    assert (merged.rev, merged.reset, merged.state) == (2, True, RunState.FINISHED)


def test_a_listener_hears_hello_then_what_it_wants() -> None:
    """Filters by project and by run; nothing of others gets through."""

    async def scenario() -> None:
        feed = Feed(10)
        everything = feed.listen(Wanted(), anyone)
        project = feed.listen(Wanted(entity="local", project="p"), anyone)
        run = feed.listen(Wanted(run="b"), anyone)
        for stream in (everything, project, run):
            assert await take(stream) == [("hello", {"rev": 0})]
        feed.publish([change("a", rev=5), change("b", rev=6, project="q")])
        heard = [
            {run["uid"] for run in (await take(stream))[0][1]["runs"]}
            for stream in (everything, project, run)
        ]
        assert heard == [{"a", "b"}, {"a"}, {"b"}]
        assert feed.revision == 6

    asyncio.run(scenario())


def test_at_most_four_messages_a_second_and_none_lost() -> None:
    """Changes that come faster wait and are merged; the last one is always told."""

    async def scenario() -> None:
        feed = Feed(10)
        stream = feed.listen(Wanted(), anyone)
        await take(stream)
        begun = time.monotonic()
        messages, last = 0, 0

        async def publish() -> None:
            for rev in range(1, 101):
                feed.publish([change(rev=rev)])
                await asyncio.sleep(0.01)

        publishing = asyncio.create_task(publish())
        while last < 100:
            ((name, data),) = await take(stream)
            assert name == "changes"
            last = data["runs"][0]["rev"]
            messages += 1
        await publishing
        assert messages <= 2 + (time.monotonic() - begun) / live.MIN_INTERVAL

    asyncio.run(scenario())


def test_a_listener_that_never_reads_costs_little_and_is_told_to_resync(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DOS-13: past the bound the waiting changes are dropped; then the stream goes on as usual."""
    monkeypatch.setattr(live, "MAX_WAITING", 50)

    async def scenario() -> None:
        feed = Feed(10)
        stream = feed.listen(Wanted(), anyone)
        await take(stream)
        for index in range(51):
            feed.publish([change(f"run{index}", rev=index)])
        assert await take(stream) == [("resync", {})]
        feed.publish([change("later", rev=99)])
        ((name, data),) = await take(stream)
        assert (name, data["runs"][0]["uid"]) == ("changes", "later")

    asyncio.run(scenario())


def test_silence_is_broken_by_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies cut silent connections; a comment line is no event."""
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)

    async def scenario() -> None:
        stream = Feed(1).listen(Wanted(), anyone)
        await take(stream)
        text = await asyncio.wait_for(anext(stream), 30)
        assert text.startswith(b":")
        assert text.endswith(b"\n\n")

    asyncio.run(scenario())


def test_a_stream_of_a_key_that_ends_by_itself_ends_with_the_next_heartbeat(
    home: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Any
) -> None:
    """It is heard through while the key is good; nobody has to revoke it. Only the clock of keys
    is moved.
    """
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)
    now = [time.time_ns() // 1000]
    monkeypatch.setattr(keys, "_now_us", lambda: now[0])
    until_us = now[0] + 3_600_000_000
    with Door(home, auth=True) as door, ThreadPoolExecutor(1) as pool:
        key = keys.create_key(door.store, "brief", Role.READER, until_us)
        bearer = {"Authorization": f"Bearer {key}"}
        asked: list[bool] = []
        still_may = door.app.gatekeeper.still_may

        async def watched(*given: Any) -> bool:
            asked.append(await still_may(*given))
            return asked[-1]

        monkeypatch.setattr(door.app.gatekeeper, "still_may", watched)
        stream = pool.submit(door.ask, "GET", "/api/v1/events", headers=bearer, token=False)
        wait_for(lambda: len(asked) >= 3)
        assert all(asked)
        assert door.app.feed.listeners == 1
        now[0] = until_us
        answer = stream.result(30)
        assert (answer.status, asked[-1], asked.count(False)) == (200, False, 1)
        assert answer.body.startswith(b"event: hello")
        assert answer.body.count(b": still here") >= 3
        assert door.app.feed.listeners == 0
        assert door.ask("GET", "/api/v1/events", headers=bearer, token=False).status == 401


def test_closing_ends_streams_and_refuses_new_ones() -> None:
    """The end of the server waits for nobody."""

    async def scenario() -> None:
        feed = Feed(10)
        stream = feed.listen(Wanted(), anyone)
        await take(stream)
        feed.close()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(stream), 30)
        assert feed.listeners == 0
        with pytest.raises(Unavailable):
            feed.listen(Wanted(), anyone)

    asyncio.run(scenario())


def test_there_is_a_bound_on_listeners() -> None:
    """A stream that ends makes room for the next."""

    async def scenario() -> None:
        feed = Feed(1)
        stream: Any = feed.listen(Wanted(), anyone)
        await take(stream)
        with pytest.raises(Unavailable):
            feed.listen(Wanted(), anyone)
        await stream.aclose()
        await take(feed.listen(Wanted(), anyone))

    asyncio.run(scenario())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with serving(tmp_path_factory.mktemp("live") / "home") as server:
        yield server


WRITER = """
import sys, time
from pathlib import Path
from epochal.domain.names import new_uid
from epochal.domain.record import Header
from epochal.journal.writer import open_journal
import msgspec
run = sys.argv[2]
now = time.time_ns() // 1000
header = Header(entity="local", project="p", run_id="live", started_us=now)
journal = open_journal(str(Path(sys.argv[1]) / "runs" / run), run, new_uid(), header)
sid = journal.declare(("loss",), ["loss"])
step = 0
for line in sys.stdin:
    now = time.time_ns() // 1000
    journal.append(msgspec.msgpack.encode((sid, step, now, [0.5])))
    step += 1
    print("appended", flush=True)
"""


def test_each_point_of_another_process_is_told(running: Running) -> None:
    """Out of idleness and under way: nobody asks, and nothing but the append tells of it."""
    home = Path(running.json("GET", "/api/v1/info")["home"])
    script = Script("live")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home), script.uid],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert writer.stdin is not None
    assert writer.stdout is not None
    stream = Stream(running, "?project=p")
    try:
        assert stream.event()[0] == "hello"
        for step in range(10):
            writer.stdin.write("\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "appended\n"
            while True:
                name, data = stream.event()
                assert name == "changes"
                if data["runs"][0]["last_step"] == step:
                    break
            assert data["runs"][0]["uid"] == script.uid
    finally:
        stream.close()
        writer.stdin.close()
        writer.wait(30)


def test_changes_and_deletions_by_a_person_are_told(running: Running, wait_for: Any) -> None:
    """Another page sees a new name, and that a run is gone."""
    script = Script("told", project="told").rows(1.0).finish()
    status, _ = running.ask("PUT", f"{script.address}?offset=0", script.bytes())
    assert status == 200
    wait_for(lambda: running.ask("GET", f"/api/v1/runs/{script.uid}")[0] == 200)
    stream = Stream(running, f"?run={script.uid}")
    try:
        assert stream.event()[0] == "hello"
        row = running.json("PATCH", f"/api/v1/runs/{script.uid}", {"name": "new name"})
        assert row["name"] == "new name"
        while "facts" not in stream.event()[1]["runs"][0]["what"]:
            pass
        assert running.ask("DELETE", f"/api/v1/runs/{script.uid}")[0] == 204
        while "deleted" not in stream.event()[1]["runs"][0]["what"]:
            pass
        assert running.ask("GET", f"/api/v1/runs/{script.uid}")[0] == 404
    finally:
        stream.close()


def test_wrong_filters_are_refused(running: Running) -> None:
    """400 with a message, not a stream that never says anything."""
    for query in ("?run=x", "?project=%00", "?project=" + "a" * 1000):
        status, body = running.ask("GET", f"/api/v1/events{query}")
        assert (status, b"invalid_input" in body) == (400, True)


@pytest.fixture
def guarded(home: Path) -> Iterator[tuple[Running, str]]:
    """A server that asks for keys, and its first one."""
    with serving(home, auth=True) as running:
        yield running, first_key(running.log)


def test_a_revoked_key_ends_its_open_streams_and_no_others(guarded: tuple[Running, str]) -> None:
    """AU-14: who lost the right hears nothing more, though the connection was there before."""
    running, admin = guarded
    headers = {"Authorization": f"Bearer {admin}", "Content-Type": "application/json"}
    status, body = running.ask("POST", "/api/v1/keys", b'{"name": "x"}', headers)
    assert status == 201
    key = json.loads(body)["key"]
    theirs, ours = Stream(running, key=key), Stream(running, key=admin)
    for stream in (theirs, ours):
        assert stream.event()[0] == "hello"
    assert running.ask("DELETE", f"/api/v1/keys/{key[3:11]}", None, headers)[0] == 204
    assert theirs.event() == ("", None)
    script = Script().rows(1.0)
    assert running.ask("PUT", f"{script.address}?offset=0", script.bytes(), headers)[0] == 200
    assert ours.event()[0] == "changes"
    for stream in (theirs, ours):
        stream.close()


def test_logging_out_ends_the_streams_of_the_session(guarded: tuple[Running, str]) -> None:
    """And leaves those of other sessions alone."""
    running, key = guarded
    login = json.dumps({"key": key}).encode()
    cookies = [running.cookie(login) for _ in range(2)]
    first, second = (Stream(running, cookie=cookie) for cookie in cookies)
    for stream in (first, second):
        assert stream.event()[0] == "hello"
    headers = {"Cookie": cookies[0]}
    assert running.ask("DELETE", "/api/v1/session", None, headers)[0] == 204
    assert first.event() == ("", None)
    script = Script().rows(1.0)
    target = f"{script.address}?offset=0"
    assert running.ask("PUT", target, script.bytes(), {"Cookie": cookies[1]})[0] == 200
    assert second.event()[0] == "changes"
    for stream in (first, second):
        stream.close()


def test_a_wish_for_many_runs_is_told_of_each(running: Running, wait_for: Any) -> None:
    """Other pages hear of it as if each had been changed, and deleted, alone."""
    scripts = [Script(f"many{number}", project="many").rows(1.0).finish() for number in range(3)]
    for script in scripts:
        assert running.ask("PUT", f"{script.address}?offset=0", script.bytes())[0] == 200
    uids = [script.uid for script in scripts]
    for uid in uids:
        wait_for(lambda uid=uid: running.ask("GET", f"/api/v1/runs/{uid}")[0] == 200)
    stream = Stream(running, "?project=many")

    def await_all(what: str) -> None:
        heard: set[str] = set()
        while heard != set(uids):
            name, data = stream.event()
            assert name == "changes"
            heard |= {one["uid"] for one in data["runs"] if what in one["what"]}

    try:
        assert stream.event()[0] == "hello"
        wish = {"runs": uids, "changes": {"add_tags": ["x"]}}
        assert running.json("PATCH", "/api/v1/runs", wish) == {"done": 3, "refused": []}
        await_all("facts")
        told = running.json("POST", "/api/v1/runs/delete", {"runs": uids})
        assert told == {"done": 3, "refused": []}
        await_all("deleted")
    finally:
        stream.close()
