"""What stands at the other end of a wire may be anything."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
import pytest

from epochal.api.local import ANSWERS
from epochal.api.question import GetRun, ListProjects, QueryRuns, Question
from epochal.api.remote import ROUTES, HttpSource
from epochal.api.route import finite_or_not
from epochal.domain.view import RunQuery
from epochal.errors import (
    EpochalError,
    NotFound,
    PermissionDenied,
    QuerySyntaxError,
    StorageFull,
    Unauthenticated,
    Unavailable,
)


@contextmanager
def answering(
    status: int, body: bytes, headers: dict[str, str] | None = None
) -> Iterator[HttpSource]:
    """A server on loopback that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the standard library's names

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield HttpSource(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(code: str, message: str, **more: object) -> bytes:
    return msgspec.json.encode({"error": {"code": code, "message": message, **more}})


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (401, "unauthenticated", Unauthenticated),
        (403, "permission_denied", PermissionDenied),
        (404, "not_found", NotFound),
        (503, "storage_full", StorageFull),
        (500, "internal", EpochalError),
        (418, "a_code_of_the_future", EpochalError),
    ],
)
def test_a_server_error_keeps_its_class_and_message(
    status: int, code: str, error: type[EpochalError]
) -> None:
    """As if it had been raised here."""
    with (
        answering(status, told(code, "what happened")) as source,
        pytest.raises(EpochalError) as caught,
    ):
        source.ask(ListProjects())
    assert type(caught.value) is error
    assert caught.value.message == "what happened"


def test_a_syntax_error_gets_its_caret_back() -> None:
    """The wire carries reason and position; the text is the question's own."""
    question = QueryRuns(RunQuery("p", where="a <"))
    with (
        answering(400, told("query_syntax", "expected a value", position=3)) as source,
        pytest.raises(QuerySyntaxError) as caught,
    ):
        source.ask(question)
    assert caught.value.message == "expected a value\n  a <\n     ^"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>hello</html>"),
        (200, b'{"projects": 3}'),
        (200, b"\xff\xfe"),
        (500, b"<html>proxy</html>"),
        (502, b""),
        (503, b'{"error": null}'),
        (302, b""),
    ],
)
@pytest.mark.parametrize("question", [ListProjects(), GetRun("0" * 32)])
def test_nonsense_is_unavailable_and_names_the_address(
    status: int, body: bytes, question: Question[object]
) -> None:
    """A proxy, another program, an older server: never a traceback of the decoder."""
    with (
        answering(status, body, {"Location": "http://127.0.0.1:1/"}) as source,
        pytest.raises(Unavailable, match=source.url),
    ):
        source.ask(question)


def test_nobody_at_the_address_is_unavailable() -> None:
    """With what to check."""
    with pytest.raises(Unavailable, match="check the address"):
        HttpSource("http://127.0.0.1:1").ask(ListProjects())


def test_a_key_in_the_address_is_never_repeated() -> None:
    """Messages end up in logs."""
    source = HttpSource("http://user:secret@127.0.0.1:1")
    with pytest.raises(Unavailable) as caught:
        source.ask(ListProjects())
    assert "secret" not in caught.value.message


def _leaves(kind: type[Any]) -> set[type[Any]]:
    """What is asked: a class that others refine is a shape that they share."""
    refined: list[type[Any]] = type.__subclasses__(kind)
    return set().union(*map(_leaves, refined)) if refined else {kind}


def test_every_question_has_an_answer_at_both_doors() -> None:
    """A new question without one fails here, not at a user's."""
    assert _leaves(Question) == set(ROUTES) == set(ANSWERS)


@pytest.mark.parametrize(
    ("value", "check"),
    [
        ("NaN", math.isnan),
        ("Infinity", lambda x: x == math.inf),
        ("-Infinity", lambda x: x == -math.inf),
        ("nan", lambda x: x == "nan"),
        (["NaN", {"a": "NaN"}], lambda x: math.isnan(x[0]) and math.isnan(x[1]["a"])),
    ],
)
def test_the_spelling_of_non_finite_numbers_is_undone(
    value: object, check: Callable[[object], bool]
) -> None:
    """At any depth."""
    assert check(finite_or_not(value))
