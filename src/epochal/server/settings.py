"""Every setting of the server, its default, and the rules between them.

The command line fills this in; the only environment variable is ``EPOCHAL_HOME``, which
`epochal.journal.home.find_home` reads.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from epochal.errors import InvalidInput

DEFAULT_PORT: Final = 7557
MIB: Final = 1024 * 1024
_ORIGIN: Final = re.compile(
    r"https?://(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::(?:[0-9]{1,5}|\*))?|[a-z][a-z0-9+.-]*:"
)
_WIDE_SCHEMES: Final = frozenset({"http:", "https:", "data:", "blob:", "file:", "about:"})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a server runs.

    Attributes:
        home: the directory whose runs it serves.
        host: the address to listen on; anything but loopback needs ``auth``.
        port: the TCP port; 0 takes any free one.
        auth: team mode: every request needs an API key or a browser session.
        public_url: the address that people use when a proxy or tunnel stands in between; its host
            is accepted.
        embed_origins: other sites whose pages may show embeds (``/embed/``) in a frame, beside
            this server's own and those of loopback.
        poll_interval: seconds between looks at the journals while something is live.
        idle_interval: the same while nothing is.
        read_threads: how many reads of the store run at once.
        max_requests: how many requests may be under way; more get 503.
        max_event_clients: how many live-event streams may be open; more get 503.
        max_json_bytes: largest JSON body.
        max_journal_bytes: largest stretch of a journal in one upload, packed or not.
        max_upload_memory: bytes that all uploads together may hold.
        header_timeout: seconds within which a connection must have sent a request's headers.
        body_timeout: seconds of silence after which a body is given up.
        shutdown_timeout: seconds that the server takes to end.
        access_log: write one line per request to the log.

    Raises:
        InvalidInput: a value, or two together, cannot be used.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    auth: bool = False
    public_url: str = ""
    embed_origins: tuple[str, ...] = ()
    poll_interval: float = 0.25
    idle_interval: float = 1.0
    read_threads: int = 4
    max_requests: int = 256
    max_event_clients: int = 256
    max_json_bytes: int = 4 * MIB
    max_journal_bytes: int = 64 * MIB
    max_upload_memory: int = 128 * MIB
    header_timeout: float = 10.0
    body_timeout: float = 30.0
    shutdown_timeout: float = 2.5
    access_log: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise InvalidInput(f"port must be 0 to 65535, got {self.port}")
        if not self.auth and not is_loopback(self.host):
            raise InvalidInput(
                f"--host {self.host} would show every run to everyone on the network. "
                f"Add --auth to ask for API keys, or leave --host out and reach this machine "
                f"with: ssh -L {self.port}:127.0.0.1:{self.port} HOST"
            )
        if self.public_url:
            split_public_url(self.public_url)
        for origin in self.embed_origins:
            check_embed_origin(origin)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_public_url(url: str) -> tuple[str, str]:
    """Scheme and host (with port, if any) of a public address, both in lower case.

    Raises:
        InvalidInput: it is no http or https address of the form ``https://host[:port]``.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if (
        not usable
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise InvalidInput(
            f"--public-url must look like https://runs.example.org, got {url!r:.200}"
        )
    return parts.scheme, parts.netloc.lower()


def check_embed_origin(origin: str) -> str:
    """The origin, if it is one that a policy of frames can name.

    Raises:
        InvalidInput: it is neither ``https://host[:port]`` nor the scheme of a program's pages.
    """
    if _ORIGIN.fullmatch(origin) is None or origin in _WIDE_SCHEMES:
        raise InvalidInput(
            "--embed-origin must look like https://hub.example.org, https://*.example.org or, for "
            f"the pages of a program, like vscode-webview: and got {origin!r:.200}"
        )
    return origin
