from __future__ import annotations

import errno
import logging
from typing import Any

import pytest

from epochal import errors
from epochal.errors import EpochalError, OffsetMismatch, QuerySyntaxError, TooManyRequests
from epochal.server.errors import envelope, foreseen
from tests.server.door import Door


def every_error() -> list[type[EpochalError]]:
    """Those of the training side never pass a server."""
    found = [EpochalError]
    for kind in found:
        found += [child for child in kind.__subclasses__() if child not in found]
    return [kind for kind in found if not kind.__module__.startswith("epochal.client")]


def make(kind: type[EpochalError]) -> EpochalError:
    special: dict[type[EpochalError], tuple[Any, ...]] = {
        errors.QuerySyntaxError: ("m", "text", 1),
        errors.OffsetMismatch: (5, 9),
        errors.CorruptFile: ("path", "problem"),
        errors.MissingExtra: ("feature", "extra"),
        errors.TooManyRequests: ("m", 3),
        errors.UntrustedModel: ("path", "reason", "digest"),
        errors.DamagedModel: ("path", "problem"),
    }
    return kind(*special.get(kind, ("m",)))


@pytest.mark.parametrize("kind", every_error())
def test_every_error_leaves_in_the_envelope(kind: type[EpochalError]) -> None:
    """Status and code come from the class; transient ones say when to come back."""
    error = make(kind)
    status, headers, body = envelope(error)
    assert status == kind.status
    assert f'"code":"{kind.code}"'.encode() in body
    assert ("retry-after" in headers) == (status in {429, 503})


def test_errors_carry_what_a_client_can_use() -> None:
    """Where the query stopped making sense; where to go on sending."""
    assert b'"position":3,"text":"abc?"' in envelope(QuerySyntaxError("m", "abc?", 3))[2]
    assert b'"expected":5' in envelope(OffsetMismatch(5, 9))[2]
    assert envelope(TooManyRequests("m", 7))[1]["retry-after"] == "7"


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.EROFS]
)
def test_a_sick_machine_is_503(number: int) -> None:
    """Foreign clients give up for good on anything else."""
    known = foreseen(OSError(number, "x"))
    assert known is not None
    assert known.status == 503


def test_what_nobody_foresaw_tells_an_id_only(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """XSS-14: no text of the exception leaves; the log has it under the same id, without the
    request.
    """

    def broken(*_: Any) -> None:
        raise KeyError("the secret inside")

    monkeypatch.setattr("epochal.service.projects.stored.list_projects", broken)
    with caplog.at_level(logging.ERROR, "epochal.server"):
        answer = door.ask("GET", "/api/v1/projects?secret=hunter2", headers={"X-Key": "hunter2"})
    assert (answer.status, answer.code) == (500, "internal")
    assert b"secret" not in answer.body
    number = answer.json()["error"]["message"].split()[-1]
    assert number in caplog.text
    assert "the secret inside" in caplog.text
    assert "hunter2" not in caplog.text
    assert door.ask("GET", "/api/v1/info").status == 200


def test_unknown_addresses_and_methods(door: Door) -> None:
    """One envelope for everything, and nothing of the address in it."""
    answer = door.ask("GET", "/api/v1/<script>alert(1)</script>")
    assert (answer.status, answer.code) == (404, "not_found")
    assert b"script" not in answer.body
    answer = door.ask("PUT", "/api/v1/projects")
    assert (answer.status, answer.code) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[", b"null", b"[]", b'"x"', b"\xff", b'{"project": "\xff"}', b"[" * 100_000,
        b'{"a":' * 100_000, b'{"project": NaN}', b'{"project": "p", "limit": 1e999}',
        b'{"project": "p", "limit": ' + b"9" * 5000 + b"}", b'{"project": "\\ud800"}',
        b'{"project": 5}', b'{"project": "p", "nope": 1}', b'{"limit": 1}',
        b'{"project": "a\\u0000b"}', b'{"project": "' + b"a" * 1000 + b'"}',
    ],
)  # fmt: skip
def test_bodies_that_are_no_query_are_400(door: Door, body: bytes) -> None:
    """DOS-03, DOS-04, PT-15, DOS-20: every wrong body has one status and one shape."""
    headers = {"Content-Type": "application/json"}
    answer = door.ask("POST", "/api/v1/runs/query", headers=headers, body=body)
    assert (answer.status, answer.code) == (400, "invalid_input"), answer.body


def test_json_past_its_limit_is_413(door: Door) -> None:
    """DOS-01: refused while it comes, with and without a Content-Length."""
    headers = {"Content-Type": "application/json"}
    chunks = (b" " * 100_000 for _ in range(60))
    answer = door.ask("POST", "/api/v1/runs/query", headers=headers, body=chunks)
    assert (answer.status, answer.code) == (413, "too_large")
    headers["Content-Length"] = str(10**10)
    answer = door.ask("POST", "/api/v1/runs/query", headers=headers, body=b"{}")
    assert (answer.status, answer.header("connection")) == (413, "close")


def test_a_wrong_expression_says_where(door: Door, wait_for: Any) -> None:
    """RCE-10: the grammar refuses, with the position; nothing is evaluated."""
    from tests.server.journals import Script

    script = Script().rows(1.0).finish()
    door.ask("PUT", f"{script.address}?offset=0", body=script.bytes())
    wait_for(lambda: door.ask("GET", f"/api/v1/runs/{script.uid}").status == 200)
    for where in ("config.lr <", "__import__('os')", "1;DROP", "(" * 10_000, "a" * 10_001):
        query = {"project": "p", "where": where}
        answer = door.ask("POST", "/api/v1/runs/query", json_body=query)
        assert answer.status == 400, where
        assert answer.code in {"query_syntax", "invalid_input"}
    answer = door.ask(
        "POST", "/api/v1/runs/query", json_body={"project": "p", "where": "config.lr <"}
    )
    assert isinstance(answer.json()["error"]["position"], int)
