"""Logging and using artifact versions.

All or nothing: the record of a version is written after all its blobs and its manifest lie in the
home. The caller waits for the copies, because afterwards its files may change or go; it does not
wait for a sync or a network. A full disk costs one warning and the version, not the training.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from epochal.client import guard, reach
from epochal.client.artifact import Artifact
from epochal.client.contents import Source
from epochal.client.session import Session
from epochal.client.storing import store_files
from epochal.domain.artifact import (
    LATEST,
    MANIFEST_TYPE,
    Manifest,
    check_alias,
    check_artifact_name,
    check_paths,
)
from epochal.domain.names import MAX_TAG, check_name
from epochal.domain.record import ArtifactCommit, ArtifactUse, ModelLink
from epochal.errors import InvalidInput, NotFound, RunStateError, StorageFull
from epochal.journal.blobs import Blobs
from epochal.journal.spool import home_of


def to_artifact(given: Any, name: str | None, type: str | None, run_id: str) -> Artifact:
    """The artifact that a call of `Run.log_artifact` means.

    Raises:
        InvalidInput: a path that is not there, or something else altogether.
    """
    if isinstance(given, Artifact):
        return given
    if not isinstance(given, (str, os.PathLike)):
        raise InvalidInput(f"log_artifact() takes an Artifact or a path, got {type_name(given)}")
    path = os.path.abspath(os.path.expanduser(os.fspath(given)))
    artifact = Artifact(name or f"run-{run_id}-{os.path.basename(path)}", type or "unspecified")
    artifact.source_path = path
    if os.path.isdir(path):
        artifact.add_dir(path)
    else:
        artifact.add_file(path)
    return artifact


def type_name(value: object) -> str:
    """The name of a value's type."""
    return type(value).__name__


def log_artifact(
    session: Session, artifact: Artifact, aliases: Iterable[str] | None, tags: Iterable[str] | None
) -> Artifact:
    """Record a version.

    Raises:
        InvalidInput: an alias or tag cannot be, a file is gone, or the name belongs to an artifact
            of another type.
        Conflict: a file changes while it is read.
        RunStateError: the artifact is logged already, or the run is finished.
        Unavailable: it is incremental, and the version before it cannot be read.
    """
    wanted = _words(aliases, check_alias, "aliases")
    words = _words(tags, lambda tag: check_name(tag, "tag", MAX_TAG), "tags")
    if artifact.state not in ("draft", "failed"):
        raise RunStateError(
            f"the artifact {artifact.base_name!r} is logged already; use new_draft() for its next "
            "version, or link_artifact()"
        )
    if session.finished:
        raise RunStateError("log_artifact() after finish(): start a run first")
    known, _ = session.objects.logged.get(artifact.base_name, (artifact.type, None))
    if known != artifact.type:
        raise _other_type(artifact, known)
    if artifact.incremental and session.request.records:
        _go_on_from_latest(session, artifact)
    check_paths(artifact.contents.entries)
    journal = session.recorder.present()
    if not session.request.records or journal is None or journal.path is None:
        if session.request.records:
            guard.warn_once("artifact in memory", "a run in memory keeps no artifacts")
        artifact.seal(_unhashed(artifact), None, "discarded")
        return artifact
    try:
        commit, manifest = _store(artifact, Blobs(home_of(journal.path)), wanted, words)
        session.objects.keeper.record(journal, commit)
    except (OSError, StorageFull) as error:
        artifact.state = "failed"
        guard.warn_once(
            ("artifact", artifact.base_name),
            f"the artifact {artifact.base_name!r} was not kept: {error}",
        )
        return artifact
    artifact.aliases, artifact.tags = wanted, words
    artifact.seal(manifest, _Waiting(session), "pending")
    session.objects.logged[artifact.base_name] = artifact.type, manifest
    return artifact


def _other_type(artifact: Artifact, known: str) -> InvalidInput:
    return InvalidInput(
        f"the artifact {artifact.base_name!r} has the type {known!r}, and a version of the type "
        f"{artifact.type!r} was logged; choose another name for it"
    )


def _go_on_from_latest(session: Session, artifact: Artifact) -> None:
    """Let an artifact hold what its newest version holds, under what was added to it.

    Raises:
        InvalidInput: the version before has another type.
        Unavailable: it cannot be read at the moment.
    """
    if artifact.base_name in session.objects.logged:
        _, manifest = session.objects.logged[artifact.base_name]
        artifact.contents.entries = {**manifest.entries, **artifact.contents.entries}
        return
    try:
        found = reach.reading().find_artifact(_path_of(session, artifact), session.place())
    except NotFound:
        return  # it is the first
    if found.type != artifact.type:
        raise _other_type(artifact, found.type)
    artifact.contents.entries = {**found.manifest.entries, **artifact.contents.entries}


def _path_of(session: Session, artifact: Artifact) -> str:
    return f"{session.ref.entity}/{session.ref.project}/{artifact.base_name}"


def _store(
    artifact: Artifact, blobs: Blobs, aliases: list[str], tags: list[str]
) -> tuple[ArtifactCommit, Manifest]:
    entries = dict(artifact.contents.entries)
    files = {path: source.path for path, source in artifact.contents.sources()}
    stored = store_files(blobs, files)
    known = {path: e for path, e in entries.items() if not isinstance(e, Source)}
    manifest = Manifest({**known, **stored})
    blob = blobs.put(manifest.encode(), MANIFEST_TYPE, sync=False)
    commit = ArtifactCommit(
        wall_us=time.time_ns() // 1000,
        name=artifact.base_name,
        kind=artifact.type,
        manifest=blob,
        size=manifest.size,
        files=len(manifest.entries),
        aliases=[alias for alias in aliases if alias != LATEST],
        tags=tags,
        metadata=artifact.metadata,
        description=artifact.description,
        ttl_s=_seconds(artifact.ttl),
    )
    return commit, manifest


def _unhashed(artifact: Artifact) -> Manifest:
    """What a run that records nothing makes of an artifact: its references, no files."""
    known = artifact.contents.entries.items()
    return Manifest({path: e for path, e in known if not isinstance(e, Source)})


class _Waiting:
    """What `Artifact.wait` waits for."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, artifact: Artifact, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        if not self._session.finished and not self._session.flush(timeout):
            return False
        left = max(0.0, deadline - time.monotonic())
        if not self._session.upload(left):
            return False
        name = _path_of(self._session, artifact)
        other = artifact.type
        with guard.Shield("asking for the version of an artifact"):
            try:
                reading = reach.reading()
            except RunStateError:
                return True
            try:
                artifact.adopt(
                    reading.find_artifact(f"{name}:{artifact.digest}", self._session.place())
                )
            except NotFound:
                other = reading.find_artifact(name, self._session.place()).type
        if other != artifact.type:
            artifact.state = "failed"
            raise _other_type(artifact, other)
        return True


def use_artifact(session: Session, given: Any, type: str | None, role: str) -> Artifact:
    """Find a version, and note that the run reads it.

    Raises:
        InvalidInput: neither a name nor an artifact, or one of another type.
        NotFound: there is no such version.
        RunStateError: the artifact was not logged.
    """
    if isinstance(given, Artifact):
        artifact = given
        if artifact.state == "draft":
            log_artifact(session, artifact, None, None)
    elif isinstance(given, str):
        found = reach.reading().find_artifact(given, session.place())
        artifact = Artifact(found.path.rpartition("/")[2], found.type).adopt(found)
    else:
        raise InvalidInput(f"use_artifact() takes a name such as 'data:latest', got {given!r:.80}")
    if type is not None and artifact.type != type:
        raise InvalidInput(
            f"the artifact {artifact.name!r} has the type {artifact.type!r}, not {type!r}"
        )
    if artifact.state in ("pending", "committed"):
        number = None if artifact.found is None else artifact.found.number
        path = full_name(session, artifact)
        session.record(ArtifactUse(time.time_ns() // 1000, path, artifact.digest, number, role))
    return artifact


def full_name(session: Session, artifact: Artifact) -> str:
    """``entity/project/name``."""
    if artifact.found is not None:
        return artifact.found.path
    return _path_of(session, artifact)


def link(session: Session, artifact: Artifact, target: str, aliases: Iterable[str] | None) -> None:
    """Make a version of a registered model out of an artifact version.

    Args:
        session: the run that asks for it.
        artifact: logged here or found.
        target: the model's name; what W&B puts before it (entity, registry) is left out.
        aliases: of the model version.

    Raises:
        InvalidInput: the target or an alias cannot be.
    """
    if not isinstance(target, str):
        raise InvalidInput(f"the registered model is named by a string, got {type_name(target)}")
    model = check_artifact_name(target.rstrip("/").rpartition("/")[2].partition(":")[0])
    words = _words(aliases, check_alias, "aliases")
    if artifact.state == "draft":
        log_artifact(session, artifact, None, None)
    if artifact.state not in ("pending", "committed"):
        return
    journal = session.recorder.present()
    record = ModelLink(
        time.time_ns() // 1000,
        model,
        full_name(session, artifact),
        artifact.digest,
        [alias for alias in words if alias != LATEST],
    )
    if journal is not None:
        session.objects.keeper.record(journal, record)


def log_model_path(session: Session, path: Any, name: str | None, aliases: Any) -> Artifact:
    """Log a file or directory as an artifact of the type ``model``.

    Raises:
        InvalidInput: the path is not there.
    """
    artifact = to_artifact(path, name, "model", session.ref.id)
    return log_artifact(session, artifact, aliases, None)


def use_model(session: Session, name: str) -> str:
    """The local path of a model version: its directory, or its file when it is only one.

    Raises:
        NotFound: there is no such version.
        InvalidInput: it is no model.
    """
    artifact = use_artifact(session, name, None, "input")
    if "model" not in artifact.type:
        raise InvalidInput(f"{name!r} has the type {artifact.type!r}; a model was expected")
    root = artifact.download()
    paths = list(artifact.manifest.entries)
    return os.path.join(root, paths[0]) if len(paths) == 1 else root


def _words(given: Any, check: Any, what: str) -> list[str]:
    if given is None:
        return []
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise InvalidInput(f"{what} is a list of strings, got {given!r:.80}")
    return list(dict.fromkeys(check(word) for word in given))


def _seconds(ttl: Any) -> int | None:
    if ttl is None:
        return None
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else float(ttl)
    if not 0 < seconds < 2**53:
        raise InvalidInput(f"ttl is a positive timedelta or number of seconds, got {ttl!r:.80}")
    return int(seconds)
