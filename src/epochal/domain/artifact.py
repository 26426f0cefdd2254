"""What an artifact may be called, and what its manifest says.

A manifest's canonical JSON depends on nothing but its entries, so equal content has equal digests
on every machine. Its paths are relative, POSIX and in NFC, and can be written below any directory
of any file system without leaving it or meeting each other.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

from epochal.domain.names import DEFAULT_ENTITY, MAX_NAME, check_name
from epochal.errors import InvalidInput

LATEST = "latest"
MAX_PATH = 1024
MAX_PART = 255
MAX_ENTRIES = 1_000_000
MANIFEST_TYPE = "application/vnd.epochal.manifest+json"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{8,64}")
_NUMBER = re.compile(r"v(\d{1,9})")
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One path of a manifest: a blob, or a reference to something that lies elsewhere.

    Attributes:
        digest: sha256 of the bytes, 64 hex digits; of a reference only when it is known.
        size: bytes.
        ref: URI of something that is not stored here; never opened by a server.
        etag: version of the reference, as its host calls it.
        extra: whatever a foreign client noted of the entry.
    """

    digest: str | None = None
    size: int | None = None
    ref: str | None = None
    etag: str | None = None
    extra: dict[str, Any] | None = None


class Manifest(msgspec.Struct, frozen=True):
    """Which bytes lie at which path of an artifact version."""

    entries: dict[str, Entry]
    format: int = 1

    @property
    def size(self) -> int:
        """Bytes of all entries whose size is known."""
        return sum(entry.size or 0 for entry in self.entries.values())

    def digests(self) -> dict[str, int]:
        """The blobs that belong to the version: digest to size in bytes."""
        return {
            entry.digest: entry.size or 0
            for entry in self.entries.values()
            if entry.ref is None and entry.digest is not None
        }

    @property
    def digest(self) -> str:
        """sha256 of its canonical JSON: the digest of the version."""
        return hashlib.sha256(self.encode()).hexdigest()

    def encode(self) -> bytes:
        """Canonical JSON: sorted, without white space."""
        return msgspec.json.encode(self, order="sorted")


def read_manifest(data: bytes) -> Manifest:
    """Read and check a manifest.

    Raises:
        InvalidInput: it is no manifest, or a path or digest in it cannot be.
    """
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"this is no artifact manifest: {error}") from None
    if manifest.format != 1:
        raise InvalidInput(
            f"the manifest has format {manifest.format}, this Epochal reads 1; upgrade Epochal"
        )
    check_paths(manifest.entries)
    for path, entry in manifest.entries.items():
        if entry.ref is None and (entry.digest is None or entry.size is None):
            raise InvalidInput(f"the manifest's entry {path!r} has neither a blob nor a reference")
        if entry.digest is not None and entry.ref is None:
            check_digest(entry.digest)
    return manifest


def check_digest(value: object) -> str:
    """Validate a sha256 in 64 lower-case hex digits; it is safe as a file name."""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise InvalidInput(f"a digest is 64 lower-case hex digits, got {value!r:.80}")
    return value


def digest_of(data: bytes) -> str:
    """The digest of bytes."""
    return hashlib.sha256(data).hexdigest()


def check_path(value: object, what: str = "path") -> str:
    r"""Validate a relative path of an artifact or a run's file, and return it in NFC.

    Raises:
        InvalidInput: it is no string, empty, absolute, too long, or a part of it is ``..``,
            ``.``, empty, longer than 255 bytes, a Windows device, or has a control or
            direction-changing character, ``\`` or ``:``.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be a string, got {type(value).__name__}")
    text = unicodedata.normalize("NFC", value)
    if not text or len(text.encode("utf-8", "surrogatepass")) > MAX_PATH:
        raise InvalidInput(f"{what} must have 1 to {MAX_PATH} bytes, got {text[:40]!r}")
    for part in text.split("/"):
        problem = _part_problem(part)
        if problem:
            raise InvalidInput(
                f"{what} {text[:120]!r} {problem}; give a relative path such as 'dir/file.txt'"
            )
    return text


def _part_problem(part: str) -> str | None:
    if not part:
        return "is absolute or has an empty part"
    if not part.strip(".; "):
        return f"has the part {part!r}"
    if len(part.encode("utf-8", "surrogatepass")) > MAX_PART:
        return f"has a part of more than {MAX_PART} bytes"
    if set(part) & set('\\:<>"|?*') or part[-1] in ". ":
        return f"has a character that not every file system takes in {part[:80]!r}"
    plain = part.isascii() and part.isprintable()
    if not plain and any(unicodedata.category(c) in _REFUSED or c in _BIDI for c in part):
        return "has a control, surrogate or direction-changing character"
    if _DEVICES.fullmatch(part):
        return f"has {part!r}, which is a device on Windows"
    return None


def check_paths(paths: Mapping[str, Any]) -> None:
    """Validate all paths of a manifest, and that no two of them collide.

    Raises:
        InvalidInput: a path cannot be, two are equal but for case or normalization, or one is
            a directory of another.
    """
    if len(paths) > MAX_ENTRIES:
        raise InvalidInput(f"an artifact has at most {MAX_ENTRIES:,} files, got {len(paths):,}")
    folded: dict[str, str] = {}
    for path in paths:
        clean = check_path(path)
        if clean != path:
            raise InvalidInput(f"path {path!r} is not in Unicode NFC")
        known = folded.setdefault(path.casefold(), path)
        if known != path:
            raise InvalidInput(
                f"paths {known!r} and {path!r} differ only in case and would overwrite each other "
                "on some machines; rename one"
            )
    for path, given in folded.items():
        parent = path.rpartition("/")[0]
        while parent:
            if parent in folded:
                raise InvalidInput(
                    f"{folded[parent]!r} is a file and a directory of {given!r} at once"
                )
            parent = parent.rpartition("/")[0]


def check_artifact_name(value: object) -> str:
    r"""Validate the bare name of an artifact: a name without ``/ \ : @ ? # %``."""
    text = check_name(value, "artifact name", 128)
    bad = sorted(set(text) & set("/\\:@?#%"))
    if bad:
        raise InvalidInput(
            f"artifact name {text!r} has {' '.join(bad)}; use letters, digits, '-', '_' and '.'"
        )
    return text


def check_alias(value: object) -> str:
    """Validate an alias: a name without ``/`` and ``:`` that does not read like a version."""
    text = check_name(value, "alias", 128)
    if set(text) & set("/:@\\"):
        raise InvalidInput(f"alias {text!r} has one of / : @ \\; use letters, digits, '-' and '_'")
    if _NUMBER.fullmatch(text):
        raise InvalidInput(f"alias {text!r} reads like a version number; choose a word")
    return text


class ArtifactRef(msgspec.Struct, frozen=True):
    """``[entity/][project/]name[:version]``, taken apart.

    Either ``number`` or ``alias`` is set. An alias that nobody gave may still be the beginning of
    a digest, see `is_digest_prefix`.
    """

    entity: str
    project: str
    name: str
    number: int | None = None
    alias: str | None = None

    @property
    def path(self) -> str:
        """``entity/project/name``."""
        return f"{self.entity}/{self.project}/{self.name}"


def split_path(path: str) -> tuple[str, str, str]:
    """Entity, project and name of ``entity/project/name``; only the project may hold a ``/``.

    Raises:
        InvalidInput: it is no such path.
    """
    entity, slash, rest = path.partition("/")
    project, inner, name = rest.rpartition("/")
    if not (slash and inner and entity and project and name):
        raise InvalidInput(f"an artifact's path is entity/project/name, got {path!r:.200}")
    return entity, project, name


def read_reference(text: object, project: str, entity: str = DEFAULT_ENTITY) -> ArtifactRef:
    """Take an artifact's name apart.

    Args:
        text: ``name``, ``name:alias``, ``name:v3``, ``project/name:latest``,
            ``entity/project/name:digest``. A project that has a ``/`` in its name needs the entity
            before it.
        project: the project when the text names none.
        entity: the entity when the text names none.

    Raises:
        InvalidInput: it cannot be read.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"an artifact is named by a string, got {type(text).__name__}")
    *owners, last = text.split("/")
    name, colon, version = last.partition(":")
    if colon and not version:
        raise InvalidInput(f"artifact {text!r} ends in ':'; add an alias such as 'latest' or 'v0'")
    if len(owners) == 1:
        project = check_name(owners[0], "project name", MAX_NAME)
    if len(owners) > 1:
        entity = check_name(owners[0], "entity", MAX_NAME)
        project = check_name("/".join(owners[1:]), "project name", MAX_NAME)
    number = _NUMBER.fullmatch(version)
    return ArtifactRef(
        entity=entity,
        project=project,
        name=check_artifact_name(name),
        number=int(number[1]) if number else None,
        alias=None if number else (version or LATEST),
    )


class ModelRef(msgspec.Struct, frozen=True):
    """``[models:/]name/3``, ``name@alias`` or ``name/latest``, taken apart."""

    name: str
    version: int | str
    """A number, an alias or ``latest``."""


def read_model_reference(text: object) -> ModelRef:
    """Take the name of a model version apart; without a version it means ``latest``.

    Raises:
        InvalidInput: it cannot be read.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"a model is named by a string, got {type(text).__name__}")
    bare = text.removeprefix("models:").lstrip("/") if text.startswith("models:") else text
    name, at, alias = bare.partition("@")
    if at:
        return ModelRef(check_artifact_name(name), check_alias(alias))
    name, slash, version = bare.partition("/")
    if slash and version.isascii() and version.isdigit() and len(version) <= 9:
        return ModelRef(check_artifact_name(name), int(version))
    if slash and version != LATEST:
        raise InvalidInput(
            f"model {text!r:.200} cannot be read; write models:/name/3, models:/name@alias "
            f"or models:/name/latest"
        )
    return ModelRef(check_artifact_name(name), LATEST)


def is_digest_prefix(text: str) -> bool:
    """Whether an alias may also be the beginning of a digest."""
    return _PREFIX.fullmatch(text) is not None
