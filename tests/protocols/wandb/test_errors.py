"""Statuses and headers that make wandb's client try again, or stop and say why."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from epochal import errors
from epochal.protocols.wandb.errors import NotOffered, known, status_of
from tests.server.door import Door

GIVES_UP = {400, 401, 403, 404, 410, 413, 501}
"""Of those that the client never tries again; 409 is not among them for every request."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInput("x"), 400),
        (errors.QuerySyntaxError("x", "y", 0), 400),
        (errors.Unauthenticated("x"), 401),
        (errors.PermissionDenied("x"), 403),
        (errors.NotFound("x"), 404),
        (errors.Conflict("x"), 400),
        (errors.TooLarge("x"), 413),
        (NotOffered("x"), 501),
        (errors.MissingExtra("x", "y"), 501),
        (errors.Unavailable("x"), 503),
        (errors.StorageFull("x"), 503),
        (errors.RequestTimeout("x"), 503),
        (errors.TooManyRequests("x", 3), 503),
        (OSError(errno.ENOSPC, "x"), 503),
        (MemoryError(), 503),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_may_pass_is_503_and_a_mistake_is_final(error: Exception, status: int) -> None:
    found = known(error)
    assert found is not None
    assert status_of(found) == status
    assert status in GIVES_UP or status == 503


def test_what_nobody_foresaw_tells_nothing() -> None:
    """It becomes a 500 with a number; the log has the rest."""
    assert known(ValueError("secret")) is None
    assert known(errors.CorruptFile("secret", "problem")) is None


def test_a_busy_server_says_when_to_come_back(home: Path) -> None:
    """503 with Retry-After and a message, in the shape that the client prints."""
    with Door(home) as door:
        door.app.workers.close(0)
        answer = door.ask("POST", "/files/local/p/r/file_stream", json_body={})
    assert answer.status == 503
    assert int(answer.header("retry-after") or 0) > 0
    assert "try again" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("agent", "status"),
    [
        ("W&B Public Client 0.16.6", 200),
        ("W&B Public Client 0.25.1", 200),
        ("W&B Public Client 0.31.0", 400),
        ("W&B Internal Client 0.16.6", 400),
        ("wandb-core", 400),
        ("W&B Public Client", 400),
    ],
)
def test_a_refusal_has_the_status_under_which_a_client_shows_it(
    home: Path, agent: str, status: int
) -> None:
    """Old public APIs print a message of GraphQL only from a success, others add to it then."""
    with Door(home) as door:
        body = {"query": "{ project(name: "}
        answer = door.ask("POST", "/graphql", json_body=body, headers={"user-agent": agent})
        lost = door.ask("POST", "/files/a/b/c/file_stream", headers={"user-agent": agent})
    assert answer.status == status
    assert answer.json()["errors"][0]["message"]
    assert lost.status in {400, 415}
