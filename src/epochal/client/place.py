"""Where the journal of a run comes to lie: the home; else a private directory for temporary files.

Else memory.

Training goes on whatever the disk says; the user is told once where the journal is and how to keep
it.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

from epochal.client import guard
from epochal.domain.record import Header
from epochal.errors import StorageError
from epochal.journal.home import LOCAL_NAME, RUNS, check_directory, find_home, run_directory
from epochal.journal.writer import Journal, open_journal


def choose_home(directory: str | None, setting: str | None) -> Path:
    """The home for `init`.

    Args:
        directory: the ``dir`` argument: a home, or the directory that holds or gets a
            ``.epochal``.
        setting: the ``home`` setting.

    Raises:
        InvalidInput: the address of a server was given.
    """
    if directory is None:
        return _absolute_home(setting)
    check_directory(directory)
    path = Path(os.path.abspath(os.path.expanduser(directory)))
    is_home = path.name == LOCAL_NAME or (path / RUNS).is_dir()
    return path if is_home else path / LOCAL_NAME


def _absolute_home(setting: str | None) -> Path:
    try:
        return find_home(setting)
    except OSError:  # the working directory was removed
        return Path(os.path.expanduser("~")) / LOCAL_NAME


def ui_command(home: Path | None) -> str:
    """What to type here to see the runs of a home."""
    usual = home is None or home == _absolute_home(None)
    return "epochal ui" if usual else f"epochal ui --home {shlex.quote(str(home))}"


def open_somewhere(
    home: Path, uid: str, writer: str, header: Header
) -> tuple[Journal, Path | None]:
    """Open a journal in the first place that takes it.

    Returns:
        The journal, and the home in which it lies; None when it lies in memory.
    """
    trouble: list[str] = []
    places: tuple[Callable[[], Path], ...] = (lambda: home, _temporary_home)
    for place in places:
        try:
            directory = place()
            _make_private(directory)
            journal = open_journal(str(run_directory(directory, uid)), uid, writer, header)
        except (OSError, StorageError) as error:
            trouble.append(str(error))
            continue
        if trouble:
            guard.warn_once(
                "place",
                f"the home {home} cannot be written ({trouble[0]}); the run is recorded in "
                f"{directory}. "
                f"Set EPOCHAL_HOME to a writable directory, or move {directory}/runs later",
            )
        return journal, directory
    guard.warn_once(
        "place",
        f"no directory can be written ({trouble[0]}); the run is kept in memory only and ends "
        "with this process. Set EPOCHAL_HOME to a writable directory, or call "
        "run.save_journal(path)",
    )
    return open_journal(None, uid, writer, header), None


def _temporary_home() -> Path:
    """A directory of this user under the directory for temporary files.

    Others cannot have planted it.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.getpid()
    path = Path(os.environ.get("TMPDIR") or "/tmp") / f"epochal-{user}"  # noqa: S108 - checked
    if path.is_symlink() or (path.exists() and path.lstat().st_uid != user):
        raise StorageError(f"{path} belongs to somebody else; remove it or set EPOCHAL_HOME")
    return path


def _make_private(home: Path) -> None:
    """Create the home with mode 0700; an existing one is left as it is."""
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=stat.S_IRWXU, exist_ok=True)
