"""What the training side and the models ask of the reading side; see `epochal.client.reach`.

Artifacts that are downloaded without a directory go into a cache in the home, one directory per
digest. A directory of the cache is checked by digest at each use, so a file that was changed there
is fetched again.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from epochal.api.artifact import ArtifactVersion
from epochal.api.belongings import RunBelongings
from epochal.api.files import RunFile, download_files
from epochal.api.reader import Reader, connect
from epochal.api.source import HomeSource, choose_source
from epochal.client.reach import Place
from epochal.domain.artifact import LATEST, Manifest, check_path
from epochal.errors import InvalidInput, NotFound
from epochal.journal.home import find_home

CACHE = "cache"
ARTIFACTS = "artifacts"
FILES = "files"
SETTLE_S = 10.0
POLL_S = 0.05
_DIGEST = re.compile(r"[0-9a-f]{64}")
_RUNS = "runs:/"
_MODELS = "models:/"


class FoundArtifact:
    """A version as `epochal.client.reach` wants it.

    Args:
        version: the version.
        home: whose cache is used.
    """

    def __init__(self, version: ArtifactVersion, home: Path) -> None:
        self.version = version
        self._home = home
        self.path: str = version.artifact
        self.type: str = version.type
        self.number: int = version.number
        self.digest: str = version.digest
        self.aliases: list[str] = version.aliases
        self.tags: list[str] = version.tags
        self.metadata: dict[str, Any] = version.metadata
        self.description: str = version.description
        self.state: str = version.state

    @property
    def manifest(self) -> Manifest:
        """What lies where."""
        return self.version.manifest

    def download(
        self, root: str | None = None, only: str | None = None, *, references: bool = True
    ) -> str:
        """Write the files below ``root``, or into the cache; see `ArtifactVersion.download`."""
        place = cache_of(self._home, self.digest) if root is None else Path(root)
        return self.version.download(place, only, references=references)


def cache_of(home: Path, digest: str) -> Path:
    """Where an artifact version is kept that was downloaded without a directory."""
    return home / CACHE / ARTIFACTS / digest


def find_artifact(name: str, place: Place) -> FoundArtifact:
    """The version that a name means for a run.

    A version that is named by its whole digest was logged a moment ago; a server that follows the
    journals may need that moment too, and gets up to `SETTLE_S` seconds.

    Args:
        name: ``[entity/][project/]name[:version]``.
        place: where to read, and the project of names without one.

    Raises:
        NotFound: there is none.
        Unavailable: it cannot be read at the moment.
    """
    reader = _reader(place)
    known = _DIGEST.fullmatch(name.rpartition(":")[2]) is not None
    deadline = time.monotonic() + (SETTLE_S if known else 0.0)
    while True:
        try:
            version = reader.artifact(name, place.project, entity=place.entity)
        except NotFound:
            if time.monotonic() >= deadline:
                raise
        else:
            if version.state == "committed" or time.monotonic() >= deadline:
                return FoundArtifact(version, place.home)
        time.sleep(POLL_S)


def find_files(uid: str, place: Place) -> list[RunFile]:
    """All files of a run.

    Raises:
        NotFound: there is no such run.
        Unavailable: it cannot be read at the moment.
    """
    return _reader(place).run(uid).files()


def _reader(place: Place) -> Reader:
    if place.url:
        return Reader(choose_source(place.url, place.api_key))
    return Reader(choose_source(home=place.home))


def find_model(name: str, reader: Reader | None = None) -> str:
    """The local directory of a model, downloaded into the home's cache and checked.

    Args:
        name: ``models:/name/3``, ``models:/name@alias``, ``models:/name/latest``,
            ``runs:/<run>/<artifact or path>``, ``[entity/][project/]name:version``.
        reader: where to look; by default as `epochal.connect` does.

    Raises:
        NotFound: there is none.
        CorruptFile: bytes are not what was stored.
        Unavailable: they cannot be had at the moment.
    """
    reader = reader or connect()
    if name.startswith(_RUNS):
        return _of_run(reader, name.removeprefix(_RUNS).strip("/"))
    if name.startswith(_MODELS):
        return _cached(reader, reader.model(name).artifact)
    return _cached(reader, reader.artifact(name))


def _home_of(reader: Reader) -> Path:
    """The home whose cache is used: the one that is read, or this machine's."""
    return reader.source.home if isinstance(reader.source, HomeSource) else find_home()


def _cached(reader: Reader, version: ArtifactVersion, inner: str = "") -> str:
    place = cache_of(_home_of(reader), version.digest)
    root = version.download(place, inner or None, references=False)
    return os.path.join(root, inner) if inner else root


def _of_run(reader: Reader, rest: str) -> str:
    """What ``runs:/<run>/<rest>`` means: an artifact that the run made, else files of it."""
    run_id, _, path = rest.partition("/")
    if not run_id or not path:
        raise InvalidInput(f"{_RUNS + rest!r} names no model; write runs:/<run id>/<artifact>")
    name, slash, inner = unquote(path.rstrip("/")).partition("/")
    wanted, _, number = name.partition(":")
    path = check_path(f"{wanted}{slash}{inner}")
    run = reader.run(run_id)
    made = run.artifacts()
    for version in made:
        names = {version.row.name, version.row.name.removeprefix(f"run-{run.id}-")}
        if wanted in names and number in ("", LATEST, version.version, *version.aliases):
            return _cached(reader, version, inner)
    if any(file.path == path or file.path.startswith(f"{path}/") for file in run.files()):
        return _cached_files(_home_of(reader), run, path)
    known = ", ".join(sorted({version.row.name for version in made})) or "none"
    raise NotFound(f"run {run.id!r} has no artifact or files {path!r}; its artifacts are {known}")


def _cached_files(home: Path, run: RunBelongings, path: str) -> str:
    chosen = [f for f in run.files() if f.path == path or f.path.startswith(f"{path}/")]
    root = home / CACHE / FILES / run.uid
    download_files(run.source, chosen, root)
    return os.path.join(root, path)
