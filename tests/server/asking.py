"""Requests of somebody with a key, to any route."""

from __future__ import annotations

import zlib
from typing import Any

from tests.server.door import Door
from tests.server.journals import Script


def ask(door: Door, method: str, path: str, key: str | None, headers: Any = None) -> Any:
    """One request; the stream of live events is asked for by HEAD, which ends."""
    script = Script()
    target = (
        path.replace("{uid:str}", script.uid)
        .replace("{writer:str}", script.writer)
        .replace("/{path:path}", "/app.js")
        .replace("{path:str}", "x")
        .replace("{prefix:str}", "nobodys0")
        .replace("{digest:str}", "0" * 64)
        .replace("{name:str}", "nothing")
        .replace("{number:int}", "1")
    )
    sent = {} if key is None else {"Authorization": f"Bearer {key}"}
    bodies = {"/api/v1/session": {"key": "x"}, "/api/v1/keys": {"name": "new"}}
    body = bodies.get(path, {"project": "p"})
    value = body if method in {"POST", "PATCH"} else None
    method = "HEAD" if path == "/api/v1/events" else method
    # Failures are counted by address; each route is tried from one of its own.
    address = f"10.0.{zlib.crc32(f'{method} {path}'.encode()) % 251}.1"
    return door.ask(
        method, target, headers={**sent, **(headers or {})}, json_body=value, token=False,
        scope={"client": (address, 50_000)},
    )  # fmt: skip
