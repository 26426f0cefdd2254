"""Makes an artifact version from the command line: a short run logs it, as a script would.

It returns when the version can be read back from where it was put.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import msgspec

from epochal.api import ArtifactVersion, connect
from epochal.cli.terminal import stderr
from epochal.client.api import init
from epochal.client.artifact import Artifact
from epochal.client.settings import Settings
from epochal.domain.artifact import check_alias
from epochal.errors import InvalidInput, NotFound, StorageFull, Unavailable

WAIT_S = 60.0
SEND_S = 24 * 3600.0
POLL_S = 0.1
DEFAULT_TYPE = "dataset"


class Given(msgspec.Struct, frozen=True):
    """What the user asked for."""

    path: Path
    name: str | None
    type: str | None
    project: str | None
    aliases: list[str]
    tags: list[str]
    description: str


def put_version(given: Given, home: Path | None, url: str | None) -> ArtifactVersion:
    """Keep a file or directory as a version, and read it back.

    Raises:
        InvalidInput: the path is missing, a name cannot be, or the artifact has another type.
        Conflict: a file changes while it is read.
        StorageFull: the disk has no room.
        Unavailable: the server did not take it in time; it is kept here and can be sent later.
    """
    for alias in given.aliases:
        check_alias(alias)
    artifact = _draft(given, _known_type(given, home, url))
    settings = Settings(
        console=False, system_interval=0, git=False, environment=False, silent=True,
        exit_timeout=SEND_S, home=None if home is None else str(home), url=url,
    )  # fmt: skip
    mode = "offline" if home is not None and url is None else None
    with stderr().status(f"keeping {artifact.base_name}"):
        run = init(
            project=given.project, name=f"put {artifact.base_name}", job_type="artifact",
            mode=mode, settings=settings, reinit="create_new",
        )  # fmt: skip
        try:
            run.log_artifact(artifact, aliases=given.aliases, tags=given.tags)
        finally:
            run.finish(exit_code=0 if artifact.state in ("pending", "committed") else 1)
    if artifact.state not in ("pending", "committed"):
        raise StorageFull(
            f"{given.path} was not kept: see the warning above; free some space and try again"
        )
    name = f"{run.entity}/{run.project}/{artifact.base_name}:{artifact.digest}"
    return _read_back(name, home, url)


def _known_type(given: Given, home: Path | None, url: str | None) -> str | None:
    """The type of an artifact of this name that is there already."""
    name = given.name or os.path.basename(os.path.abspath(given.path))
    try:
        return connect(url, home=home).artifact(name, given.project).type
    except (NotFound, InvalidInput):
        return None


def _draft(given: Given, known: str | None) -> Artifact:
    path = os.path.abspath(os.path.expanduser(given.path))
    if not os.path.exists(path):
        raise InvalidInput(f"there is no {str(given.path)!r}; name a file or a directory")
    name = given.name or os.path.basename(path)
    if None not in (known, given.type) and known != given.type:
        raise InvalidInput(
            f"the artifact {name!r} has the type {known!r}, not {given.type!r}; "
            f"leave --type out, or choose another name"
        )
    artifact = Artifact(name, given.type or known or DEFAULT_TYPE, given.description)
    if os.path.isdir(path):
        artifact.add_dir(path)
    else:
        artifact.add_file(path)
    return artifact


def _read_back(name: str, home: Path | None, url: str | None) -> ArtifactVersion:
    reader = connect(url, home=home)
    deadline = time.monotonic() + WAIT_S
    while True:
        found: ArtifactVersion | None = None
        with contextlib.suppress(NotFound):
            found = reader.artifact(name)
        late = time.monotonic() > deadline
        if found is not None and (late or found.state == "committed"):
            return found
        if late:
            raise Unavailable(
                f"{name} is kept here, but the server does not show it yet; "
                f"`epochal sync` sends what is missing"
            )
        time.sleep(POLL_S)
