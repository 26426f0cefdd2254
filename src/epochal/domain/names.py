"""What a project, run, key or tag may be called, and how long it may be.

User strings are data, never file paths: a run's directory is named after ``run_uid``, a digest
that every process
can compute from (entity, project, id) without asking anyone.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata

from epochal.errors import InvalidInput

MAX_KEY = 1024
MAX_NAME = 256
MAX_RUN_ID = 128
MAX_TAG = 256
MAX_TEXT = 65_536
DEFAULT_ENTITY = "local"
DEFAULT_PROJECT = "uncategorized"
SYSTEM_PREFIX = "system/"

_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_UID = re.compile(r"[0-9a-f]{32}")
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_name(value: object, what: str, limit: int = MAX_NAME) -> str:
    """Validate a human-chosen name and return it in Unicode NFC.

    Args:
        value: the name as given.
        what: how the message calls it, such as ``"project name"``.
        limit: largest number of characters.

    Returns:
        The name, stripped of surrounding white space, in NFC.

    Raises:
        InvalidInput: it is no string, empty, too long, ``.`` or ``..``, or holds control,
            surrogate or direction-changing characters.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be a string, got {type(value).__name__}: {value!r:.80}")
    text = unicodedata.normalize("NFC", value).strip()
    if not text:
        raise InvalidInput(f"{what} is empty; give at least one visible character")
    if len(text) > limit:
        raise InvalidInput(
            f"{what} has {len(text)} characters, the limit is {limit}: {text[:40]!r}..."
        )

    if text in {".", ".."}:
        raise InvalidInput(f"{what} {text!r} cannot stand in an address; use another one")
    for index, character in enumerate(text):
        if unicodedata.category(character) in _REFUSED_CATEGORIES or character in _BIDI:
            raise InvalidInput(
                f"{what} has the control character U+{ord(character):04X} at position {index}: "
                f"{text[:80]!r}; use printable characters"
            )
    return text


def check_run_id(value: object) -> str:
    r"""Validate a run id chosen by a user: a name without ``/ \ # ? % :``, at most 128 long."""
    text = check_name(value, "run id", MAX_RUN_ID)
    bad = sorted(set(text) & set("/\\#?%:"))
    if bad:
        raise InvalidInput(
            f"run id {text!r} has {' '.join(bad)}; use letters, digits, '-', '_' and '.'"
        )
    return text


def check_uid(value: str, what: str = "run uid") -> str:
    """Validate 32 lower-case hex digits; they are safe as a file name."""
    if not _UID.fullmatch(value):
        raise InvalidInput(f"{what} must be 32 lower-case hex digits, got {value[:80]!r}")
    return value


def clean_key(value: object) -> tuple[str, str | None]:
    """Make a series key out of anything, never raising: what ``log()`` needs.

    Args:
        value: the key as the user gave it.

    Returns:
        The usable key, and one sentence on what was changed, or None when nothing was.
    """
    text, problem = (value, None) if isinstance(value, str) else _key_from(value)
    if len(text) > MAX_KEY:
        problem = f"key {text[:40]!r}... has {len(text)} characters; it is cut to {MAX_KEY}"
        text = text[:MAX_KEY]
    cleaned = "".join(
        "\ufffd" if c in _BIDI or unicodedata.category(c) in _REFUSED_CATEGORIES else c
        for c in text
    )
    if cleaned != text:
        problem = f"key {text[:80]!r} has control characters; they are replaced by U+FFFD"
        text = cleaned
    if not text:
        return "(empty)", "an empty key is stored as '(empty)'"
    return text, problem


def _key_from(value: object) -> tuple[str, str]:
    """A key for what is no string, and the sentence about it; also when its ``str`` raises."""
    kind = type(value).__name__
    try:
        text, shown = str(value), repr(value)[:80]
    except Exception:  # noqa: BLE001 - code of the user
        text = shown = f"<{kind}>"
    return text, f"key {shown} is no string; it is stored as {text[:80]!r}"


def new_run_id() -> str:
    """Eight characters of base 36, 41 bits of randomness."""
    number = int.from_bytes(os.urandom(16), "little")
    return "".join(_ID_ALPHABET[number // 36**place % 36] for place in range(8))


def new_uid() -> str:
    """A fresh writer id: 32 hex digits."""
    return os.urandom(16).hex()


def run_uid(entity: str, project: str, run_id: str) -> str:
    """The 32 hex digits that name a run everywhere on disk and on the wire.

    It depends on nothing but its arguments, so ranks, resumed processes and other machines agree
    on it
    without talking to each other.
    """
    text = f"{entity}\0{project}\0{run_id}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16, person=b"epochal-run").hexdigest()
