"""WEB-17: looking changes nothing."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from pathlib import Path
from typing import Any

from epochal.server.site import declared_routes
from tests.server.door import Door
from tests.server.foreign import is_foreign
from tests.server.journals import Script


def fingerprint(home: Path) -> str:
    """Everything that the database says and every file of the runs."""
    digest = hashlib.sha256()
    database = sqlite3.connect(f"file:{home / 'epochal.db'}?mode=ro", uri=True)
    try:
        for line in database.iterdump():
            digest.update(line.encode())
    finally:
        database.close()
    for path in sorted((home / "runs").rglob("*")):
        digest.update(str(path).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def test_no_get_changes_the_home(home: Path, wait_for: Any) -> None:
    """Every GET and HEAD route of the running application, twice, then the reading POST routes."""
    script = Script().rows(1.0, float("nan")).finish()
    with Door(home) as door:
        door.ask("PUT", f"{script.address}?offset=0", body=script.bytes())
        wait_for(lambda: state(door, script) == "finished")
        # Following journals is the tailer's work, not a request's: without it the home is at rest.
        assert door.app.tailer.stop(time.monotonic() + 60)
        before = fingerprint(home)
        for _ in range(2):
            for method, path, _handler in declared_routes(door.app.routes):
                target = (
                    path.replace("{uid:str}", script.uid)
                    .replace("{writer:str}", script.writer)
                    .replace("/{path:path}", "/app.js")
                    .replace("{path:str}", "x")
                )
                queries = {
                    "/api/v1/runs/resolve": "?project=p&id=r1",
                    "/api/v1/projects/keys": "?project=p",
                }
                target += queries.get(path, "")
                if method == "GET" and path != "/api/v1/events":
                    status = door.ask("GET", target).status
                    assert status < 500 or (status == 501 and is_foreign(path))
                if method == "GET":
                    status = door.ask("HEAD", target).status
                    assert status < 500 or (status == 501 and is_foreign(path))
        series = [{"run": script.uid, "key": "loss"}]
        for path, body in (
            ("runs/query", {"project": "p"}),
            ("projects/key-metrics", {"projects": [{"project": "p"}]}),
            ("series/buckets", {"series": series}),
            ("series/points", {"run": script.uid, "keys": ["loss"]}),
        ):
            assert door.ask("POST", f"/api/v1/{path}", json_body=body).status == 200
        assert fingerprint(home) == before


def state(door: Door, script: Script) -> str | None:
    answer = door.ask("GET", f"/api/v1/runs/{script.uid}")
    return answer.json()["state"] if answer.status == 200 else None
