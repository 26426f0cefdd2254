"""Moves a run as the page does."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.server.processes import Running


def move(server: Running, uid: str, project: str) -> Any:
    """Move a run through the server."""
    connection = HTTPConnection(urlsplit(server.address.url).netloc, timeout=60)
    headers = {
        "Authorization": f"Bearer {server.address.token}", "Content-Type": "application/json",
    }  # fmt: skip
    body = json.dumps({"project": project})
    connection.request("POST", f"/api/v1/runs/{uid}/move", body, headers)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    assert answer.status == 200, found
    return found
