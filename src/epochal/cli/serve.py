"""``epochal server`` and ``epochal ui``: run a server on a home, or open its page.

Both print what a person needs and return an exit code: 0 after a clean end, 2 for settings that
cannot be, 6 when the home or the port is taken. Who stops reading what they print does not end
them. The server's own modules are loaded when log directories are read already.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from epochal._loading import load
from epochal.cli.logdir import following, page_of, wait_for_signal
from epochal.cli.streams import tell
from epochal.errors import EpochalError, StoreLocked, Unavailable
from epochal.journal.home import ServerAddress, find_home
from epochal.server.address import live_server
from epochal.server.peer import can_tell
from epochal.server.settings import DEFAULT_PORT, Settings, is_loopback

if TYPE_CHECKING:
    from epochal.imports.tensorboard import Follower
    from epochal.server.runner import Started

RUN: Final = "epochal.server.runner:run_server"
MAKE_CODE: Final = "epochal.server.auth:make_code"


def serve(
    home: str | os.PathLike[str] | None = None,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    auth: bool = False,
    public_url: str = "",
    embed_origins: Sequence[str] = (),
    access_log: bool = False,
    quiet: bool = False,
    logdirs: Sequence[str] = (),
) -> int:
    """Run a server until Ctrl-C or SIGTERM.

    Args:
        home: the home to serve; found as everywhere else when None.
        host: address to listen on; anything but loopback needs ``auth``.
        port: TCP port; 0 takes any free one.
        auth: team mode, with API keys.
        public_url: the address that people use, when a proxy stands in between.
        embed_origins: other sites whose pages may show embeds in a frame.
        access_log: one line per request on stderr.
        quiet: print nothing but errors.
        logdirs: TensorBoard's log directories to follow meanwhile, as `read_place` reads them.

    Returns:
        The exit code.
    """
    _log_to_stderr(access_log=access_log)
    try:
        settings = Settings(
            home=find_home(home),
            host=host,
            port=port,
            auth=auth,
            public_url=public_url,
            embed_origins=tuple(embed_origins),
            access_log=access_log,
        )
        with following(settings.home, logdirs, _warn) as followers:

            def started(news: Started) -> None:
                for follower in followers:
                    follower.listen(news.nudge)
                if not quiet:
                    _announce(settings, news)

            load(RUN)(settings, started, _warn)
    except EpochalError as error:
        return _fail(error)
    return 0


def ui(
    home: str | os.PathLike[str] | None = None,
    port: int = DEFAULT_PORT,
    *,
    browser: bool = True,
    path: str = "/",
    logdirs: Sequence[str] = (),
) -> int:
    """Show the page of a home: reuse the server that runs on it, or run one until Ctrl-C.

    When the port is taken by something else, any free one is used.

    Args:
        home: the home to show; found as everywhere else when None.
        port: the port to try first.
        browser: open the web browser.
        path: where in the page to begin.
        logdirs: TensorBoard's log directories to follow meanwhile, also beside a server that runs.

    Returns:
        The exit code.
    """
    _log_to_stderr(access_log=False)
    where = find_home(home)
    try:
        with following(where, logdirs, _warn) as followers:
            return _show(where, port, browser, page_of(followers, path), followers)
    except EpochalError as error:
        return _fail(error)


def _show(where: Path, port: int, browser: bool, path: str, followers: Sequence[Follower]) -> int:
    """Reuse the server of the home, or run one."""
    if _reuse(where, browser=browser, path=path):
        if followers:
            wait_for_signal(followers)
        return 0

    def started(news: Started) -> None:
        for follower in followers:
            follower.listen(news.nudge)
        tell(f"Epochal shows {where} at {news.url}\nCtrl-C ends it.")
        if browser:
            # Some browsers keep the caller waiting, and the server must answer them meanwhile.
            threading.Thread(target=_open, args=(news.address, path), daemon=True).start()

    try:
        _run_somewhere(where, port, started)
    except StoreLocked as error:
        # Two of these may start at the same moment.
        if not _reuse(where, browser=browser, path=path):
            return _fail(error)
        if followers:
            wait_for_signal(followers)
    return 0


def _reuse(home: Path, *, browser: bool, path: str) -> bool:
    """Show the page of the server that runs on the home; whether there is one."""
    running = live_server(home)
    if running is None:
        return False
    tell(f"Epochal already serves {home} at {running.url}")
    if browser:
        _open(running, path)
    return True


def _run_somewhere(home: Path, port: int, started: Callable[[Started], None]) -> None:
    """Run a server on the port, or on any free one when something else has it."""
    try:
        load(RUN)(Settings(home=home, port=port), started, _warn)
    except Unavailable as error:
        if error.code != Unavailable.code or port == 0:
            raise
        _warn(f"something else uses port {port}; taking a free one")
        load(RUN)(Settings(home=home, port=0), started, _warn)


def page_link(address: ServerAddress, path: str = "/") -> str:
    """What to open in a browser.

    A plain address where the kernel tells who asks, else a login link that is good once.
    """
    if can_tell():
        return address.url + path
    code: str = load(MAKE_CODE)(address.token, time.time())
    return f"{address.url}/login?code={code}"


def _open(address: ServerAddress, path: str) -> None:
    link = page_link(address, path)
    try:
        opened = _has_screen() and webbrowser.open(link)
    except (webbrowser.Error, OSError):
        opened = False
    if not opened:
        tell(f"No browser could be started here; open {link} yourself.")


def _has_screen() -> bool:
    """Whether a browser could be seen; without a display a text browser takes the terminal."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def _announce(settings: Settings, started: Started) -> None:
    tell(f"Epochal serves {settings.home} at {started.url}")
    if started.admin_key is not None:
        tell(
            f"\n  First start in team mode. This is the admin key, shown this once:\n\n"
            f"    {started.admin_key}\n\n"
            "  Log in with it on the page, or set EPOCHAL_URL and EPOCHAL_API_KEY.\n"
            f"  `epochal key create` makes keys for others, `epochal key revoke` ends them.\n"
        )
    if (
        settings.auth
        and not is_loopback(settings.host)
        and not settings.public_url.startswith("https://")
    ):
        _warn(
            "keys travel unencrypted; put a proxy with TLS in front "
            "and name it with --public-url https://..."
        )


def _log_to_stderr(*, access_log: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in (("epochal.server", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
    if access_log:
        logger = logging.getLogger("uvicorn.access")
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)


def _warn(text: str) -> None:
    print(f"epochal: {text}", file=sys.stderr, flush=True)


def _fail(error: EpochalError) -> int:
    _warn(error.message)
    return error.exit_code
