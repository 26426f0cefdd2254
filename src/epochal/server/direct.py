"""MLflow's endpoints, answered without the web library.

A script that logs value by value makes thousands of small requests, and finding a route, its
parameters and its answer took more of the server's time than all else. As nothing here needs that
library, these requests are also answered before it is loaded. Each row of the table names the
permission that its caller needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from epochal.protocols import ShortCall, mlflow
from epochal.protocols.mlflow.absent import NOWHERE, not_offered
from epochal.protocols.mlflow.errors import refusal_of
from epochal.server.asgi import ANSWER, Answer, Application, Headers, Receive, Scope, Send
from epochal.server.security import HEADERS
from epochal.service.permission import require
from epochal.service.workers import Workers

_HEAD: Final = b"".join([
    b"HTTP/1.1 200 OK\r\n",
    *(b"%b: %b\r\n" % (name, value.replace(b"%", b"%%")) for name, value in mlflow.ANSWER),
    *(b"%b: %b\r\n" % (name, value.replace(b"%", b"%%")) for name, value in HEADERS),
    b"content-length: %d\r\n",
])  # fmt: skip
"""What stands above each answer of the table: `Security` would add the same."""


class Direct:
    """Answers what is in MLflow's table; all else goes on.

    Args:
        app: what gets the other requests.
        workers: run use cases.
        most_bytes: the longest body of JSON.
    """

    def __init__(self, app: Application, workers: Workers, most_bytes: int) -> None:
        self._app = app
        self._workers = workers
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = mlflow.find(scope["method"], scope["path"])
        if found is not None:
            await self._answer(*found, scope, receive, send)
        elif scope["path"].startswith(NOWHERE):
            await _refuse(not_offered(scope["method"], scope["path"]), scope, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(
        self,
        endpoint: mlflow.Endpoint,
        held: Mapping[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        call = ShortCall(scope, receive, self._workers, self._most_bytes)
        try:
            require(call.principal, endpoint.permission)
            body = await mlflow.respond(endpoint, call, held)
        except Exception as error:  # noqa: BLE001 - as the web library's own handlers would
            await _refuse(error, scope, send)
            return
        answer: Answer | None = scope.get("extensions", {}).get(ANSWER)
        if answer is None or not answer(_HEAD % len(body), body):
            await _send(send, 200, [*mlflow.ANSWER], body)


async def _refuse(error: Exception, scope: Scope, send: Send) -> None:
    status, named, body = refusal_of(error, scope["path"])
    headers = [(name.encode(), value.encode()) for name, value in named.items()]
    await _send(send, status, [*headers, (b"content-type", b"application/json")], body)


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
