"""`login`: happy on one machine, and the keeper of API keys for servers.

Without a server there is nothing to log in to, and `login` says yes. With ``key`` and ``host`` the
key is stored in the home's ``credentials.json`` (mode 0600), from where later runs take it for
that server. Keys are never printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from epochal.errors import InvalidInput
from epochal.journal.home import find_home
from epochal.journal.whole import write_whole

CREDENTIALS = "credentials.json"


def login(
    key: str | None = None,
    host: str | None = None,
    relogin: bool | None = None,
    verify: bool | None = None,
    **unknown: Any,
) -> bool:
    """Remember the API key of a server; without ``host`` there is nothing to do.

    Args:
        key: the API key.
        host: the server, such as ``https://epochal.example.com``.
        relogin: accepted for compatibility.
        verify: accepted for compatibility; a wrong key is reported by the first run that sends.
        unknown: accepted for compatibility.

    Returns:
        True.

    Raises:
        InvalidInput: ``host`` is no http or https address.
        OSError: the home cannot be written.
    """
    del relogin, verify, unknown
    if key is not None and host is not None:
        if not str(host).startswith(("http://", "https://")):
            raise InvalidInput(f"host must start with http:// or https://, got {host!r:.80}")
        store_key(find_home(), host, str(key))
    return True


def store_key(home: Path, url: str, key: str) -> None:
    """Keep a key for a server, readable by this user only.

    Raises:
        OSError: the home cannot be written.
    """
    keys = {**_read(home), url.rstrip("/"): key}
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(home / CREDENTIALS, msgspec.json.encode(keys))


def find_key(home: Path, url: str) -> str | None:
    """The stored key for a server."""
    return _read(home).get(url.rstrip("/"))


def _read(home: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode((home / CREDENTIALS).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}
