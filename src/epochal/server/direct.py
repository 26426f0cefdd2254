"""MLflow's endpoints, answered before the web library gets to see the request.

A script that logs value by value makes thousands of small requests, and finding a route, its
parameters and its answer took more of the server's time than all else. The permission, the handler
and the shape of errors are those of the same table, so an address that is written in another
way (with a slash at its end, say) gets the same answer from the web library's route.
"""

from __future__ import annotations

from typing import cast

from litestar import Litestar, Response
from litestar.types import HTTPScope
from litestar.types import Receive as LibraryReceive
from litestar.types import Send as LibrarySend

from epochal.protocols import Call, mlflow
from epochal.protocols.mlflow.errors import answer_error
from epochal.server.asgi import Application, Receive, Scope, Send
from epochal.service.permission import require


class Direct:
    """Answers what is in MLflow's table; all else goes on.

    Args:
        app: what gets the other requests.
        routes: the web library's application, whose state handlers use.
    """

    def __init__(self, app: Application, routes: Litestar) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        endpoint = None
        if scope["type"] == "http":
            endpoint = mlflow.DIRECT.get((scope["method"], scope["path"]))
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        scope["app"] = scope["litestar_app"] = self._routes
        scope.setdefault("state", {})
        scope.setdefault("path_params", {})
        known = cast("HTTPScope", scope)
        call: Call = Call(known, cast("LibraryReceive", receive), cast("LibrarySend", send))
        answer: Response[bytes]
        try:
            require(call.principal, endpoint.permission)
            answer = await mlflow.respond(endpoint, call)
        except Exception as error:  # noqa: BLE001 - as the web library's own handlers would
            answer = answer_error(call, error)
        respond = answer.to_asgi_response(app=None, request=call)
        await respond(known, call.receive, call.send)
