"""A named set of files: put together here, logged with `Run.log_artifact`, then immutable."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, NoReturn

from epochal.client import lazy
from epochal.client.contents import Contents, Source
from epochal.client.plain import to_mapping, to_plain
from epochal.client.reach import FoundArtifact
from epochal.client.tree import check_regular
from epochal.domain.artifact import Entry, Manifest, check_artifact_name, check_path
from epochal.domain.names import check_name
from epochal.errors import InvalidInput, NotFound, RunStateError

MAX_DESCRIPTION = 65_536
Finish = Callable[["Artifact", float], bool]


class ArtifactFile:
    """One path of an artifact.

    Attributes:
        path: in the artifact.
        size: bytes, or None for a reference of unknown size.
        digest: sha256, where it is known.
        ref: the URI of something that lies elsewhere.
    """

    def __init__(self, artifact: Artifact, path: str, what: Source | Entry) -> None:
        self._artifact = artifact
        self.path = path
        local = what.path if isinstance(what, Source) else None
        self._local = local
        self.size = os.path.getsize(local) if local else getattr(what, "size", None)
        self.digest = getattr(what, "digest", None)
        self.ref = getattr(what, "ref", None)

    def download(self, root: str | None = None) -> str:
        """The path of a local copy; of a file that was added in this process, the file itself."""
        if self._local is not None:
            return self._local
        return os.path.join(self._artifact.download(root, self.path), self.path)

    def __repr__(self) -> str:
        return f"<artifact file {self.path!r}>"


class Artifact:
    """A named set of files with versions.

    Args:
        name: letters, digits, ``-``, ``_`` and ``.``; unique in the project.
        type: what it is, such as ``dataset`` or ``model``.
        description: text for people.
        metadata: anything that is JSON.
        incremental: let the version hold what the newest one holds, too; what is added here wins.

    Attributes:
        name: the bare name; after logging with its version where that is known.
        ttl: when to let go of this version, as a ``timedelta`` or seconds from its commit.
        state: ``draft``, ``pending`` (logged, its bytes are on their way), ``committed``,
            ``failed`` or ``discarded`` (logged by a run that records nothing).

    Raises:
        InvalidInput: a name or the metadata cannot be used.

    Example:
        >>> artifact = epochal.Artifact("digits", type="dataset")
        >>> artifact.add_dir("data/")
        >>> run.log_artifact(artifact)
    """

    def __init__(
        self,
        name: str,
        type: str,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        incremental: bool = False,
        **more: Any,
    ) -> None:
        del more
        self.incremental = incremental
        self.base_name = check_artifact_name(name)
        self.type = check_name(type, "artifact type", 128)
        self.description = str(description or "")[:MAX_DESCRIPTION]
        self.metadata: dict[str, Any] = to_plain(to_mapping(metadata, "metadata"))
        self.ttl: Any = None
        self.state = "draft"
        self.aliases: list[str] = []
        self.tags: list[str] = []
        self.source_path: str | None = None
        self.contents = Contents()
        self._found: FoundArtifact | None = None
        self._manifest: Manifest | None = None
        self._finish: Finish | None = None

    def add_file(self, local_path: Any, name: str | None = None, **more: Any) -> ArtifactFile:
        """Add a file; its bytes are read when the artifact is logged.

        Args:
            local_path: a regular file, or a link to one.
            name: its path in the artifact; its own name by default.
            more: accepted for compatibility.

        Raises:
            InvalidInput: it is missing, a directory, a pipe or a device; or the name cannot be.
        """
        del more
        self._need_draft("add_file()")
        source = contents_path(local_path)
        path = os.path.basename(source) if name is None else name
        self.contents.put(path, Source(source))
        return self.get_path(path)

    def add_dir(self, local_path: Any, name: str | None = None, **more: Any) -> None:
        """Add all files below a directory.

        Args:
            local_path: the directory; links in it must not lead out of it.
            name: the directory in the artifact; its top by default.
            more: accepted for compatibility.

        Raises:
            InvalidInput: it is no directory, or something in it cannot be kept.
        """
        del more
        self._need_draft("add_dir()")
        self.contents.put_tree(os.fspath(local_path), name)

    def add(self, obj: Any, name: str, overwrite: bool = False) -> ArtifactFile:
        """Add a value of media, such as a `Table`, as files and a description of them.

        Raises:
            InvalidInput: it is no media, or the name is taken and ``overwrite`` is False.
        """
        self._need_draft("add()")
        if not hasattr(obj, "__epochal_media__"):
            raise InvalidInput(
                f"add() takes media such as Table or Image, got {type(obj).__name__}; "
                "use add_file() for files"
            )
        check_path(name, "the name in the artifact")
        if not overwrite and any(path.startswith(f"{name}.") for path in self.contents.entries):
            raise InvalidInput(f"the artifact has {name!r} already; use overwrite=True")
        return self.get_path(self.contents.put_media(obj.__epochal_media__(), name))

    @contextlib.contextmanager
    def new_file(
        self, name: str, mode: str = "x", encoding: str | None = None
    ) -> Iterator[IO[Any]]:
        """Open a new file of the artifact for writing; it is added when the block ends well.

        Raises:
            InvalidInput: the name cannot be, or is taken and the mode is ``x``.
        """
        self._need_draft("new_file()")
        path = check_path(name, "the name in the artifact")
        if "x" in mode and path in self.contents.entries:
            raise InvalidInput(f"the artifact has {path!r} already; use mode='w' to replace it")
        staged = self.contents.staged()
        with open(staged, mode.replace("x", "w"), encoding=encoding) as file:
            yield file
        self.contents.put(path, Source(staged))

    def add_reference(
        self, uri: Any, name: str | None = None, checksum: bool = True, **more: Any
    ) -> None:
        """Add something that lies elsewhere and stays there.

        Args:
            uri: ``file://`` is read for its digest, every other scheme is kept as text.
            name: its path in the artifact; the last part of the URI by default.
            checksum: False leaves local files unread.
            more: accepted for compatibility.

        Raises:
            InvalidInput: this is no URI, or a local file that cannot be read.
        """
        del more
        self._need_draft("add_reference()")
        self.contents.put_reference(str(uri), name, checksum=checksum)

    def remove(self, item: Any) -> None:
        """Remove a path, or everything below a directory.

        Raises:
            NotFound: there is nothing at it.
        """
        self._need_draft("remove()")
        path = str(getattr(item, "path", item))
        if not self.contents.remove(path):
            raise NotFound(f"the artifact {self.base_name!r} has nothing at {path!r}")

    def get_path(self, name: str) -> ArtifactFile:
        """One file of the artifact.

        Raises:
            NotFound: there is none at this path.
        """
        what = self.contents.entries.get(name)
        if what is None:
            raise NotFound(f"the artifact {self.base_name!r} has no {name!r}")
        return ArtifactFile(self, name, what)

    get_entry = get_path

    def get(self, name: str) -> Any:
        """What `add` was given under a name; see `epochal.client.unpacking`.

        Raises:
            NotFound: nothing was.
        """
        return lazy.load("unpacking").unpack(self, name)

    def files(self) -> list[ArtifactFile]:
        """All files of the artifact, by path."""
        return [
            ArtifactFile(self, path, what) for path, what in sorted(self.contents.entries.items())
        ]

    def download(
        self, root: str | None = None, path_prefix: str | None = None, references: bool = True
    ) -> str:
        """Write the files of a recorded version to a directory; returns the directory.

        Args:
            root: the directory; by default one in the home's cache that is shared by all runs.
            path_prefix: only this path, or what lies below this directory.
            references: fetch what the artifact only refers to from where it lies.

        Raises:
            InvalidInput: a reference cannot be followed.
            RunStateError: the artifact was not recorded.
            NotFound: the version cannot be found.
        """
        return self._need_found("download()").download(root, path_prefix, references=references)

    def wait(self, timeout: float | None = None) -> Artifact:
        """Wait until the version is safe here and, online, on the server; returns the artifact.

        Args:
            timeout: seconds at most; 600 by default.

        Raises:
            RunStateError: it was not logged.
        """
        if self.state == "draft":
            raise RunStateError("wait() comes after log_artifact()")
        if self._finish is not None and self._finish(self, 600.0 if timeout is None else timeout):
            self.state = "committed"
        return self

    def new_draft(self) -> Artifact:
        """A draft with the same content, to be changed and logged as the next version."""
        draft = Artifact(self.base_name, self.type, self.description, self.metadata)
        draft.contents = Contents(self.contents.entries)
        draft.contents.keeps(self.contents)
        return draft

    @property
    def name(self) -> str:
        """See above."""
        number = None if self._found is None else self._found.number
        return self.base_name if number is None else f"{self.base_name}:v{number}"

    @property
    def version(self) -> str:
        """``v0``, ``v1``, ...

        Raises:
            RunStateError: it was not logged, or the store has not numbered it yet.
        """
        return f"v{self._need_found('version').number}"

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        if self._manifest is not None:
            return self._manifest.size
        return sum(file.size or 0 for file in self.files())

    @property
    def file_count(self) -> int:
        """How many paths there are."""
        return len(self.contents.entries)

    @property
    def digest(self) -> str:
        """sha256 of the manifest: equal content has equal digests.

        Raises:
            RunStateError: it was not logged.
        """
        return self.manifest.digest

    @property
    def manifest(self) -> Manifest:
        """What lies where.

        Raises:
            RunStateError: it was not logged.
        """
        if self._manifest is None:
            raise RunStateError("an artifact has a manifest and a digest once it is logged")
        return self._manifest

    def seal(self, manifest: Manifest, finish: Finish | None, state: str) -> None:
        """After logging: nothing changes any more."""
        self._manifest, self._finish, self.state = manifest, finish, state
        self.contents.entries = dict(manifest.entries)

    def adopt(self, found: FoundArtifact) -> Artifact:
        """Take over what the reading side knows."""
        self._found = found
        self.aliases, self.tags = list(found.aliases), list(found.tags)
        self.description, self.metadata = found.description, dict(found.metadata)
        self.seal(found.manifest, self._finish, found.state)
        return self

    @property
    def found(self) -> FoundArtifact | None:
        """What the reading side knows of this version."""
        return self._found

    def __repr__(self) -> str:
        return f"<epochal.Artifact {self.name!r} {self.type!r} {self.state}>"

    def _need_draft(self, what: str) -> None:
        if self.state != "draft":
            raise RunStateError(
                f"{what}: the artifact {self.base_name!r} is logged and does not change any more; "
                "use new_draft() for its next version"
            )

    def _need_found(self, what: str) -> FoundArtifact:
        if self._found is None and self.state != "draft":
            self.wait()
        if self._found is None:
            _refuse(what, self.base_name)
        return self._found


def _refuse(what: str, name: str) -> NoReturn:
    raise RunStateError(
        f"{what}: the artifact {name!r} is not recorded, or its store has not taken it in yet; "
        "log it, and call wait()"
    )


def contents_path(local_path: Any) -> str:
    """The absolute path of a file to add.

    Raises:
        InvalidInput: it is no path, or no regular file.
    """
    if not isinstance(local_path, (str, os.PathLike)):
        raise InvalidInput(f"a path was expected, got {type(local_path).__name__}")
    return check_regular(os.fspath(local_path))
