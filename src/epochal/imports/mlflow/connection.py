"""One connection to a server that speaks JSON, with the credentials that MLflow's client takes.

Every answer is read whole before it is used; a request that fails for a while is tried again. The
credentials are ``user:password@`` in the address, ``MLFLOW_TRACKING_USERNAME`` and
``MLFLOW_TRACKING_PASSWORD``, or ``MLFLOW_TRACKING_TOKEN``. They are sent to this address alone:
redirects are not followed.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http.client
import json
import os
import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlencode, urlsplit

from epochal.domain.record import BlobRef
from epochal.errors import (
    EpochalError,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from epochal.journal.blobs import Blobs

TIMEOUT_SECONDS: Final = 60.0
TRIES: Final = 4
PIECE: Final = 1024 * 1024


class Connection:
    """One keep-alive connection to a server.

    Args:
        url: its address, with a path when it lies below one.
        environment: where credentials may stand.

    Raises:
        InvalidInput: the address cannot be one.
    """

    def __init__(self, url: str, environment: Mapping[str, str] = os.environ) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise InvalidInput(
                f"{url!r:.200} is no address of a server; expected one such as "
                f"http://127.0.0.1:5000"
            )
        self.shown = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}{parts.path}"
        self._base = parts.path.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "epochal-import"}
        self._headers |= _credentials(parts.username, parts.password, environment)
        self._make = functools.partial(
            http.client.HTTPSConnection, parts.hostname, port, timeout=TIMEOUT_SECONDS,
            context=ssl.create_default_context(),
        ) if parts.scheme == "https" else functools.partial(
            http.client.HTTPConnection, parts.hostname, port, timeout=TIMEOUT_SECONDS
        )  # fmt: skip
        self._open: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Let go of the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def ask(self, method: str, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Call an endpoint with JSON, or with a query for GET.

        Raises:
            EpochalError: it answers an error; `Unavailable` when it cannot be reached.
        """
        body = None
        if method == "GET":
            path = f"{path}?{urlencode(given)}" if given else path
        else:
            body = json.dumps(given).encode()
        with self._answer(method, path, body) as answer:
            data = answer.read()
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise InvalidInput(
                f"{self.shown} does not answer as an MLflow server does (at {path:.120}); "
                f"check the address"
            )
        return found

    def download(self, path: str, blobs: Blobs, type: str) -> BlobRef:
        """Store what lies at a path.

        Raises:
            EpochalError: it cannot be had.
        """
        place = blobs.temporary(f"import.{secrets.token_hex(8)}")
        hashing, size = hashlib.sha256(), 0
        try:
            with self._answer("GET", path, None) as answer, place.open("xb") as file:
                while piece := answer.read(PIECE):
                    hashing.update(piece)
                    file.write(piece)
                    size += len(piece)
                expected = answer.headers.get("Content-Length")
            if expected is not None and int(expected) != size:
                raise Unavailable(f"{self.shown}{path} broke off after {size} bytes; try again")
            blobs.adopt(place, hashing.hexdigest(), found=hashing.hexdigest())
        finally:
            place.unlink(missing_ok=True)
        return BlobRef(hashing.hexdigest(), size, type)

    @contextlib.contextmanager
    def _answer(
        self, method: str, path: str, body: bytes | None
    ) -> Iterator[http.client.HTTPResponse]:
        """A good answer; read it whole."""
        answer = self._try(method, path, body)
        if answer.status != 200:
            raise _explain(self.shown, path, answer.status, answer.read(PIECE))
        try:
            yield answer
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unavailable(f"{self.shown} broke off: {error}; try again") from error

    def _try(self, method: str, path: str, body: bytes | None) -> http.client.HTTPResponse:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        problem: object = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(0.25 * 4 ** (attempt - 1))
            try:
                if self._open is None:
                    self._open = self._make()
                self._open.request(method, self._base + path, body, headers)
                answer = self._open.getresponse()
            except (OSError, http.client.HTTPException) as error:
                problem = error
                self.close()
                continue
            if answer.status not in (429, 502, 503, 504):
                return answer
            problem = f"it answers {answer.status}"
            answer.read()
        raise Unavailable(f"{self.shown} cannot be reached: {problem}; is it running?")


def _credentials(
    user: str | None, password: str | None, environment: Mapping[str, str]
) -> dict[str, str]:
    if user is not None:
        user, password = unquote(user), unquote(password or "")
    else:
        user = environment.get("MLFLOW_TRACKING_USERNAME")
        password = environment.get("MLFLOW_TRACKING_PASSWORD", "")
    if user:
        text = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {text}"}
    token = environment.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _explain(shown: str, path: str, status: int, data: bytes) -> EpochalError:
    """The error for an answer that is none of success."""
    with contextlib.suppress(ValueError, AttributeError):
        message = json.loads(data).get("message")
        if isinstance(message, str):
            data = message.encode()
    kinds: dict[int, type[EpochalError]] = {
        401: Unauthenticated, 403: PermissionDenied, 404: NotFound,
    }  # fmt: skip
    text = " ".join(data.decode("utf-8", "replace").split())
    kind = kinds.get(status, Unavailable if status >= 500 else InvalidInput)
    return kind(f"{shown} answers {status} at {path:.160}: {text:.300}")
