"""Directories of wandb brought into a home, each run exactly once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from epochal.domain.names import DEFAULT_PROJECT, check_name
from epochal.errors import EpochalError, NotFound
from epochal.imports.carrier import Progress, real_path
from epochal.imports.found import Content, FoundRun
from epochal.imports.source_importer import SourceImporter
from epochal.imports.wandb.convert import RunReader, rests
from epochal.imports.wandb.facts import read_identity
from epochal.imports.wandb.folder import Folder
from epochal.imports.wandb.log import LogFile
from epochal.journal.blobs import Blobs

SUFFIXES: Final = (".wandb", ".wandb.synced")
MARK: Final = ".synced"
_DEEPEST: Final = 8


class Importer(SourceImporter):
    """One import.

    Args:
        home: the home.
        place: a directory with runs at any depth, a run's directory, or a ``.wandb`` file.
        project: where all runs go; by default where they say.
        follow_links: bring in saved files that are links to others.

    Raises:
        NotFound: there is no such directory, or no run in it.
        Unavailable: another process imports it.
    """

    def __init__(
        self,
        home: Path,
        place: str | os.PathLike[str],
        project: str | None = None,
        *,
        follow_links: bool = False,
    ) -> None:
        self.source = real_path(place)
        self._project = check_name(project, "project name") if project else None
        self._follow = follow_links
        self._files = find_files(self.source)
        if not self._files:
            raise NotFound(
                f"there are no runs below {self.source}; a run has a file such as "
                f"wandb/offline-run-20260101_120000-abc123/run-abc123.wandb"
            )
        super().__init__(home, f"wandb:{self.source}:{project or ''}")

    def carry(self, progress: Progress | None = None) -> None:
        """Bring in all runs; again, only what is new.

        Raises:
            Unavailable: there is no room; again goes on.
            OSError: the home cannot be written.
        """
        self.carrier.carry_all(self._found(), len(self._files), progress)

    def _found(self) -> Iterator[FoundRun]:
        for path in self._files:
            try:
                yield self._look(path)
            except EpochalError as error:
                self.outcome.problems.append(str(error))

    def _look(self, path: Path) -> FoundRun:
        log = LogFile(path)
        run = read_identity(log)
        if "id" not in run:
            raise NotFound(f"{path} says of no run: its client ended before it wrote anything")
        blobs = self.carrier.blobs
        folder = Folder(path.parent, blobs, follow_links=self._follow)
        facts = path.stat()
        marks = [facts.st_size, facts.st_mtime_ns, rests(path), self._follow, folder.mark()]
        return FoundRun(
            key=os.path.relpath(path, self.source),
            project=self._project or run.get("project") or DEFAULT_PROJECT,
            run_id=run["id"],
            name=run.get("name") or run["id"],
            fingerprint=repr(marks),
            read=_Reading(log, folder, blobs).read,
        )


class _Reading:
    """A run to read later."""

    def __init__(self, log: LogFile, folder: Folder, blobs: Blobs) -> None:
        self._log = log
        self._folder = folder
        self._blobs = blobs

    def read(self) -> Content:
        return RunReader(self._log, self._folder, self._blobs).read()


def find_files(place: str) -> list[Path]:
    """All files of runs below a place, by path; links are not followed.

    Raises:
        NotFound: there is no such place.
    """
    if not os.path.exists(place):
        raise NotFound(f"there is no directory {place}; name the one that wandb writes to")
    if os.path.isfile(place):
        return [Path(place)]
    found = []
    depth = place.rstrip(os.sep).count(os.sep)
    for directory, names, files in os.walk(place):
        names.sort()
        if directory.count(os.sep) - depth >= _DEEPEST:
            names.clear()
        for name in sorted(files):
            path = Path(directory, name)
            if name.endswith(SUFFIXES) and not path.is_symlink() and not _is_mark(path):
                found.append(path)
    return found


def _is_mark(path: Path) -> bool:
    """Whether a file only says that the one of a run beside it was synced."""
    return path.suffix == MARK and path.with_suffix("").exists() and not path.stat().st_size
