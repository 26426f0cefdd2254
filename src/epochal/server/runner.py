"""Runs the server in this process until a signal ends it.

One server per home: the store's lock decides. The address is published only when requests are
taken, and taken back at the end; who needs the routes is answered once they are loaded. SIGINT and
SIGTERM end it within `Settings.shutdown_timeout` and a moment, with live streams open; a second
signal ends it at once.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

import uvicorn

from epochal._version import __version__
from epochal.domain.access import LOCAL_USER, Role
from epochal.errors import StoreLocked, Unavailable
from epochal.journal.home import ServerAddress
from epochal.server.address import live_server, remove_address, write_address
from epochal.server.app import Application, create_app
from epochal.server.connection import with_header_timeout
from epochal.server.settings import Settings, is_loopback
from epochal.service import access
from epochal.store.lock import read_holder
from epochal.store.owner import Store, open_store

log: Final = logging.getLogger("epochal.server")
LOCK_SECONDS: Final = 10.0
QUIET_LOCK_SECONDS: Final = 0.5
"""How long another owner of the home may take before anything is said about it."""
BACKLOG: Final = 512
KEEP_ALIVE_SECONDS: Final = 30
COLLECTED: Final = (10_000, 10, 10)
"""New objects between two looks for garbage: an answer of a thousand runs makes a hundred
thousand, of which none is any."""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Started:
    """What is told to the caller once the server answers.

    Attributes:
        url: where the page is.
        address: what was written to ``server.json``.
        admin_key: the first key of a team server, shown this once; None when there are keys
            already or none are needed.
        nudge: to be called by whoever in this process has written to journals of the home, so
            that they are looked at now.
    """

    def __init__(
        self,
        url: str,
        address: ServerAddress,
        admin_key: str | None,
        nudge: Callable[[], None],
    ) -> None:
        self.url = url
        self.address = address
        self.admin_key = admin_key
        self.nudge = nudge


class _Server(uvicorn.Server):
    """uvicorn's server with our way to end: streams first, and signals that only end it."""

    def __init__(
        self, config: uvicorn.Config, application: Application, on_start: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._application = application
        self._on_start = on_start
        application.site.failed = self._give_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._on_start()

    def _give_up(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._application.end_streams()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.force_exit = self.should_exit
        self.should_exit = True


def run_server(
    settings: Settings,
    on_start: Callable[[Started], None],
    on_wait: Callable[[str], None] = log.warning,
) -> None:
    """Serve a home until SIGINT or SIGTERM.

    Args:
        settings: how to run.
        on_start: told once when the server answers.
        on_wait: told, in a sentence, when a command holds the home and is waited for.

    Raises:
        StoreLocked: another server or command holds the home.
        Unavailable: the port is taken.
        EpochalError: the home cannot be used.
    """
    gc.freeze()  # what is loaded stays; looking through it again costs half of a large answer
    gc.set_threshold(*COLLECTED)
    _refuse_second(settings)
    sockets = listen(settings)
    try:
        store = _open(settings, on_wait)
    except BaseException:
        for bound in sockets:
            bound.close()
        raise
    store.since_us = time.time_ns() // 1000
    for text in store.unread:
        log.warning("%s", text)
    ended = False
    try:
        ended = _serve(settings, store, sockets, on_start)
    finally:
        remove_address(settings.home, os.getpid())
        if ended:
            store.close()
    if not ended:
        # A thread still works on the store. It is safe to cut it off: ingest is idempotent.
        log.warning("a task did not end in time; leaving without it")
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _serve(
    settings: Settings,
    store: Store,
    sockets: list[socket.socket],
    on_start: Callable[[Started], None],
) -> bool:
    """Run until told to end; whether every thread ended in time."""
    token = secrets.token_urlsafe(32)
    application = create_app(store, settings, token)
    port = sockets[0].getsockname()[1]
    address = ServerAddress(
        url=_local_url(settings.host, port),
        pid=os.getpid(),
        version=__version__,
        started_us=time.time_ns() // 1000,
        token=token,
    )
    application.alerting.base = application.alerting.base or address.url
    admin_key = _first_key(settings, store)

    def started() -> None:
        _publish(settings, address)
        url = settings.public_url or address.url
        on_start(Started(url, address, admin_key, application.tailer.nudge))

    server = _Server(_config(settings, application), application, started)
    gc.freeze()
    server.run(sockets=sockets)
    ended = application.close(time.monotonic() + settings.shutdown_timeout)
    if application.site.fault is not None:
        if ended:
            store.close()
        raise application.site.fault
    return ended


def _config(settings: Settings, application: Application) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=with_header_timeout(settings.header_timeout),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=settings.access_log,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, int(settings.shutdown_timeout / 2)),
    )


def _publish(settings: Settings, address: ServerAddress) -> None:
    """Write the address; a disk without room keeps nobody from looking at the page."""
    try:
        write_address(settings.home, address)
    except OSError as error:
        log.warning(
            "%s cannot be written (%s): scripts and commands will not find the server",
            settings.home,
            error.strerror or error,
        )


def _open(settings: Settings, on_wait: Callable[[str], None]) -> Store:
    """Own the home; a command that reads it is waited for, another server is not."""
    home = settings.home
    deadline = time.monotonic() + LOCK_SECONDS
    wait = QUIET_LOCK_SECONDS
    while True:
        try:
            return open_store(home, wait=wait)
        except StoreLocked:
            _refuse_second(settings)
        holder = read_holder(home)
        who = f"process {holder.pid} on {holder.host}" if holder else "another process"
        if time.monotonic() >= deadline:
            raise StoreLocked(
                f"{who} uses {home} for more than {LOCK_SECONDS:.0f} seconds already; "
                f"end it, or wait until it is done, and try again"
            )
        if wait == QUIET_LOCK_SECONDS:
            on_wait(f"waiting for {who}, which uses {home} at this moment")
        wait = 1.0


def _refuse_second(settings: Settings) -> None:
    other = live_server(settings.home)
    if other is not None:
        raise StoreLocked(
            f"a server for {settings.home} already runs at {other.url} (process {other.pid}); "
            f"use that one, or stop it with: kill {other.pid}"
        )


def _first_key(settings: Settings, store: Store) -> str | None:
    now = time.time_ns() // 1000
    keys = access.list_keys(store, LOCAL_USER)
    if not settings.auth or any(key.is_good(now) for key in keys):
        return None
    return access.create_key(store, LOCAL_USER, "first admin", Role.ADMIN)


def listen(settings: Settings) -> list[socket.socket]:
    """Bind the settings' address; for loopback both of IPv4 and, where there is one, IPv6.

    Raises:
        Unavailable: the port is taken, or the address is not ours.
    """
    hosts = (
        ["127.0.0.1", "::1"] if settings.host in ("localhost", "127.0.0.1") else [settings.host]
    )
    sockets: list[socket.socket] = []
    port = settings.port
    for host in hosts:
        try:
            bound = _bind(host, port)
        except OSError as error:
            if sockets:
                continue
            raise Unavailable(
                f"port {port} of {host} cannot be used: {error.strerror or error}; "
                f"choose another with --port, or --port 0 for any free one"
            ) from None
        sockets.append(bound)
        port = bound.getsockname()[1]
    return sockets


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except BaseException:
        bound.close()
        raise
    return bound


def _local_url(host: str, port: int) -> str:
    """An address under which this machine reaches the server."""
    if host in ("0.0.0.0", "localhost") or (is_loopback(host) and ":" not in host):  # noqa: S104
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
