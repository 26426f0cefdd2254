"""Requests to any server of MLflow's protocol, without its client."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from typing import Any


class Api:
    """Sends requests to a server, on one connection.

    Args:
        url: of the server.
    """

    def __init__(self, url: str) -> None:
        self.base = f"{url}/api/2.0/mlflow/"
        self._host = urllib.parse.urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=120)

    def ask(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Status and JSON of an answer; ``body`` is bytes, or JSON, of a GET the arguments."""
        url, data = f"/api/2.0/mlflow/{path}", b""
        if method == "GET":
            url += "?" + urllib.parse.urlencode(body, doseq=True)
        else:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, text = self._send(method, url, data)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, {"error_code": "", "message": text.decode()[:200]}

    def _send(self, method: str, url: str, data: bytes) -> tuple[int, bytes]:
        """Status and bytes of an answer; a server may end a connection between two requests."""
        headers = {"Content-Type": "application/json"}
        try:
            self._connection.request(method, url, data or None, headers)
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            self._connection.close()
            self._connection.request(method, url, data or None, headers)
            answer = self._connection.getresponse()
        return answer.status, answer.read()

    def make(self, path: str, body: Any) -> dict[str, Any]:
        """The answer to a POST that must succeed."""
        status, answer = self.ask("POST", path, body)
        assert status == 200, (path, answer)
        return answer
