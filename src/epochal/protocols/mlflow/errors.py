"""MLflow's error shape: ``{"error_code", "message"}`` and the status that belongs to the code.

Its client tries again on 429 and 5xx, for minutes; so no mistake of a user gets one of those.
"""

from __future__ import annotations

import logging
import secrets
from typing import Final, NamedTuple

import msgspec

from epochal.errors import (
    Conflict,
    EpochalError,
    InvalidInput,
    NotFound,
    PermissionDenied,
    RequestTimeout,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

log: Final = logging.getLogger("epochal.server")

STATUS: Final[dict[str, int]] = {
    "INVALID_PARAMETER_VALUE": 400,
    "BAD_REQUEST": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
    "INTERNAL_ERROR": 500,
}
"""HTTP status by error code."""

CODES: Final[tuple[tuple[type[EpochalError], str], ...]] = (
    (NotFound, "RESOURCE_DOES_NOT_EXIST"),
    (Conflict, "RESOURCE_ALREADY_EXISTS"),
    (Unauthenticated, "UNAUTHENTICATED"),
    (PermissionDenied, "PERMISSION_DENIED"),
    (TooManyRequests, "REQUEST_LIMIT_EXCEEDED"),
    (Unavailable, "TEMPORARILY_UNAVAILABLE"),
    (TooLarge, "BAD_REQUEST"),
    (InvalidInput, "INVALID_PARAMETER_VALUE"),
)
"""Error codes by our own classes; the first that fits."""

LEVELS: Final = tuple(f"/api/{level}" for level in range(1, 10))
"""MLflow's levels of its own protocol, those to come too; our own API has letters there."""
PREFIXES: Final = (
    *LEVELS, "/ajax-api", "/gateway", "/v1/traces", "/endpoints/", "/get-artifact",
    "/model-versions/get-artifact",
)  # fmt: skip
_UNREAD: Final = (RequestTimeout, TooLarge, Unauthenticated, PermissionDenied)
"""After these the rest of a body is not read: the connection ends."""
_UNREAD_STATUS: Final = frozenset({401, 403, 408, 413})
_BY_STATUS: Final = {400: "BAD_REQUEST", 404: "ENDPOINT_NOT_FOUND", 405: "ENDPOINT_NOT_FOUND"}


class NotOffered(EpochalError):
    """An endpoint of MLflow that Epochal does not have."""

    status = 501
    code = "not_implemented"


def invalid(message: str) -> InvalidInput:
    """What becomes INVALID_PARAMETER_VALUE."""
    return InvalidInput(message)


def code_of(error: Exception) -> tuple[str, str]:
    """Error code and message of an exception."""
    if isinstance(error, NotOffered):
        return "NOT_IMPLEMENTED", error.message
    if isinstance(error, NotFound) and error.run:
        return "RESOURCE_DOES_NOT_EXIST", f"Run with id={error.run} not found"
    for kind, code in CODES:
        if isinstance(error, kind):
            return code, error.message
    if isinstance(error, EpochalError) and error.status < 500:
        return _BY_STATUS.get(error.status, "BAD_REQUEST"), error.message
    if isinstance(error, OSError):
        return "TEMPORARILY_UNAVAILABLE", "the machine refused an operation; try again"
    return "INTERNAL_ERROR", ""


def is_mlflow(path: str) -> bool:
    """Whether an address is one of MLflow's."""
    return path.startswith(PREFIXES)


class Refusal(NamedTuple):
    """An answer that tells a client what went wrong."""

    status: int
    headers: dict[str, str]
    body: bytes


def mlflow_body(error: EpochalError) -> bytes:
    """What a client of MLflow is told of an error that no handler of its routes answers."""
    code, message = code_of(error)
    return body_of(code, message or str(error))


def body_of(code: str, message: str) -> bytes:
    """An error in MLflow's shape."""
    return msgspec.json.encode({"error_code": code, "message": message})


def refused(status: int, message: str) -> Refusal:
    """The answer to what is wrong with a request before any endpoint reads it.

    Args:
        status: of HTTP, 4xx.
        message: what is wrong.
    """
    refusal = _refusal(_BY_STATUS.get(status, "BAD_REQUEST"), message)
    if status in _UNREAD_STATUS:
        refusal.headers["connection"] = "close"
    return refusal


def refusal_of(error: Exception, path: str) -> Refusal:
    """The answer that tells a client of an exception.

    Args:
        error: any; what nobody foresaw goes to the log.
        path: of the request.
    """
    code, message = code_of(error)
    if code == "INTERNAL_ERROR":
        number = secrets.token_hex(6)
        # The log gets the place of the failure, never the request.
        log.error("error %s in %s", number, path, exc_info=error)
        message = f"the server failed unexpectedly; its log has the details under error {number}"
    refusal = _refusal(code, message)
    if isinstance(error, _UNREAD):
        refusal.headers["connection"] = "close"
    return refusal


def _refusal(code: str, message: str) -> Refusal:
    headers = {"cache-control": "no-store"}
    if code == "UNAUTHENTICATED":
        headers["www-authenticate"] = 'Bearer realm="epochal"'
    return Refusal(STATUS[code], headers, body_of(code, message))
