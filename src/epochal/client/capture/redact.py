"""Secrets are replaced by ``[redacted]`` before they reach a journal.

Promise: values of keys that name a secret, passwords in URLs, and tokens of well-known shape are
replaced; words that only look alike (``tokenizer``, ``keyframes``, ``pad_token``) are not.
Replacing twice changes nothing. Not promised: a secret without a telling name or a known shape is
not found. All functions are pure.

A key is read as words (``hfToken``, ``HF_TOKEN`` and ``hf-token`` are the words *hf* and *token*).
Words fall in three classes: those that always name a secret, *key*, *token* and the like beside a
word such as *api*, and the same alone. The last are common in training code, so there the value
decides too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

MARK: Final = "[redacted]"

_MAX_DEPTH: Final = 64


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ALWAYS: Final = _set(
    "password passwords passwd passphrase secret secrets credential credentials apikey "
    "authorization accesskey secretkey privatekey authkey accountkey signingkey encryptionkey "
    "masterkey"
)
_ALWAYS_ENDINGS: Final = (
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "accesskey",
    "authtoken",
    "accesstoken",
)
_SOMETIMES: Final = _set("key keys token tokens auth pass pwd cookie jwt bearer sas")
_BESIDE: Final = _set(
    "api access secret private auth refresh session bearer hf huggingface github gitlab wandb "
    "aws openai anthropic azure gcp google slack client deploy encryption signing master "
    "account ssh id user bot personal oauth webhook service storage license csrf jwt comet "
    "neptune mlflow epochal db"
)
_HARMLESS: Final = _set(
    "pad eos bos unk sep cls mask special image start end stop begin prefix suffix eot eom "
    "additional max min num new per total batch seq sequence input output target label text "
    "monitor metric state feature data group cache foreign partition column index dict step "
    "sort sorting primary query value dim size type ids dropout embedding embed length count "
    "limit budget rate error padding head heads name names first last next prev previous rng "
    "random prng map mapping"
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_RUN: Final = re.compile(r"[A-Za-z0-9]{16,}")
_SWITCH: Final = re.compile(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOTHING: Final = re.compile(r"(?:none|null|true|false|nil|undefined|\*+)?", re.IGNORECASE)
_SPECIAL: Final = re.compile(r"<.*>|\[.*\]|\{.*\}|\$\{?\w+\}?", re.DOTALL)
_CODE: Final = re.compile(
    r"(?:[<\[({].*|%\(.*|[A-Za-z_][\w.]*[(\[].*"
    r"|(?:self|args|config|cfg|os|settings|opts|options|params|hparams|request|kwargs|env|flags)\.[\w.]+"
    r"|str|int|float|bool|bytes|any|optional|object)",
    re.IGNORECASE | re.DOTALL,
)


def _words(key: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(key[-256:])]


def _looks_random(value: str) -> bool:
    """Whether the text holds a long run in which letters and digits alternate, or a UUID."""
    if _UUID.search(value):
        return True
    return any(len(_SWITCH.findall(run)) >= 3 for run in _RUN.findall(value))


def _names_secret(words: list[str]) -> bool:
    """Whether the words name a secret whatever the value is."""
    for position, word in enumerate(words):
        if word in _ALWAYS or word.endswith(_ALWAYS_ENDINGS):
            return True
        if word not in _SOMETIMES or not position or words[position - 1] not in _BESIDE:
            continue
        after = words[position + 1] if position + 1 < len(words) else ""
        if after not in _HARMLESS:
            return True
    return False


def _is_secret(key: str, value: str) -> bool:
    """Whether ``value``, found under ``key``, must not be shown."""
    if value == MARK or _NOTHING.fullmatch(value):
        return False
    words = _words(key)
    if _names_secret(words):
        return True
    if _SPECIAL.fullmatch(value) or _SOMETIMES.isdisjoint(words):
        return False
    if not _HARMLESS.isdisjoint(words) or (len(words) == 1 and words[0] in {"key", "keys", "pwd"}):
        return _looks_random(value)
    plain = value.isdigit() or words[-1] in {"keys", "tokens"}
    return _looks_random(value) if plain or not (key.isupper() or len(words) == 1) else True


# ------------------------------------------------------------------------------------------ text
# (what must occur in the lower-cased text, pattern). Sources: the vendors' pages on their token
# formats, 2025.
_SHAPES: Final[tuple[tuple[str, str], ...]] = tuple(
    (hint, rf"(?<![A-Za-z0-9_])(?:{pattern})")
    for hint, pattern in (
        ("akia", r"AKIA[0-9A-Z]{16}"),
        ("asia", r"ASIA[0-9A-Z]{16}"),
        ("gh", r"gh[pousr]_[A-Za-z0-9]{20,255}"),
        ("github_pat_", r"github_pat_[A-Za-z0-9_]{22,255}"),
        ("glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
        ("hf_", r"hf_[A-Za-z0-9]{30,}"),
        ("sk-", r"sk-(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{20,}"),
        ("xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("aiza", r"AIza[0-9A-Za-z_-]{35}"),
        ("ya29.", r"ya29\.[0-9A-Za-z_-]{20,}"),
        ("k_live_", r"[sr]k_live_[0-9a-zA-Z]{16,}"),
        ("k_test_", r"[sr]k_test_[0-9a-zA-Z]{16,}"),
        ("npm_", r"npm_[A-Za-z0-9]{36}"),
        ("pypi-", r"pypi-[A-Za-z0-9_-]{32,}"),
        ("sg.", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
        ("dapi", r"dapi[0-9a-f]{32}"),
        ("r8_", r"r8_[A-Za-z0-9]{30,}"),
        ("dop_v1_", r"dop_v1_[0-9a-f]{64}"),
        ("eyj", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"),
        ("wandb_v1_", r"wandb_v1_[A-Za-z0-9_]{20,}"),
        ("hooks.slack.com", r"https://hooks\.slack\.com/services/[\w/]+"),
        ("/webhooks/", r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w-]+"),
        (":a", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    )
)
_PRIVATE_KEY: Final = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(.*?)(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_USERINFO: Final = re.compile(
    r"(\b[a-zA-Z][a-zA-Z0-9+.-]{0,30}://)([^\s/@?#'\"<>]{1,512})@(?=[\w\[])"
)
_HEADER: Final = re.compile(r"\b((?:bearer|basic)\s+)([A-Za-z0-9._~+/=-]{16,})", re.IGNORECASE)
_SIGNATURE: Final = re.compile(
    r"([?&](?:[\w-]{0,24}signature|sig|[\w-]{0,24}credential)=)([^&\s'\"]+)", re.IGNORECASE
)
_LOGIN: Final = re.compile(r"((?:wandb|epochal) login\s+(?:--\S+\s+)*)([0-9a-f]{32,})")
_FLAG: Final = re.compile(r"(?<![\w-])(--?[A-Za-z][\w.-]{0,79})(\s+)([^\s\"'-][^\s\"']*)")
_ASSIGNMENT: Final = re.compile(
    r"(?<![\w.])(?P<key>[A-Za-z_][\w.-]{0,79})(?P<join>(?:\\?[\"'])?\s{0,4}(?::=|=|:)\s{0,4})"
    r"(?P<value>\\?\"(?:[^\"\\\n]|\\[^\"\n]){1,4096}\\?\"|\\?'(?:[^'\\\n]|\\[^'\n]){1,4096}\\?'"
    r"|(?:(?:Bearer|Basic|Token)[ ]+)?[^\s\"',;&)\]}\\]+)"
)
_TELLING: Final = (
    "key",
    "token",
    "secret",
    "pass",
    "pwd",
    "auth",
    "cred",
    "cookie",
    "jwt",
    "bearer",
    "sas",
)
_QUOTES: Final = ('\\"', "\\'", '"', "'")


def redact_text(text: str) -> str:
    """Replace secrets in free text: a console line, a diff, a git remote, a command.

    Args:
        text: any text, one line or many. Its length costs about 20 ns a character when nothing
            hints at a secret.

    Returns:
        The text with secrets replaced by ``[redacted]``; the same object when there is none. It
        has as many lines as before.
    """
    lowered = text.lower()
    result = text
    if "-----begin " in lowered:
        result = _PRIVATE_KEY.sub(_without_private_key, result)
    if "://" in lowered:
        result = _USERINFO.sub(_without_userinfo, result)
    for hint, pattern in _SHAPES:
        if hint in lowered:
            result = re.sub(pattern, MARK, result)  # re compiles it once, when it is needed
    if "sig" in lowered or "credential" in lowered:
        result = _SIGNATURE.sub(rf"\1{MARK}", result)
    if " login" in lowered:
        result = _LOGIN.sub(rf"\1{MARK}", result)
    if any(word in lowered for word in _TELLING):
        result = _ASSIGNMENT.sub(_without_assigned, result)
        result = _FLAG.sub(_without_flag_value, result)
    if "bearer" in lowered or "basic" in lowered:
        result = _HEADER.sub(rf"\1{MARK}", result)
    return text if result == text else result


def _without_private_key(found: re.Match[str]) -> str:
    begin, body, end = found.groups()
    return begin + MARK + "\n" * body.count("\n") + end


def _without_userinfo(found: re.Match[str]) -> str:
    scheme, user = found.group(1), found.group(2)
    if ":" in user or len(user) >= 20 or _looks_random(user):
        return f"{scheme}{MARK}@" if user != MARK else found.group(0)
    return found.group(0)


def _is_secret_word(key: str, value: str) -> bool:
    """Outside quotes a value may be a piece of code: ``password = getpass()``."""
    return not _CODE.fullmatch(value) and _is_secret_in_text(key, value)


def _without_flag_value(found: re.Match[str]) -> str:
    flag, gap, value = found.groups()
    return f"{flag}{gap}{MARK}" if _is_secret_word(flag, value) else found.group(0)


def _is_secret_in_text(key: str, value: str) -> bool:
    """In prose ``token: x`` is often no secret, so a lone word needs a value that looks random."""
    if _SPECIAL.fullmatch(value) or not _is_secret(key, value):
        return False
    words = _words(key)
    return _names_secret(words) or (key.isupper() and len(words) > 1) or _looks_random(value)


def _without_assigned(found: re.Match[str]) -> str:
    key, join, value = found["key"], found["join"], found["value"]
    if "\n" in join or value.startswith(("=", "//")):
        return found.group(0)
    quote = next((mark for mark in _QUOTES if value.startswith(mark)), "")
    bare = value[len(quote) : len(value) - len(quote)] if quote else value
    is_secret = _is_secret_in_text if quote else _is_secret_word
    return f"{key}{join}{quote}{MARK}{quote}" if is_secret(key, bare) else found.group(0)


# ------------------------------------------------------------------------------------ structures
def redact_mapping(data: Mapping[str, object]) -> dict[str, object]:
    """Replace secrets in nested data, such as a config, by key and by value.

    Args:
        data: nested mappings, lists, tuples and scalars. It is not changed. Numbers, booleans and
            None survive everywhere but under a key that names a secret outright (``password:
            1234``).

    Returns:
        A copy in which mappings are dicts and keys are strings. Data nested deeper than 64 levels,
        cyclic data among it, is replaced by ``[redacted]``.
    """
    return {str(key): _value(str(key), value, 0) for key, value in data.items()}


def _value(key: str, value: object, depth: int) -> object:
    if depth > _MAX_DEPTH:
        return MARK
    if isinstance(value, str):
        return MARK if _is_secret(key, value) else redact_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, bytes | int | float):
        return MARK if value and _names_secret(_words(key)) and not _counts(key) else value
    if isinstance(value, Mapping):
        inner = key if _names_secret(_words(key)) else ""
        return {
            str(name): _value(f"{inner}.{name}" if inner else str(name), item, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_value(key, item, depth + 1) for item in value]
    if type(value) is tuple:
        return tuple(_value(key, item, depth + 1) for item in value)
    return value


def _counts(key: str) -> bool:
    """Whether the key speaks of how many or how large, so that a number under it is no secret."""
    return not _HARMLESS.isdisjoint(_words(key))


def redact_argv(argv: list[str]) -> list[str]:
    """Replace secrets in a command line that is already split into words.

    Args:
        argv: the words, as in ``sys.argv``. ``--password=x``, ``--password x``, ``API_KEY=x``,
            ``model.api_key=x`` and ``--user name:x`` are understood; every other word goes through
            `redact_text`.

    Returns:
        As many words, in the same order.
    """
    result: list[str] = []
    flag = ""
    for word in argv:
        name, joined, value = word.partition("=")
        if flag and not word.startswith("-") and _is_secret_argument(flag, word):
            result.append(MARK)
        elif joined and "://" not in name and _is_secret_argument(name, value):
            result.append(f"{name}={MARK}")
        else:
            result.append(redact_text(word))
        flag = word if word.startswith("-") and not joined else ""
    return result


def _is_secret_argument(flag: str, value: str) -> bool:
    if flag in {"-u", "--user"}:
        return ":" in value and "://" not in value
    return _is_secret(flag.lstrip("-+~"), value)
