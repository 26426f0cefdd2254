"""Where things lie in a home, for the side that writes journals as well as for the store.

A home is found, in this order: the argument, ``EPOCHAL_HOME``, the nearest ``.epochal`` directory
from the working directory upward, ``~/.epochal``. User strings never become path names: a run's
directory is its uid.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import msgspec

from epochal.domain.names import check_uid
from epochal.errors import EpochalError, InvalidInput, StorageFull

LOCAL_NAME = ".epochal"
RUNS = "runs"
DATABASE = "epochal.db"
LOCK = "store.lock"
SERVER = "server.json"
RESUME = "resume.json"

# One slash: a path has lost the second by the time it comes here. A drive has one letter.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


class ServerAddress(msgspec.Struct, frozen=True):
    """What a running server writes into its home.

    ``token`` lets this OS user in where the server cannot tell who its peer is.
    """

    url: str
    pid: int
    version: str
    started_us: int
    token: str = ""


def find_home(explicit: str | os.PathLike[str] | None = None, start: str | None = None) -> Path:
    """The absolute path of the home to use; it may not exist yet.

    Args:
        explicit: a path that the caller named; wins over everything.
        start: where the search for ``.epochal`` begins; the working directory by default.

    Raises:
        InvalidInput: the address of a server was given.
    """
    chosen = explicit or os.environ.get("EPOCHAL_HOME")
    if chosen:
        check_directory(chosen)
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    here = Path(os.path.abspath(start or os.getcwd()))
    for directory in (here, *here.parents):
        candidate = directory / LOCAL_NAME
        if candidate.is_dir():
            return candidate
    return Path(os.path.expanduser("~")) / LOCAL_NAME


def check_directory(path: str | os.PathLike[str]) -> None:
    """Refuse an address where a directory was expected.

    Raises:
        InvalidInput: ``path`` reads like ``http://host``.
    """
    if _ADDRESS.match(os.fspath(path)):
        raise InvalidInput(
            f"{os.fspath(path)!r} is an address, and a home is a directory; "
            f"for a server use --url or EPOCHAL_URL"
        )


def unusable(home: Path, error: OSError) -> EpochalError:
    """The error to raise when a home cannot be made or opened."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(f"there is no room left for {home}: {error.strerror}; free some space")
    where = f" ({error.filename})" if error.filename else ""
    return InvalidInput(
        f"{home} cannot be used as a home: {error.strerror or error}{where}; "
        f"name a directory that you may write"
    )


def run_directory(home: Path, uid: str) -> Path:
    """The directory of one run.

    Raises:
        InvalidInput: ``uid`` is not 32 hex digits.
    """
    return home / RUNS / check_uid(uid)


def read_server_address(home: Path) -> ServerAddress | None:
    """The address that a server left in this home, or None; it may be gone by now."""
    try:
        data = (home / SERVER).read_bytes()
        return msgspec.json.decode(data, type=ServerAddress)
    except (OSError, msgspec.MsgspecError):
        return None
