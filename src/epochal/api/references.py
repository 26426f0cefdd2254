"""Files that an artifact only refers to, fetched from where they lie.

Promises: only the process that downloads ever opens a reference, the server never does; ``file``,
``http`` and ``https`` are followed with the standard library, object stores where fsspec and its
part for them are installed, nothing else is; no credential of Epochal travels along; a file
appears only when it has the size and digest that were recorded, as far as they were.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from epochal.api.download import BUFFER, PART, digest_of_file, make_folders
from epochal.errors import CorruptFile, InvalidInput, Unavailable
from epochal.journal.blobs import open_regular

TIMEOUT_SECONDS = 60.0
WEB = frozenset({"http", "https"})
STORES = {
    "s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs",
    "hf": "huggingface_hub",
}  # fmt: skip
"""Schemes that fsspec knows, and the package that it needs for each."""


class Reference(msgspec.Struct, frozen=True):
    """A path of an artifact whose bytes lie elsewhere."""

    path: str
    uri: str
    size: int | None
    digest: str | None


def fetch_references(references: Sequence[Reference], root: Path) -> None:
    """Write what is referred to below a directory; what is right there already is left alone.

    Raises:
        InvalidInput: a scheme that cannot be followed; nothing was fetched then. Or the directory
            cannot be written.
        Unavailable: what is referred to cannot be read.
        CorruptFile: it is not what it was when it was added.
    """
    for one in references:
        _check(one)
    make_folders(root, [one.path for one in references])
    for one in references:
        target = root / one.path
        if one.digest and target.is_file() and digest_of_file(target) == one.digest:
            continue
        try:
            _fetch(one, target)
        except OSError as error:
            raise InvalidInput(f"{target} cannot be written: {error}") from error


def _check(one: Reference) -> None:
    parts = urlsplit(one.uri)
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        raise InvalidInput(
            f"{one.path!r} refers to {one.uri!r}, a file of another machine; copy it from there, "
            f"or leave references out with references=False"
        )
    if parts.scheme in {"file", *WEB}:
        return
    package = STORES.get(parts.scheme)
    if package is None:
        raise InvalidInput(
            f"{one.path!r} refers to {one.uri!r}, which Epochal does not follow; fetch it by "
            f"other means, and leave references out with references=False"
        )
    try:
        importlib.import_module("fsspec")
        importlib.import_module(package)
    except ImportError:
        raise InvalidInput(
            f"{one.path!r} refers to {one.uri!r}; `pip install {package}` to follow it, or leave "
            f"references out with references=False"
        ) from None


def _fetch(one: Reference, target: Path) -> None:
    """Write one file, whole or not at all."""
    name = hashlib.sha256(one.path.encode()).hexdigest()[:16]
    part = target.with_name(f".{name}-{os.getpid()}-{os.urandom(4).hex()}{PART}")
    hashing, size = hashlib.sha256(), 0
    try:
        with part.open("xb") as file, _open(one) as stream:
            while piece := _read(one, stream):
                hashing.update(piece)
                size += len(piece)
                file.write(piece)
        wrong = one.size not in (None, size) or one.digest not in (None, hashing.hexdigest())
        if wrong:
            raise CorruptFile(
                one.uri, f"it changed since it was added to the artifact as {one.path!r}"
            )
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _open(one: Reference) -> Iterator[Any]:
    parts = urlsplit(one.uri)
    try:
        if parts.scheme == "file":
            stream: Any = open_regular(Path(unquote(parts.path)))
        elif parts.scheme in WEB:
            asked = urllib.request.Request(one.uri, headers={"User-Agent": "epochal"})  # noqa: S310 - checked above
            stream = urllib.request.urlopen(asked, timeout=TIMEOUT_SECONDS)  # noqa: S310
        else:
            stream = importlib.import_module("fsspec").open(one.uri, "rb").open()
    except Exception as error:
        raise _unreachable(one, error) from error
    try:
        with stream as opened:
            yield opened
    except InvalidInput as error:
        raise _unreachable(one, error) from error


def _read(one: Reference, stream: Any) -> bytes:
    try:
        return bytes(stream.read(BUFFER))
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(one, error) from error


def _unreachable(one: Reference, error: Exception) -> Unavailable:
    return Unavailable(
        f"{one.path!r} refers to {one.uri!r}, which cannot be read ({error}); try again, or leave "
        f"references out with references=False"
    )
