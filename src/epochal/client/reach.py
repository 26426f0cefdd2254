"""The port through which the training side reads: artifacts and files that were recorded before.

`epochal.client` imports neither the reading API nor the models. Whoever puts the package together
(``epochal/__init__.py``) fills the port with functions that open them when they are first used.
What is asked of them stands here and in docs/internals/objects.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from epochal.domain.artifact import Manifest
from epochal.errors import RunStateError


class Place(msgspec.Struct, frozen=True):
    """Where to read: the server that the run is sent to, else the home.

    Attributes:
        home: where this process records.
        entity: whose project.
        project: the project that names without one mean.
        url: the server, or None to read the home.
        api_key: credential for ``url``.
    """

    home: Path
    entity: str
    project: str
    url: str | None = None
    api_key: str | None = None


class FoundArtifact(Protocol):
    """A recorded version of an artifact."""

    path: str
    """``entity/project/name``."""
    type: str
    number: int
    digest: str
    aliases: list[str]
    tags: list[str]
    metadata: dict[str, Any]
    description: str
    state: str
    """``committed``, or ``pending`` while bytes are on their way."""
    manifest: Manifest

    def download(
        self, root: str | None = None, only: str | None = None, *, references: bool = True
    ) -> str:
        """Write the files below ``root``, checked by digest.

        Args:
            root: a directory; by default one under the home's cache that others share.
            only: a path of the manifest, or a directory in it; everything by default.
            references: follow those, too.

        Returns:
            The directory.
        """


class FoundFile(Protocol):
    """A file of a run."""

    path: str
    size: int

    def download(self, root: str) -> str:
        """Write the file to ``root`` joined with its path, and return that."""


class Reading(Protocol):
    """The module ``epochal.api.reading`` as seen from here."""

    def find_artifact(self, name: str, place: Place) -> FoundArtifact:
        """The version that a name such as ``data:latest`` means.

        Raises:
            NotFound: there is none.
            Unavailable: it cannot be read at the moment.
        """

    def find_files(self, uid: str, place: Place) -> list[FoundFile]:
        """All files of a run.

        Raises:
            NotFound: there is no such run.
            Unavailable: it cannot be read at the moment.
        """

    def find_model(self, name: str) -> str:
        """The local directory of the model that a name such as ``models:/name@alias`` means.

        Raises:
            NotFound: there is none.
            Unavailable: it cannot be had at the moment.
        """


class Saving(Protocol):
    """The module ``epochal.models.log`` as seen from here."""

    def log_model(self, model: Any, name: str, **more: Any) -> Any:
        """Save a model object, check it, and log it with ``run`` as an artifact."""


class Syncing(Protocol):
    """The module ``epochal.integrations.tensorboard`` as seen from here."""

    def follow(self, session: Any) -> None:
        """Record what event files of this process say, until the session ends."""


_openers: dict[str, Callable[[], Any]] = {}


def fill(
    *, reading: Callable[[], Any], saving: Callable[[], Any], syncing: Callable[[], Any]
) -> None:
    """Tell how to open what reads, what saves models, and what follows event files."""
    _openers["reading"] = reading
    _openers["saving"] = saving
    _openers["syncing"] = syncing


def reading() -> Reading:
    """The reading side.

    Raises:
        RunStateError: nothing reads here.
    """
    opened: Reading = _open("reading", "reading artifacts and files")
    return opened


def saving() -> Saving:
    """What saves models.

    Raises:
        RunStateError: nothing saves models here.
    """
    opened: Saving = _open("saving", "saving models")
    return opened


def syncing() -> Syncing:
    """What follows event files.

    Raises:
        RunStateError: nothing follows them here.
    """
    opened: Syncing = _open("syncing", "following event files")
    return opened


def _open(name: str, what: str) -> Any:
    try:
        return _openers[name]()
    except (KeyError, ImportError) as error:
        raise RunStateError(f"{what} is not possible in this installation: {error}") from error
