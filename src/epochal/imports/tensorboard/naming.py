"""Names: of runs from directories, of keys from tags, of a run's files. Pure."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import unicodedata
from typing import Final

from epochal.domain.artifact import check_path
from epochal.domain.names import MAX_NAME, MAX_RUN_ID, clean_key
from epochal.errors import InvalidInput

TEXT_SUFFIX: Final = "/text_summary"
_ODD: Final = re.compile(r"[^0-9A-Za-z_.\-]+")
_COMMON: Final = frozenset(
    {"runs", "logs", "log", "logdir", "tb_logs", "tensorboard", "lightning_logs", "events"}
)
_WRITER: Final = re.compile(r"tfevents\.(\d+)\.(.+?)(?:\.(\d+)\.\d+)?(?:\..*)?$")


def run_id_of(root: str, directory: str) -> str:
    """The id of the run in a directory: readable, and its own for every root and directory.

    Args:
        root: absolute path of the log directory.
        directory: relative to it, ``.`` for itself.
    """
    digest = hashlib.blake2b(f"{root}\0{directory}".encode("utf-8", "surrogatepass"))
    shown = os.path.basename(root) if directory == "." else directory
    slug = _ODD.sub("-", shown).strip("-.") or "run"
    return f"{slug[: MAX_RUN_ID - 9]}-{digest.hexdigest()[:8]}"


def run_name_of(root: str, directory: str) -> str:
    """What people see: the path below the log directory, or that directory's own name."""
    text = (os.path.basename(root) or "root") if directory == "." else directory
    return "".join(c if c.isprintable() else "\ufffd" for c in text)[:MAX_NAME]


def project_of(root: str) -> str:
    """The log directory's name, or its parent's where it is one like ``runs`` or ``logs``."""
    name, parent = os.path.basename(root), os.path.basename(os.path.dirname(root))
    chosen = parent if name.lower() in _COMMON and parent else name
    return "".join(c for c in chosen if c.isprintable()).strip(" .") or "tensorboard"


def writer_of(name: str) -> tuple[str, int]:
    """Host and process that wrote an event file, as far as its name tells."""
    found = _WRITER.search(name)
    return (found[2], int(found[3] or 0)) if found else ("", 0)


@functools.lru_cache(maxsize=4096)
def key_of(tag: str, suffix: str = "") -> str:
    """The series key of a tag; torch's ``/text_summary`` is left out."""
    return clean_key(tag.removesuffix(TEXT_SUFFIX) + (f"/{suffix}" if suffix else ""))[0]


def file_path(*parts: str) -> str:
    """A path for a file of the run out of names that may hold anything."""
    text = unicodedata.normalize("NFC", "/".join(parts))
    clean = [
        re.sub(r"[\\:*?\"<>|\x00-\x1f]", "_", part).strip(". ")[:120] or "_"
        for part in text.split("/")
        if part
    ]
    path = "/".join(clean)
    try:
        return check_path(path)
    except InvalidInput:
        return "tensorboard/" + hashlib.sha256(path.encode("utf-8", "replace")).hexdigest()
