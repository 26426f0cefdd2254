"""``--logdir``: a TensorBoard log directory that is followed while a server runs."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from epochal.cli.streams import tell
from epochal.domain.address import page_path
from epochal.domain.names import DEFAULT_ENTITY
from epochal.imports.tensorboard import Follower


@contextlib.contextmanager
def following(
    home: Path, logdir: Path | None, warn: Callable[[str], None]
) -> Iterator[Follower | None]:
    """Follow a log directory as long as the block runs; without one, nothing happens.

    Args:
        home: where its runs go.
        logdir: the directory.
        warn: gets what goes wrong, in sentences.

    Raises:
        EpochalError: it cannot be followed.
    """
    if logdir is None:
        yield None
        return
    follower = Follower(home, logdir, None, warn)
    tell(f"Epochal follows {logdir} as project {follower.project}")
    follower.start()
    try:
        yield follower
    finally:
        follower.stop()


def page_of(follower: Follower | None, path: str) -> str:
    """Where in the page to begin: with the directory's project, unless something else is asked."""
    if follower is None or path != "/":
        return path
    return page_path(DEFAULT_ENTITY, follower.project)


def wait_for_signal(follower: Follower) -> None:
    """Go on following until Ctrl-C or SIGTERM, beside a server that runs elsewhere."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        follower.wait()
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
