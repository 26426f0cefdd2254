"""The file that says what the names of stacks, and of their parts, stand for.

``stacks.toml`` in the home is readable and may be edited; ``stacks.secrets.json`` (mode 0600)
holds what nobody should read: settings whose name speaks of a key, token, password or secret. Each
is written whole and renamed into place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.errors import StorageError
from epochal.journal.whole import write_whole

FILE: Final = "stacks.toml"
SECRETS: Final = "stacks.secrets.json"
DEFAULT: Final = "default"
_SECRET: Final = ("key", "token", "password", "secret")


class Stack(msgspec.Struct, frozen=True, omit_defaults=True):
    """A named set.

    Attributes:
        experiment_tracker: name of a registered one, or None.
        orchestrator: where steps run: a registered one, or ``default``, this machine.
        artifact_store: ``default``, or another name that was registered for the home.
    """

    experiment_tracker: str | None = None
    orchestrator: str = DEFAULT
    artifact_store: str = DEFAULT


class Profile(msgspec.Struct, omit_defaults=True):
    """What the file says.

    Attributes:
        active: name of the stack in use.
        experiment_trackers: flavor and settings by name, without secrets.
        artifact_stores: flavor by name; each one is this home.
        orchestrators: flavor and settings by name.
        stacks: by name.
    """

    active: str = DEFAULT
    experiment_trackers: dict[str, dict[str, str]] = {}
    artifact_stores: dict[str, dict[str, str]] = {}
    orchestrators: dict[str, dict[str, str]] = {}
    stacks: dict[str, Stack] = {}


def read_profile(home: Path) -> Profile:
    """The profile of a home; an empty one when there is no file.

    Raises:
        StorageError: the file cannot be read.
    """
    try:
        data = tomllib.loads((home / FILE).read_text(encoding="utf-8"))
        return msgspec.convert(data, Profile)
    except FileNotFoundError:
        return Profile()
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise StorageError(f"{home / FILE} cannot be read: {error}; mend or remove it") from None


def write_profile(home: Path, profile: Profile) -> None:
    """Write the file anew."""
    lines = [f"active = {_quoted(profile.active)}"]
    tables: dict[str, dict[str, dict[str, str]]] = {
        "experiment_trackers": profile.experiment_trackers,
        "artifact_stores": profile.artifact_stores,
        "orchestrators": profile.orchestrators,
        "stacks": {name: msgspec.to_builtins(each) for name, each in profile.stacks.items()},
    }
    for table, rows in tables.items():
        for name, row in rows.items():
            lines += ["", f"[{table}.{_quoted(name)}]"]
            lines += [f"{_quoted(key)} = {_quoted(value)}" for key, value in row.items()]
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(home / FILE, ("\n".join(lines) + "\n").encode())


def is_secret(setting: str) -> bool:
    """Whether a setting is kept out of the readable file, by its name."""
    return any(word in setting.lower() for word in _SECRET)


def read_secrets(home: Path) -> dict[str, dict[str, str]]:
    """The secret settings by the name of their owner.

    Raises:
        StorageError: the file cannot be read.
    """
    try:
        data = (home / SECRETS).read_bytes()
        return msgspec.json.decode(data, type=dict[str, dict[str, str]])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise StorageError(f"{home / SECRETS} cannot be read: {error}; remove it") from None


def write_secrets(home: Path, owner: str, settings: Mapping[str, str]) -> None:
    """Replace the secret settings of one owner; none removes it."""
    before = read_secrets(home)
    after = {name: each for name, each in before.items() if name != owner}
    if settings:
        after[owner] = dict(settings)
    if after != before:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(home / SECRETS, msgspec.json.encode(after))


def _quoted(text: Any) -> str:
    """A basic string of TOML, which is one of JSON."""
    return msgspec.json.encode(str(text)).decode()
