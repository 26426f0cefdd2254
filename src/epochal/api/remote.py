"""Answers questions over HTTP, by the routes of docs/internals/wire.md.

Only the standard library is used. Every error of the server comes back as the class of
`epochal.errors` that it had there; whatever goes wrong on the way is `Unavailable` and names the
address. Redirects are refused: they would carry the key elsewhere.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlencode, urlsplit

import msgspec

from epochal.api import question as q
from epochal.api.content import Content, OpenContent, Readable
from epochal.api.object_routes import ROUTES as OBJECT_ROUTES
from epochal.api.route import Route, as_json, at, changes, fields, finite_or_not, nothing, run_path
from epochal.domain.bulk import RunsOutcome
from epochal.domain.importance import ImportanceReport
from epochal.domain.insight import InsightReport
from epochal.domain.objects import WantedParcel
from epochal.domain.parcel import open_parcel
from epochal.domain.tracked import Experiment
from epochal.domain.values import number_from_json
from epochal.domain.view import LogPage, ProjectKeys, ProjectList, RunDetail, RunPage, RunRow
from epochal.errors import (
    EpochalError,
    InvalidInput,
    NotFound,
    QuerySyntaxError,
    Unavailable,
    error_named,
)

TIMEOUT_SECONDS = 60.0
PROBE_SECONDS = 2.0
ANSWER_SECONDS = 10.0
"""From a server that takes the connection: one that has just started may load its routes first."""
_UNKNOWN_ROUTE = frozenset({404, 405})
_TEXT_COLUMNS = frozenset(
    {"id", "uid", "name", "state", "tags", "notes", "group", "job_type", "host"}
)
_METRIC_NUMBERS = ("last", "min", "max", "mean")

Answer = TypeVar("Answer")


def read_detail(body: bytes) -> RunDetail:
    """Decode a `RunDetail`, with NaN and infinities as floats."""
    raw = msgspec.json.decode(body)
    for part in ("config", "summary"):
        raw[part] = finite_or_not(raw[part])
    for metric in raw["metrics"]:
        for name in _METRIC_NUMBERS:
            metric[name] = number_from_json(metric[name])
    return msgspec.convert(raw, RunDetail)


def read_page(body: bytes) -> RunPage:
    """Decode a `RunPage`, with NaN and infinities in its columns as floats."""
    page = msgspec.json.decode(body, type=RunPage)
    for name, values in page.columns.items():
        if name not in _TEXT_COLUMNS:
            values[:] = finite_or_not(values)
    return page


ROUTES: Mapping[type[q.Question[Any]], Route] = {
    q.ListProjects: Route(
        "GET", at("/api/v1/projects"), lambda body: as_json(ProjectList)(body).projects
    ),
    q.ListKeys: Route(
        "GET", at("/api/v1/projects/keys"), as_json(ProjectKeys), query=fields("entity", "project")
    ),
    q.QueryRuns: Route("POST", at("/api/v1/runs/query"), read_page, body=lambda x: x.query),
    q.JudgeParameters: Route(
        "POST", at("/api/v1/runs/importance"), as_json(ImportanceReport), body=lambda x: x.query
    ),
    q.GetRun: Route("GET", run_path(), read_detail),
    q.ReadInsights: Route("GET", run_path("/insights"), as_json(InsightReport)),
    q.ResolveRun: Route(
        "GET", at("/api/v1/runs/resolve"), read_detail, query=fields("entity", "project", "id")
    ),
    q.ReadPoints: Route("POST", at("/api/v1/series/points"), bytes, body=lambda x: x.query),
    q.ReadBuckets: Route("POST", at("/api/v1/series/buckets"), bytes, body=lambda x: x.query),
    q.ReadLogs: Route(
        "GET",
        run_path("/logs"),
        as_json(LogPage),
        query=fields("start", "limit", "tail", "search"),
    ),
    q.UpdateRun: Route("PATCH", run_path(), as_json(RunRow), body=changes),
    q.MoveRun: Route("POST", run_path("/move"), as_json(RunRow), body=lambda asked: asked.to),
    q.KeepExperiment: Route(
        "PUT", at("/api/v1/experiments"), as_json(Experiment), body=lambda asked: asked.told
    ),
    q.DeleteRun: Route("DELETE", run_path(), nothing),
    q.MoveSeveral: Route(
        "POST", at("/api/v1/runs/move"), as_json(RunsOutcome), body=lambda x: x.wish
    ),
    q.DeleteSeveral: Route(
        "POST", at("/api/v1/runs/delete"), as_json(RunsOutcome), body=lambda x: x.wish
    ),
    q.StopRun: Route("POST", run_path("/stop"), nothing, body=lambda _: {}),
    **OBJECT_ROUTES,
}
"""One line per question, to be laid beside the table of docs/internals/wire.md."""


class HttpSource:
    """A server.

    Args:
        url: ``http://host:port`` or ``https://host``, with or without a path in front of ``/api``.
        api_key: sent as a bearer token; by default the password in ``url``, if there is one.

    Raises:
        InvalidInput: ``url`` is no HTTP address.
    """

    def __init__(self, url: str, api_key: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput(f"{url!r} is no server address; write http://host:port")
        self._secure = parts.scheme == "https"
        self._host, self._prefix = parts.netloc.rpartition("@")[2], parts.path.rstrip("/")
        self.url = f"{parts.scheme}://{self._host}{self._prefix}"
        self._headers = {"Accept": "application/json", "User-Agent": "epochal-reader"}
        api_key = api_key or unquote(parts.password or "")
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._kept = threading.local()

    def ask(self, question: q.Question[Answer]) -> Answer:
        """Send the question; see `Source.ask`."""
        route = ROUTES[type(question)]
        query = {key: value for key, value in route.query(question).items() if value is not None}
        path = self._prefix + route.path(question) + (f"?{urlencode(query)}" if query else "")
        content = route.body(question)
        body = None if content is None else msgspec.json.encode(content)
        status, answer = self._exchange(route.method, path, body)
        if status >= 300:
            raise error_of(status, answer, self.url, question)
        try:
            return cast("Answer", route.read(answer))
        except (msgspec.MsgspecError, KeyError, TypeError) as error:
            raise Unavailable(
                f"{self.url} gave an answer that this Epochal cannot read ({error}); "
                f"is it an Epochal server of the same version?"
            ) from error

    def call(self, method: str, path: str, content: object = None) -> bytes:
        """One request that is no question; returns the body of its answer.

        Args:
            method: the HTTP method.
            path: path below the server's address.
            content: sent as JSON, unless None.

        Raises:
            EpochalError: the server refused, with the class that the error had there.
            Unavailable: there was no answer.
        """
        body = None if content is None else msgspec.json.encode(content)
        status, answer = self._exchange(method, self._prefix + path, body)
        if status >= 300:
            raise error_of(status, answer, self.url)
        return answer

    @contextlib.contextmanager
    def session(self) -> Iterator[HttpSource]:
        """Keep one connection of this thread open meanwhile."""
        outer = getattr(self._kept, "connection", None)
        if outer is not None:
            yield self
            return
        self._kept.connection = self._connect(TIMEOUT_SECONDS)
        try:
            yield self
        finally:
            self._kept.connection.close()
            self._kept.connection = None

    @contextlib.contextmanager
    def opener(self) -> Iterator[OpenContent]:
        """Open bytes over one connection of this thread."""
        with self.session():
            yield self._open

    @contextlib.contextmanager
    def _open(self, content: Content, start: int) -> Iterator[Readable]:
        connection = self._kept.connection
        headers = {**self._headers, "Accept": "*/*"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            connection.request("GET", self._prefix + content.route, headers=headers)
            response = connection.getresponse()
            if response.status >= 300:
                raise error_of(response.status, response.read(), self.url)
            body = Body(response, self.url)
            body.skip(start if response.status == 200 else 0)
            yield body
            if response.length:  # read no further: what is left would be taken for the next answer
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise no_answer(self.url, error) from error
        except BaseException:
            connection.close()
            raise

    def several(self, contents: Sequence[Content]) -> Mapping[str, bytes]:
        """Small contents as one parcel; none from a server that is too old to pack them."""
        wanted = WantedParcel([content.digest for content in contents])
        path = self._prefix + contents[0].parcel
        status, answer = self._exchange("POST", path, msgspec.json.encode(wanted))
        if status in _UNKNOWN_ROUTE:
            return {}
        if status >= 300:
            raise error_of(status, answer, self.url)
        try:
            return dict(open_parcel(answer, check=False))
        except InvalidInput as error:
            raise no_answer(self.url, error) from error

    def page_url(self) -> str:
        """The address itself."""
        return self.url

    def serves(self, home: Path) -> bool:
        """Whether the server of this home answers here within seconds, and lets us in."""
        connection = self._connect(PROBE_SECONDS)
        try:
            connection.connect()
            connection.sock.settimeout(ANSWER_SECONDS)
            connection.request("GET", f"{self._prefix}/api/v1/info", headers=self._headers)
            response = connection.getresponse()
            told = msgspec.json.decode(response.read(65_536), type=dict[str, Any])
        except (OSError, http.client.HTTPException, msgspec.MsgspecError):
            return False
        finally:
            connection.close()
        place = told.get("home") or str(home)
        return told.get("user") is not None and os.path.realpath(place) == os.path.realpath(home)

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, timeout=timeout, context=context)
        return http.client.HTTPConnection(self._host, timeout=timeout)

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        kept = getattr(self._kept, "connection", None)
        connection = kept or self._connect(TIMEOUT_SECONDS)
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise no_answer(self.url, error) from error
        finally:
            if connection is not kept:
                connection.close()


class Body:
    """The body of an answer as a stream that knows when it broke off."""

    def __init__(self, response: http.client.HTTPResponse, url: str) -> None:
        self._response = response
        self._url = url

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer as far as there are bytes.

        Raises:
            Unavailable: the connection broke off.
        """
        try:
            count = self._response.readinto(buffer)
        except (OSError, http.client.HTTPException) as error:
            raise no_answer(self._url, error) from error
        if not count and self._response.length:
            raise no_answer(self._url, EOFError(f"{self._response.length} bytes are missing"))
        return count

    def skip(self, count: int) -> None:
        """Read bytes that are known already, from a server that sends all of them."""
        buffer = memoryview(bytearray(65_536))
        while count:
            got = self.readinto(buffer[: min(count, len(buffer))])
            if not got:
                return
            count -= got


def no_answer(url: str, error: Exception) -> Unavailable:
    """The error for a connection that failed."""
    return Unavailable(
        f"no answer from {url} ({type(error).__name__}: {error}); "
        f"check the address and that the server runs"
    )


def error_of(
    status: int, body: bytes, url: str, question: q.Question[Any] | None = None
) -> EpochalError:
    """The exception that a server's error stands for.

    Args:
        status: HTTP status, 300 or more.
        body: ``{"error": {"code", "message", ...}}``, or anything that stands between.
        url: only for messages.
        question: what was asked, if it was one of ours.
    """
    try:
        told = msgspec.json.decode(body)["error"]
        code, message = str(told["code"]), str(told["message"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        text = body[:200].decode("utf-8", "replace").strip()
        made = NotFound if status == 404 else Unavailable
        return made(
            f"{url} answered {status} without an Epochal error: {text!r}; check the address"
        )
    if code == QuerySyntaxError.code and isinstance(question, q.QueryRuns):
        return _syntax_error(told, message, question)
    return error_named(code, message)


def _syntax_error(told: dict[str, Any], message: str, question: q.QueryRuns) -> QuerySyntaxError:
    """Rebuild the error with its caret, whichever of ``where`` and ``order`` is meant."""
    reason, _, drawn = message.partition("\n  ")
    text = drawn.partition("\n")[0] if drawn else question.query.where
    return QuerySyntaxError(reason, str(told.get("text", text)), int(told.get("position", 0)))
