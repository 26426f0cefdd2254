"""What the first reader of a server sees, and what does not keep a server from starting."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from epochal.server import tailer
from tests.server.door import Door
from tests.server.journals import Script
from tests.server.processes import serving

RUNS = 40
ROWS = 8_000


def test_who_asks_first_sees_the_whole_home(tmp_path: Path) -> None:
    """The address is published when every run and every point is there, not before."""
    home = tmp_path / "home"
    scripts = [Script(f"r{number}").rows(1.0).finish().save(home) for number in range(RUNS)]
    long = Script("long").rows(*(float(step) for step in range(ROWS))).finish().save(home)
    with serving(home) as running:
        page = running.json("POST", "/api/v1/runs/query", {"project": "p", "limit": 1000})
        detail = running.json("GET", f"/api/v1/runs/{long.uid}")
    assert {run["uid"] for run in page["runs"]} == {script.uid for script in [*scripts, long]}
    assert {run["state"] for run in page["runs"]} == {"finished"}
    assert detail["metrics"][0]["count"] == ROWS


def test_a_backlog_does_not_keep_the_server_from_answering(home: Path) -> None:
    """After two seconds it answers with what it has, and takes in the rest meanwhile."""
    script = Script().rows(1.0).save(home)
    with ExitStack() as stack:
        door = Door(home)
        with door.store.moving:  # as a first look that takes long
            begun = time.monotonic()
            stack.enter_context(door)
            assert 1.5 < time.monotonic() - begun < 60
            assert door.ask("GET", "/healthz").body == b"ok"
            assert door.ask("GET", f"/api/v1/runs/{script.uid}").status == 404
        deadline = time.monotonic() + 60
        while door.ask("GET", f"/api/v1/runs/{script.uid}").status != 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_home_that_cannot_be_read_is_served_all_the_same(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that fails is logged, and the server starts without waiting for a better one."""
    monkeypatch.setattr(tailer, "CATCH_UP_SECONDS", 120.0)
    good = Script("good").rows(1.0).save(home)
    bad = Script("bad").rows(1.0)
    path = home / "runs" / bad.uid / f"{bad.writer}.ej"
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_bytes(b"no journal at all" * 100)
    begun = time.monotonic()
    with Door(home) as door:
        assert time.monotonic() - begun < 60
        assert door.ask("GET", f"/api/v1/runs/{good.uid}").status == 200
