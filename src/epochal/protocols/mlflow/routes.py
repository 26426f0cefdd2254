"""The routes of MLflow's protocol that the web library serves: those that carry bytes or a text.

All others are rows of `epochal.protocols.mlflow.ENDPOINTS`.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, Router, route
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from epochal.protocols import PUBLIC
from epochal.protocols.call import Call
from epochal.protocols.mlflow import PREFIXES, artifacts, multipart, server
from epochal.protocols.mlflow.errors import refusal_of, refused

__all__ = ["ROUTES", "answer_error"]


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer that tells a client of an exception."""
    if isinstance(error, HTTPException) and error.status_code < 500:
        refusal = refused(error.status_code, error.detail)
    else:
        refusal = refusal_of(error, request.scope["path"])
    status, headers, body = refusal
    return Response(body, status_code=status, headers=headers, media_type="application/json")


HANDLERS: Final[ExceptionHandlersMap] = {Exception: answer_error}


@route("/version", http_method="GET", opt=PUBLIC, media_type="text/plain", include_in_schema=False)
async def version(request: Call) -> Response[bytes]:  # noqa: ARG001 - the form of all routes
    """The version of MLflow whose protocol is spoken here."""
    return Response(server.LEVEL.encode(), media_type="text/plain")


@route("/health", http_method="GET", opt=PUBLIC, media_type="text/plain", include_in_schema=False)
async def health(request: Call) -> Response[bytes]:  # noqa: ARG001 - the form of all routes
    """Whether the server answers."""
    return Response(b"OK", media_type="text/plain")


ROUTES: Final[list[Any]] = [
    *(
        Router(
            prefix,
            route_handlers=[*artifacts.ROUTES, *multipart.ROUTES],
            exception_handlers=HANDLERS,
            include_in_schema=False,
        )
        for prefix in PREFIXES
    ),
    Router(
        "",
        route_handlers=artifacts.DOWNLOADS,
        exception_handlers=HANDLERS,
        include_in_schema=False,
    ),
    version,
    health,
]
