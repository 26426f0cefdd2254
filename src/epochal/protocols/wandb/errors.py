"""Errors as wandb's client shows them: it prints the message, the status says what to do next.

The client gives up at once on 400, 401, 403, 404, 409, 410, 413, 422 and 501, and tries again for
days on anything else that is no success. So what may pass is 503 with Retry-After, and a mistake
is never a 5xx.
"""

from __future__ import annotations

import logging
import re
import secrets
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from epochal.errors import (
    EpochalError,
    StorageError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

log: Final = logging.getLogger("epochal.server")
RETRY_AFTER: Final = 2
FINAL: Final = frozenset({400, 401, 403, 404, 410, 413, 501})
"""Statuses after which the client does not try again; others of our own become 400 or 503."""
FIRST_WITH_CORE: Final = (0, 28)
"""The first version known to read with `wandb.Api()` through its core."""
_AGENT: Final = re.compile(r"W&B Public Client (\d{1,4})\.(\d{1,4})\.")


class NotOffered(EpochalError):
    """A change that wandb's protocol has and Epochal does not."""

    status = 501
    code = "not_implemented"


def known(error: Exception) -> EpochalError | None:
    """The error of our tree that an exception stands for; None for one that nobody foresaw."""
    if isinstance(error, EpochalError) and not isinstance(error, StorageError):
        return error if type(error) is not EpochalError else None
    if isinstance(error, (OSError, MemoryError)):
        return Unavailable("the server's machine refused an operation; trying again may help")
    return None


def status_of(error: EpochalError) -> int:
    """The HTTP status under which the client does the right thing."""
    if error.status in FINAL:
        return error.status
    return 503 if error.status in (408, 429) or error.status >= 500 else 400


def _reads_success_only(request: Request[Any, Any, Any]) -> bool:
    """Whether the client shows what GraphQL refuses only when the status is a success.

    The public API of clients without a core raises "400 Client Error" and drops the body.
    """
    if request.scope.get("path") != "/graphql":
        return False
    found = _AGENT.match(request.headers.get("user-agent", ""))
    return found is not None and (int(found[1]), int(found[2])) < FIRST_WITH_CORE


def _answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    headers = {"cache-control": "no-store"}
    found = known(error)
    if found is not None:
        status, message = status_of(found), found.message
    elif isinstance(error, HTTPException) and error.status_code < 500:
        status, message = error.status_code, error.detail
    else:
        number = secrets.token_hex(6)
        # The log gets the place of the failure, never the request.
        log.error("error %s in %s", number, request.scope.get("path"), exc_info=error)
        status = 500
        message = f"the server failed unexpectedly; its log has the details under error {number}"
    if isinstance(found, Unauthenticated):
        message = f"user is not logged in: {message}"
        headers["www-authenticate"] = 'Basic realm="epochal"'
    if isinstance(found, TooManyRequests):
        headers["retry-after"] = str(found.retry_after)
    elif status == 503:
        headers["retry-after"] = str(RETRY_AFTER)
    elif status == 400 and _reads_success_only(request):
        status = 200
    body = msgspec.json.encode({"errors": [{"message": message}], "data": None, "error": message})
    return Response(body, status_code=status, headers=headers, media_type="application/json")


HANDLERS: Final[ExceptionHandlersMap] = {Exception: _answer}
