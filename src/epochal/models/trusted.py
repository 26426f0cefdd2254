"""The models that this user trusts to run code, by digest.

Promises: the list lies in the user's own ``~/.epochal``, never in a home that was found beside a
project, so that nobody's repository brings its own trust along; it is read only when it belongs to
this user and nobody else can write it; what stands on it is trusted byte for byte, under any name.
"""

from __future__ import annotations

import os
import re
import stat
import time
from pathlib import Path

import msgspec

from epochal.errors import InvalidInput
from epochal.journal.whole import write_whole

FILE = "trusted.json"
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class Trusted(msgspec.Struct, frozen=True):
    """A model on the list: digest, why, and since when."""

    digest: str
    note: str = ""
    since_us: int = 0


def read_digest(text: str) -> str:
    """The digest that ``sha256:<64 hex digits>`` names.

    Raises:
        InvalidInput: it is none.
    """
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise InvalidInput(f"a model's digest is 'sha256:' and 64 hex digits, got {text!r:.80}")
    return match[1]


def trusted_models() -> list[Trusted]:
    """The list, oldest first.

    Raises:
        InvalidInput: it cannot be read, or others can write it.
    """
    place = _place()
    try:
        facts = place.stat()
        if hasattr(os, "getuid") and facts.st_uid != os.getuid():
            raise InvalidInput(f"{place} belongs to another user; remove it")
        if stat.S_IMODE(facts.st_mode) & 0o022:
            raise InvalidInput(f"others can write {place}; look at it, then: chmod 600 {place}")
        return msgspec.json.decode(place.read_bytes(), type=list[Trusted])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        raise InvalidInput(f"{place} cannot be read: {error}") from error


def is_trusted(digest: str) -> bool:
    """Whether a model stands on the list.

    Raises:
        InvalidInput: the list cannot be read, or others can write it.
    """
    return any(one.digest == digest for one in trusted_models())


def trust_model(digest: str, note: str = "") -> Trusted:
    """Let a model run its code from now on, whenever this user loads it.

    Args:
        digest: ``sha256:<64 hex digits>``, as the error of `load_model` tells it.
        note: why, for people.

    Raises:
        InvalidInput: this is no digest, or the list cannot be used.
    """
    added = Trusted(read_digest(digest), note, time.time_ns() // 1000)
    others = [one for one in trusted_models() if one.digest != added.digest]
    _write([*others, added])
    return added


def withdraw_trust(digest: str) -> bool:
    """Take a model from the list; whether it stood there.

    Raises:
        InvalidInput: this is no digest, or the list cannot be used.
    """
    gone = read_digest(digest)
    before = trusted_models()
    after = [one for one in before if one.digest != gone]
    if len(after) == len(before):
        return False
    _write(after)
    return True


def _place() -> Path:
    return Path.home() / ".epochal" / FILE


def _write(models: list[Trusted]) -> None:
    place = _place()
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(place, msgspec.json.format(msgspec.json.encode(models)))
    except OSError as error:
        raise InvalidInput(f"{place} cannot be written: {error.strerror or error}") from error
