"""``--logdir``: TensorBoard log directories that are followed while a server runs."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from epochal.cli.streams import tell
from epochal.domain.address import page_path
from epochal.domain.names import DEFAULT_ENTITY
from epochal.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from epochal.imports.tensorboard import Follower


class Place(NamedTuple):
    """A log directory, and the project of its runs; None for one named after the directory."""

    path: Path
    project: str | None


def read_place(text: str) -> Place:
    """A directory as ``--logdir`` names it: its path, or ``project:path``.

    Args:
        text: what was given; one that exists as it stands is a path, whatever it looks like.

    Raises:
        InvalidInput: there is no path in it.
        NotFound: it seems to be a list of several.
    """
    name, colon, path = text.partition(":")
    if not text.strip() or (colon and not path):
        raise InvalidInput(f"--logdir {text!r} names no directory; give PATH or PROJECT:PATH")
    if os.path.exists(os.path.expanduser(text)) or not colon:
        return _single(text, None)
    is_name = (
        bool(name) and not {"/", "\\"} & set(name) and not (len(name) == 1 and os.name == "nt")
    )
    return _single(path, name) if is_name else _single(text, None)


def _single(path: str, project: str | None) -> Place:
    if "," in path and not os.path.exists(os.path.expanduser(path)):
        raise NotFound(
            f"there is no directory {path}; for several, repeat --logdir: "
            + " ".join(f"--logdir {part}" for part in path.split(","))
        )
    return Place(Path(path), project)


@contextlib.contextmanager
def following(
    home: Path, logdirs: Sequence[str], warn: Callable[[str], None]
) -> Iterator[list[Follower]]:
    """Follow log directories as long as the block runs; without any, nothing happens.

    Args:
        home: where their runs go.
        logdirs: the directories, as `read_place` reads them.
        warn: gets what goes wrong, in sentences.

    Raises:
        EpochalError: one of them cannot be followed; none is then.
    """
    if not logdirs:  # and nothing is loaded that only they need
        yield []
        return
    from epochal.imports.tensorboard import Follower  # noqa: PLC0415

    places = [read_place(text) for text in logdirs]
    resolved = [(os.path.realpath(os.path.expanduser(path)), name) for path, name in places]
    for place, again in zip(places, resolved, strict=True):
        if resolved.count(again) > 1:
            raise InvalidInput(f"--logdir {place.path} is given twice; name each directory once")
    with contextlib.ExitStack() as stack:
        followers: list[Follower] = []
        for path, project in places:
            follower = Follower(home, path, project, warn)
            stack.callback(follower.stop)
            followers.append(follower)
        for follower, (path, _) in zip(followers, places, strict=True):
            tell(f"Epochal follows {path} as project {follower.project}")
            follower.start()
        yield followers


def page_of(followers: Sequence[Follower], path: str) -> str:
    """Where in the page to begin: with the directories' project, unless something else is asked.

    Directories of several projects begin with the list of projects.
    """
    projects = {follower.project for follower in followers}
    if len(projects) != 1 or path != "/":
        return path
    return page_path(DEFAULT_ENTITY, projects.pop())


def wait_for_signal(followers: Sequence[Follower]) -> None:
    """Go on following until Ctrl-C or SIGTERM, beside a server that runs elsewhere."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        for follower in followers:
            follower.wait()
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
