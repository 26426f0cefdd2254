"""The part of a run's face that is about files, artifacts and models."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from epochal.client import guard, lazy
from epochal.domain.artifact import check_path
from epochal.domain.names import run_uid
from epochal.errors import InvalidInput, NotFound, RunStateError

if TYPE_CHECKING:
    from epochal.client.artifact import Artifact
    from epochal.client.session import Session

POLICIES = ("now", "live", "end")


class Belongings:
    """What a run leaves behind besides what it logs."""

    _session: Session

    def save(self, glob_str: Any, base_path: Any = None, policy: str = "live") -> list[str]:
        """Keep files with the run; the snapshots are taken in the background.

        Args:
            glob_str: a path or a pattern with ``*``, ``?`` and ``**``; of a directory all files.
            base_path: the directory from which the paths in the run count; by default the working
                directory, for absolute patterns the directory before the first wildcard.
            policy: ``now``: as they are; ``live``: again whenever they change; ``end``: when the
                run ends.

        Returns:
            The paths in the run.

        Raises:
            InvalidInput: an argument cannot be used, or a file lies outside of the base.
            RunStateError: the run is finished.
        """
        if policy not in POLICIES:
            raise InvalidInput(f"policy is one of {', '.join(POLICIES)}, got {policy!r:.80}")
        if self._session.finished:
            raise RunStateError("save() after finish(): start a run first")
        found: dict[str, str] = lazy.load("files").find(glob_str, base_path)
        if not found:
            guard.warn_once(
                ("save", str(glob_str)), f"save(): there is no file {str(glob_str)!r:.200}"
            )
        elif self._session.request.records:
            self._session.objects.files.save(found, policy)
        return list(found)

    def files(self) -> list[Any]:
        """The files of the run as they are recorded, each with ``path``, ``size``, ``download``.

        Raises:
            Unavailable: they cannot be read at the moment.
        """
        session = self._session
        if not session.finished:
            session.flush(10.0)
        reading = lazy.load("reach").reading()
        return list(reading.find_files(session.ref.uid, session.place()))

    def restore(
        self, name: str, run_path: str | None = None, replace: bool = False, root: Any = None
    ) -> str:
        """Bring back a file of this run, such as one of an earlier process of it.

        Args:
            name: its path in the run.
            run_path: ``[entity/]project/id`` of another run.
            replace: write over a file that is there.
            root: directory to write below; the working directory by default.

        Returns:
            The local path.

        Raises:
            NotFound: the run has no such file.
        """
        session = self._session
        folder = os.getcwd() if root is None else os.fspath(root)
        target = os.path.join(folder, check_path(name))
        if os.path.exists(target) and not replace:
            return target
        reach = lazy.load("reach")
        uid = session.ref.uid if run_path is None else _uid_of(run_path, session)
        for file in reach.reading().find_files(uid, session.place()):
            if file.path == name:
                return str(file.download(folder))
        raise NotFound(f"run {run_path or session.ref.id} has no file {name!r}")

    def log_artifact(
        self,
        artifact_or_path: Any,
        name: str | None = None,
        type: str | None = None,
        aliases: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
    ) -> Artifact:
        """Record a version of an artifact. Its files may change or go when this returns.

        Args:
            artifact_or_path: an `Artifact`, or a file or directory to make one of.
            name: of the artifact, for a path.
            type: of the artifact, for a path.
            aliases: names for this version; ``latest`` follows the newest by itself.
            tags: words to find it by.

        Returns:
            The artifact; ``wait()`` waits until it is committed.

        Raises:
            InvalidInput: a name cannot be, or a file is missing.
            Conflict: a file changes while it is read.
            RunStateError: it is logged already, or the run is finished.
        """
        releases = lazy.load("releases")
        artifact = releases.to_artifact(artifact_or_path, name, type, self._session.ref.id)
        logged: Artifact = releases.log_artifact(self._session, artifact, aliases, tags)
        return logged

    def use_artifact(
        self,
        artifact_or_name: Any,
        type: str | None = None,
        aliases: Any = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Find an artifact version, and note that this run reads it.

        Args:
            artifact_or_name: ``[entity/][project/]name[:version]``, or an artifact.
            type: the type that it must have.
            aliases: accepted for compatibility.
            use_as: what it is to this run; ``input`` by default.

        Raises:
            NotFound: there is no such version.
            InvalidInput: it has another type.
        """
        del aliases
        found: Artifact = lazy.load("releases").use_artifact(
            self._session, artifact_or_name, type, use_as or "input"
        )
        return found

    def log_model(
        self,
        model: Any = None,
        name: str | None = None,
        aliases: Iterable[str] | None = None,
        *,
        path: Any = None,
        **more: Any,
    ) -> Artifact:
        """Record a model as an artifact of the type ``model``.

        Args:
            model: a file or directory, or an object that `epochal.models.save_model` can save.
            name: of the artifact.
            aliases: names for this version.
            path: W&B's name for ``model``.
            more: for an object, arguments of `epochal.models.log_model`, such as ``signature``,
                ``input_example`` and ``registered_model_name``.

        Raises:
            InvalidInput: it cannot be saved.
        """
        given = path if model is None else model
        logged: Artifact
        if not isinstance(given, (str, os.PathLike)):
            title = name or f"run-{self._session.ref.id}-model"
            saving = lazy.load("reach").saving()
            logged = saving.log_model(given, title, run=self, aliases=aliases, **more)
        elif more:
            raise InvalidInput(f"log_model() of a path takes no {', '.join(sorted(more))}")
        else:
            logged = lazy.load("releases").log_model_path(self._session, given, name, aliases)
        return logged

    def use_model(self, name: str) -> str:
        """The local path of a model version, which this run reads; see `use_artifact`."""
        return str(lazy.load("releases").use_model(self._session, name))

    def link_artifact(
        self, artifact: Artifact, target_path: str, aliases: Iterable[str] | None = None
    ) -> Artifact:
        """Make a version of a registered model out of an artifact version.

        Args:
            artifact: one that was logged or found.
            target_path: the model's name.
            aliases: names for the model version.
        """
        lazy.load("releases").link(self._session, artifact, target_path, aliases)
        return artifact

    def link_model(
        self,
        path: Any,
        registered_model_name: str,
        name: str | None = None,
        aliases: Iterable[str] | None = None,
    ) -> Artifact:
        """`log_model` and `link_artifact` in one."""
        artifact = self.log_model(path, name)
        return self.link_artifact(artifact, registered_model_name, aliases)


def _uid_of(run_path: str, session: Session) -> str:
    """The uid that ``[entity/]project/id`` means."""
    *owners, run_id = run_path.strip("/").split("/")
    if not 1 <= len(owners) <= 2:
        raise InvalidInput(f"run_path looks like project/id, got {run_path!r:.120}")
    entity = owners[0] if len(owners) == 2 else session.ref.entity
    return run_uid(entity, owners[-1], run_id)
