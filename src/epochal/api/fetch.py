"""One content at a time: into memory, or into one file. Bytes are checked before they are given.

For many files, and for large ones that shall resume, see `epochal.api.download`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from epochal.api.content import Content
from epochal.api.download import Item, download
from epochal.api.question import Source
from epochal.errors import CorruptFile, InvalidInput


def fetch_bytes(source: Source, content: Content) -> bytes:
    """All bytes of a content.

    Raises:
        NotFound: they are on their way.
        CorruptFile: they do not have their digest.
        Unavailable: the server does not answer.
    """
    data = bytearray(content.size)
    view = memoryview(data)
    size = 0
    with source.opener() as open_content, open_content(content, 0) as stream:
        while size < len(view) and (got := stream.readinto(view[size:])):
            size += got
        longer = bool(stream.readinto(memoryview(bytearray(1))))
    if longer or size != content.size or hashlib.sha256(data).hexdigest() != content.digest:
        raise CorruptFile(content.name, f"its bytes do not have the digest {content.digest}")
    return bytes(data)


def fetch_to(source: Source, target: Path, given: Content | bytes) -> str:
    """Write a content, or bytes that are there already, to a file that appears whole.

    Returns:
        Its path.

    Raises:
        NotFound: the bytes are on their way.
        InvalidInput: the file cannot be written.
    """
    target = Path(os.path.abspath(target))
    if not target.parent.is_dir():
        raise InvalidInput(f"there is no directory {target.parent}; make it first")
    if isinstance(given, Content):
        download(source, [Item(target.name, given)], target.parent)
        return str(target)
    part = target.with_name(f".{target.name[:100]}.{os.getpid()}.part")
    try:
        part.write_bytes(given)
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InvalidInput(f"{target} cannot be written: {error.strerror or error}") from error
    return str(target)
