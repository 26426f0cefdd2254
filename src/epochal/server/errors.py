"""Every failure leaves the server in one shape, with the status of its class in `epochal.errors`.

What nobody foresaw becomes a 500 that tells an id and nothing else; the log has the details under
the same id.
"""

from __future__ import annotations

import errno
import logging
import secrets
from typing import Any, Final

import msgspec

from epochal.errors import (
    EpochalError,
    OffsetMismatch,
    QuerySyntaxError,
    StorageFull,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from epochal.protocols.mlflow.errors import is_mlflow, mlflow_body
from epochal.server.asgi import Send

log: Final = logging.getLogger("epochal.server")
RETRY_AFTER: Final = 2
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_CLOSING: Final = frozenset({408, 413})


def foreseen(error: Exception) -> EpochalError | None:
    """The error of our tree that stands for any exception; None for one that nobody foresaw."""
    if isinstance(error, EpochalError):
        return error
    if isinstance(error, OSError) and error.errno in _FULL:
        return StorageFull(
            "the disk under the home is full; free some space. Nothing acknowledged is lost"
        )
    if isinstance(error, (OSError, MemoryError)):
        return Unavailable("the machine refused an operation; try again in a moment")
    return None


def envelope(error: EpochalError) -> tuple[int, dict[str, str], bytes]:
    """Status, extra headers and JSON body of an error."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    headers: dict[str, str] = {}
    if isinstance(error, QuerySyntaxError):
        body.update(message=error.reason, position=error.position, text=error.text)
    if isinstance(error, OffsetMismatch):
        body["expected"] = error.expected
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="epochal"'
    if isinstance(error, TooManyRequests):
        headers["retry-after"] = str(error.retry_after)
    elif error.status == 503:
        headers["retry-after"] = str(RETRY_AFTER)
    if error.status in _CLOSING:
        headers["connection"] = "close"
    return error.status, headers, msgspec.json.encode({"error": body})


def unforeseen(error: BaseException, where: str) -> EpochalError:
    """Log an exception that nobody foresaw and return what the client may know of it: an id."""
    number = secrets.token_hex(6)
    # Values of a request may be secrets: the log gets the place of the failure, never the request.
    log.error("error %s in %s", number, where, exc_info=error)
    return EpochalError(
        f"the server failed unexpectedly; its log has the details under error {number}"
    )


async def send_error(send: Send, error: EpochalError, path: str, *, close: bool = False) -> None:
    """Answer a request with an error from a layer outside the routes.

    Args:
        send: ASGI.
        error: what to say.
        path: of the request.
        close: end the connection after it, because the request's body was not read.
    """
    status, headers, body = envelope(error)
    if is_mlflow(path):
        body = mlflow_body(error)
    if close:
        headers["connection"] = "close"
    raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    raw += [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"content-length", str(len(body)).encode("ascii")),
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})
