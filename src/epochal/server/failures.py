"""What routes of the web library answer when they fail: the shape of `server.errors`."""

from __future__ import annotations

import logging
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from epochal.errors import EpochalError, InvalidInput, MethodNotAllowed, NotFound, TooLarge
from epochal.protocols.mlflow.absent import is_absent, not_offered
from epochal.protocols.mlflow.errors import is_mlflow, mlflow_body
from epochal.protocols.mlflow.routes import answer_error
from epochal.server.errors import envelope, foreseen, unforeseen
from epochal.server.page import Page
from epochal.server.security import DATA_PATHS

log: Final = logging.getLogger("epochal.server")
_UNROUTED: Final = frozenset({404, 405})


def _of_library(error: Exception) -> EpochalError | None:
    """The error of our tree that stands for one of the web library."""
    if isinstance(error, ValidationException):
        return InvalidInput(_validation_message(error))
    if isinstance(error, HTTPException):
        return _of_status(error.status_code)
    return None


def _of_status(status: int) -> EpochalError | None:
    if status == 404:
        return NotFound(
            "there is nothing at this address; GET /api/v1/openapi.json lists what there is"
        )
    if status == 405:
        return MethodNotAllowed("this address exists, but not for this method")
    if status == 413:
        return TooLarge("the body is larger than this address takes")
    if 400 <= status < 500:
        return InvalidInput("the request cannot be used as it is; see GET /api/v1/openapi.json")
    return None


def _validation_message(error: ValidationException) -> str:
    parts: list[str] = []
    extra = error.extra if isinstance(error.extra, list) else []
    for item in extra:
        key = str(item.get("key", "")) if isinstance(item, dict) else ""
        text = str(item.get("message", "")) if isinstance(item, dict) else str(item)
        parts.append(f"{key}: {text}" if key else text)
    return ("; ".join(parts) or error.detail)[:1000]


def _is_typed(request: Request[Any, Any, Any]) -> bool:
    """Whether somebody who reads wants to see this address, and no program."""
    is_read = request.headers.get("sec-fetch-dest") == "document" and request.method == "GET"
    return is_read and not request.scope["path"].startswith(DATA_PATHS)


def _answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    path = request.scope["path"]
    if isinstance(error, HTTPException) and error.status_code in _UNROUTED and is_absent(path):
        return answer_error(request, not_offered(request.method, path))
    if isinstance(error, HTTPException) and error.status_code == 404 and _is_typed(request):
        page: Page = request.app.state.page
        return page.lost()
    known = foreseen(error) or _of_library(error)
    if known is None:
        known = unforeseen(error, str(request.scope.get("route_handler", "routing")))
    elif known.status >= 500:
        log.warning("%s: %s", known.code, error)
    status, headers, body = envelope(known)
    if is_mlflow(path):
        is_library = isinstance(error, HTTPException) and error.status_code < 500
        body = answer_error(request, error).content if is_library else mlflow_body(known)
    headers["cache-control"] = "no-store"
    return Response(body, status_code=status, headers=headers, media_type="application/json")


HANDLERS: Final[ExceptionHandlersMap] = {Exception: _answer}
