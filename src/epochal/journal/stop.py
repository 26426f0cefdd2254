"""The wish that a run ends early, as a file in the run's directory.

Whoever owns the home writes it; a process that writes the run there looks for it, and a server
tells it to the processes that send the run. It stays until the run goes on anew, so that neither a
restart of the server nor a lost connection forgets it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from epochal.domain.run import StopRequest
from epochal.journal.whole import write_whole

NAME = "stop.json"


def write_stop(directory: Path, request: StopRequest) -> None:
    """Leave the wish in a run's directory; the first one stays.

    Raises:
        OSError: it cannot be written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(directory / NAME, msgspec.json.encode(request), first=True)


def read_stop(directory: Path) -> StopRequest | None:
    """The wish, if there is one; a damaged file is one, too."""
    try:
        data = (directory / NAME).read_bytes()
    except OSError:
        return None
    try:
        return msgspec.json.decode(data, type=StopRequest)
    except msgspec.MsgspecError:
        return StopRequest(0)


def forget_stop(directory: Path) -> None:
    """The wish was for an earlier process."""
    with contextlib.suppress(OSError):
        (directory / NAME).unlink()
