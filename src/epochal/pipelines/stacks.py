"""Named trackers, stores and stacks: one readable file in the home, with secrets kept out of it.

``stacks.toml`` holds what each name stands for, ``stacks.secrets.json`` (mode 0600) what nobody
should read: settings whose name speaks of a key, token, password or secret.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.domain.names import check_name
from epochal.errors import Conflict, InvalidInput, NotFound, StorageError
from epochal.journal.whole import write_whole

FILE: Final = "stacks.toml"
SECRETS: Final = "stacks.secrets.json"
FLAVORS: Final = ("epochal", "mlflow", "tensorboard", "wandb")
_SECRET: Final = ("key", "token", "password", "secret")


class Stack(msgspec.Struct, omit_defaults=True):
    """A named set. Only the tracker has a choice; outputs lie in the home, steps run here.

    Attributes:
        experiment_tracker: name of a registered one, or None.
        orchestrator: ``default``.
        artifact_store: ``default``, or another name that was registered for the home.
    """

    experiment_tracker: str | None = None
    orchestrator: str = "default"
    artifact_store: str = "default"


class Profile(msgspec.Struct, omit_defaults=True):
    """What the file says.

    Attributes:
        active: name of the stack in use.
        experiment_trackers: flavor and settings by name, without secrets.
        artifact_stores: flavor by name; each one is this home.
        stacks: by name.
    """

    active: str = "default"
    experiment_trackers: dict[str, dict[str, str]] = {}
    artifact_stores: dict[str, dict[str, str]] = {}
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
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise StorageError(f"{home / FILE} cannot be read: {error}; mend or remove it") from None


def register_tracker(home: Path, name: str, flavor: str, settings: Mapping[str, str]) -> None:
    """Give a tracker a name.

    Raises:
        InvalidInput: there is no such flavor, or the name cannot be.
        Conflict: the name is taken.
    """
    check_name(name, "tracker name", 128)
    if flavor not in FLAVORS:
        raise InvalidInput(f"a tracker has the flavor {', '.join(FLAVORS)}, got {flavor!r}")
    profile = read_profile(home)
    if name in profile.experiment_trackers:
        raise Conflict(f"there is a tracker {name!r} already; choose another name, or edit {FILE}")
    hidden = {key: value for key, value in settings.items() if _is_secret(key)}
    shown = {key: value for key, value in settings.items() if key not in hidden}
    if hidden:
        _write_secrets(home, {**_read_secrets(home), name: hidden})
    profile.experiment_trackers[name] = {"flavor": flavor, **shown}
    _write(home, profile)


def register_store(home: Path, name: str, flavor: str, path: Path | None) -> None:
    """Give the artifact store of a home, which is the home, another name.

    Raises:
        InvalidInput: it is of another flavor than ``local``, or lies elsewhere.
        Conflict: the name is taken.
    """
    check_name(name, "artifact store name", 128)
    if flavor != "local":
        raise InvalidInput(f"an artifact store has the flavor 'local', got {flavor!r}")
    if path is not None and path.resolve() != home.resolve():
        raise InvalidInput(
            f"outputs lie in the home, {home}, not in {path}; EPOCHAL_HOME={path} uses that one"
        )
    profile = read_profile(home)
    if name == "default" or name in profile.artifact_stores:
        raise Conflict(f"there is an artifact store {name!r} already; choose another name")
    profile.artifact_stores[name] = {"flavor": flavor}
    _write(home, profile)


def register_stack(home: Path, name: str, stack: Stack, *, activate: bool) -> None:
    """Give a stack a name.

    Raises:
        InvalidInput: it names another orchestrator than ``default``.
        NotFound: its tracker or artifact store is not registered.
        Conflict: the name is taken.
    """
    check_name(name, "stack name", 128)
    profile = read_profile(home)
    if stack.orchestrator != "default":
        raise InvalidInput(f"the only orchestrator is 'default', got {stack.orchestrator!r}")
    if stack.artifact_store not in ("default", *profile.artifact_stores):
        known = ", ".join(["default", *profile.artifact_stores])
        raise NotFound(f"there is no artifact store {stack.artifact_store!r}; there are {known}")
    if stack.experiment_tracker is not None:
        _need_tracker(profile, stack.experiment_tracker)
    if name == "default" or name in profile.stacks:
        raise Conflict(f"there is a stack {name!r} already; choose another name, or edit {FILE}")
    profile.stacks[name] = stack
    profile.active = name if activate else profile.active
    _write(home, profile)


def activate_stack(home: Path, name: str) -> None:
    """Use a stack from now on.

    Raises:
        NotFound: it is not registered.
    """
    profile = read_profile(home)
    if name != "default" and name not in profile.stacks:
        known = ", ".join(["default", *profile.stacks])
        raise NotFound(f"there is no stack {name!r}; there are {known}")
    profile.active = name
    _write(home, profile)


def tracker_settings(home: Path, name: str) -> dict[str, str]:
    """Flavor and settings of a tracker, secrets included. A flavor is a name of its own.

    Raises:
        NotFound: it is neither registered nor a flavor.
    """
    profile = read_profile(home)
    if name in FLAVORS and name not in profile.experiment_trackers:
        return {"flavor": name}
    _need_tracker(profile, name)
    return {**profile.experiment_trackers[name], **_read_secrets(home).get(name, {})}


def _need_tracker(profile: Profile, name: str) -> None:
    if name not in profile.experiment_trackers:
        known = ", ".join([*profile.experiment_trackers, *FLAVORS])
        raise NotFound(
            f"there is no experiment tracker {name!r}; there are {known}; "
            f"epochal experiment-tracker register {name} --flavor=... makes one"
        )


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET)


def _read_secrets(home: Path) -> dict[str, dict[str, str]]:
    try:
        data = (home / SECRETS).read_bytes()
        return msgspec.json.decode(data, type=dict[str, dict[str, str]])
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        raise StorageError(f"{home / SECRETS} cannot be read: {error}; remove it") from None


def _write_secrets(home: Path, secrets: dict[str, dict[str, str]]) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(home / SECRETS, msgspec.json.encode(secrets))


def _write(home: Path, profile: Profile) -> None:
    lines = [f"active = {_quoted(profile.active)}"]
    for name, tracker in profile.experiment_trackers.items():
        lines += ["", f"[experiment_trackers.{_quoted(name)}]", *_pairs(tracker)]
    for name, store in profile.artifact_stores.items():
        lines += ["", f"[artifact_stores.{_quoted(name)}]", *_pairs(store)]
    for name, stack in profile.stacks.items():
        lines += ["", f"[stacks.{_quoted(name)}]", *_pairs(msgspec.to_builtins(stack))]
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(home / FILE, ("\n".join(lines) + "\n").encode())


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{_quoted(key)} = {_quoted(value)}" for key, value in values.items()]


def _quoted(text: Any) -> str:
    """A basic string of TOML, which is one of JSON."""
    return msgspec.json.encode(str(text)).decode()
