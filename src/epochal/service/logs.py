"""The console of a run, in windows."""

from __future__ import annotations

from epochal.domain.access import Permission, Principal
from epochal.domain.names import check_uid
from epochal.domain.view import LogFind, LogPage, LogPlace, LogStream
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import logfind
from epochal.store import logs as stored
from epochal.store.owner import Store

MAX_SEARCH = 1_000


def read_logs(
    store: Store,
    principal: Principal | None,
    uid: str,
    *,
    start: int | None = None,
    limit: int = 1_000,
    tail: int | None = None,
    search: str | None = None,
    stream: LogStream | None = None,
) -> LogPage:
    """A window of a run's console lines.

    Args:
        store: the open store.
        principal: who asks.
        uid: the run.
        start: number of the first line wanted.
        limit: how many lines at most; brought into 1..5,000.
        tail: give this many of the last lines instead; brought into 1..5,000.
        search: only lines that contain this text, whatever the case.
        stream: only lines of this stream.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    return stored.read_logs(
        store,
        check_uid(uid),
        start=None if start is None else max(0, min(start, 2**62)),
        limit=bounds.clamp(limit, 1, bounds.MAX_LOG_LINES),
        tail=None if tail is None else bounds.clamp(tail, 1, bounds.MAX_LOG_LINES),
        search=bounds.plain_text(search, "search", MAX_SEARCH) if search else None,
        stream=stream,
    )


def find_lines(
    store: Store,
    principal: Principal | None,
    uid: str,
    *,
    search: str = "",
    stream: LogStream | None = None,
    errors: bool = False,
) -> LogFind:
    """Which lines contain a text, and how errors spread over the console.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    text = bounds.plain_text(search, "search", MAX_SEARCH) if search else ""
    return logfind.find_lines(store, check_uid(uid), search=text, stream=stream, errors=errors)


def line_at(store: Store, principal: Principal | None, uid: str, t_us: int) -> LogPlace:
    """The line that was last printed at a time, in microseconds since 1970 UTC.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    return LogPlace(logfind.line_at(store, check_uid(uid), t_us))
