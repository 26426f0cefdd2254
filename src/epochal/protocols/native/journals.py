"""The routes of journal upload. A stretch is answered after it is durable, never before."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import get, put
from litestar.params import FromPath, FromQuery

from epochal.domain.access import Permission, Principal
from epochal.domain.run import StopRequest
from epochal.domain.view import ResumeState
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.protocols.native.body import Budget, collect, expected_size, unpack
from epochal.service import journals, runs
from epochal.service.workers import StoreHandle


class Held(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many bytes of a journal the server holds durably, and whether its run shall end."""

    offset: int
    stop: StopRequest | None = None


def _receive(
    store: StoreHandle,
    principal: Principal | None,
    uid: str,
    writer: str,
    *,
    offset: int,
    packed: tuple[bytes, str | None, int],
) -> Held:
    body = bytes(unpack(*packed))
    size = journals.receive(store, principal, uid, writer, offset=offset, body=body)
    return Held(size, runs.stop_of(store, principal, uid))


def _held(store: StoreHandle, principal: Principal | None, uid: str, writer: str) -> Held:
    size = journals.held(store, principal, uid, writer)
    return Held(size, runs.stop_of(store, principal, uid))


@get("/api/v1/runs/{uid:str}/resume", opt=needs(Permission.READ))
async def resume_state(request: Call, uid: FromPath[str]) -> ResumeState:
    """What a writer needs to go on with a run."""
    return await request.read(journals.resume_state, uid)


@get("/api/v1/runs/{uid:str}/journals/{writer:str}", opt=needs(Permission.WRITE))
async def ask_held(request: Call, uid: FromPath[str], writer: FromPath[str]) -> Held:
    """How many bytes of a journal the server holds durably."""
    return await request.read(_held, uid, writer)


@put(
    "/api/v1/runs/{uid:str}/journals/{writer:str}",
    opt=needs(Permission.WRITE),
    request_max_body_size=None,
)
async def receive(
    request: Call, uid: FromPath[str], writer: FromPath[str], offset: FromQuery[int]
) -> Held:
    """Take the next stretch of a journal, ``?offset=N``; journal bytes, gzip allowed."""
    state = request.app.state
    budget: Budget = state.upload_budget
    max_bytes: int = state.settings.max_journal_bytes
    encoding = request.headers.get("content-encoding")
    need = expected_size(request.headers.get("content-length"), encoding, max_bytes)
    with budget.hold(need):
        body = bytes(await collect(request.stream(), max_bytes))
        held = await request.upload(
            _receive, uid, writer, offset=offset, packed=(body, encoding, max_bytes)
        )
    state.tailer.nudge()
    return held


ROUTES: Final[list[Any]] = [resume_state, ask_held, receive]
