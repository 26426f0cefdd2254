"""The parts of stacks: experiment trackers, orchestrators and artifact stores, by name.

A part is a flavor with settings. What a flavor does not know is refused with the nearest right
word; a part that a stack uses is not deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from epochal.domain.names import check_name
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.pipelines.profile import (
    DEFAULT,
    Profile,
    Stack,
    is_secret,
    read_profile,
    read_secrets,
    write_profile,
    write_secrets,
)
from epochal.search.places import nearest

FLAVOR: Final = "flavor"
_SLURM: Final = (
    "account", "comment", "constraint", "exclude", "gres", "mem", "nodelist", "partition", "qos",
    "wckey",
)  # fmt: skip


def _check_path(home: Path, value: str) -> None:
    if Path(value).expanduser().resolve() != home.resolve():
        raise InvalidInput(
            f"outputs lie in the home, {home}, not in {value}; EPOCHAL_HOME={value} uses that one"
        )


def _check_parallel(home: Path, value: str) -> None:
    del home
    if not value.isdecimal() or int(value) < 1:
        raise InvalidInput(
            f"parallel is how many steps run at the same time, from 1 on, got {value!r:.80}"
        )


_CHECKS: Final[Mapping[str, Callable[[Path, str], None]]] = {
    "path": _check_path,
    "parallel": _check_parallel,
}


class Kind(msgspec.Struct, frozen=True):
    """One kind of parts.

    Attributes:
        word: what it is called.
        article: before the word.
        part: the attribute of `Stack` that names one.
        option: how ``epochal stack update`` takes one.
        flavors: by name, the settings that each knows.
    """

    word: str
    article: str
    part: str
    option: str
    flavors: Mapping[str, tuple[str, ...]]

    @property
    def command(self) -> str:
        """The group of commands for it."""
        return self.word.replace(" ", "-")

    def rows(self, profile: Profile) -> dict[str, dict[str, str]]:
        """What is registered of it."""
        found: dict[str, dict[str, str]] = getattr(profile, f"{self.part}s")
        return found

    def names(self, profile: Profile) -> list[str]:
        """What a stack may name."""
        return [*([] if self is TRACKER else [DEFAULT]), *self.rows(profile)]


TRACKER: Final = Kind(
    "experiment tracker",
    "an",
    "experiment_tracker",
    "-e",
    {
        "epochal": (),
        "mlflow": (
            "experiment_name", "tracking_insecure_tls", "tracking_password", "tracking_token",
            "tracking_uri", "tracking_username",
        ),
        "tensorboard": (),
        "wandb": ("api_key", "base_url", "entity", "host", "project_name"),
    },
)  # fmt: skip
ORCHESTRATOR: Final = Kind(
    "orchestrator",
    "an",
    "orchestrator",
    "-o",
    {
        "local": ("parallel",),
        "processes": ("parallel",),
        "ray": ("address", "parallel"),
        "slurm": (*_SLURM, "parallel"),
    },
)
STORE: Final = Kind("artifact store", "an", "artifact_store", "-a", {"local": ("path",)})
KINDS: Final = (TRACKER, ORCHESTRATOR, STORE)


def register(home: Path, kind: Kind, name: str, flavor: str, settings: Mapping[str, str]) -> None:
    """Give a part a name.

    Raises:
        InvalidInput: there is no such flavor or setting, or the name cannot be.
        Conflict: the name is taken.
    """
    check_name(name, f"{kind.word} name", 128)
    _check_settings(home, kind, flavor, settings)
    profile = read_profile(home)
    if name in (*kind.rows(profile), DEFAULT):
        raise Conflict(
            f"there is {kind.article} {kind.word} {name!r} already; choose another name, or "
            f"change it: epochal {kind.command} update {name}"
        )
    _keep(home, profile, kind, name, {FLAVOR: flavor, **settings})


def update(home: Path, kind: Kind, name: str, settings: Mapping[str, str]) -> None:
    """Change settings of a part. An empty value takes a setting away.

    Raises:
        NotFound: it is not registered.
        InvalidInput: its flavor has no such setting.
    """
    profile = read_profile(home)
    row = need(profile, kind, name)
    _check_settings(home, kind, row[FLAVOR], settings)
    merged = {**row, **read_secrets(home).get(_owner(kind, name), {}), **settings}
    _keep(home, profile, kind, name, {key: value for key, value in merged.items() if value})


def delete(home: Path, kind: Kind, name: str) -> None:
    """Forget a part, with its secrets.

    Raises:
        NotFound: it is not registered.
        Conflict: a stack uses it.
    """
    profile = read_profile(home)
    need(profile, kind, name)
    users = [each for each, stack in profile.stacks.items() if getattr(stack, kind.part) == name]
    if users:
        raise Conflict(
            f"stack {users[0]!r} uses {kind.word} {name!r}; give it another one with "
            f"`epochal stack update {users[0]} {kind.option} NAME`, or delete the stack first"
        )
    del kind.rows(profile)[name]
    write_profile(home, profile)
    write_secrets(home, _owner(kind, name), {})


def need(profile: Profile, kind: Kind, name: str) -> dict[str, str]:
    """What is registered under a name.

    Raises:
        NotFound: nothing is; the nearest name is told.
        InvalidInput: it is the default, of which nothing is registered.
    """
    rows = kind.rows(profile)
    if name in rows:
        return rows[name]
    if name in kind.names(profile):
        raise InvalidInput(f"the {kind.word} {name!r} is always there, and cannot be changed")
    raise NotFound(unknown(kind, name, kind.names(profile)))


def check_stack(profile: Profile, stack: Stack) -> None:
    """Refuse a stack that names a part which is not there.

    Raises:
        NotFound: the nearest name is told.
    """
    for kind in KINDS:
        name = getattr(stack, kind.part)
        if name is not None and name not in kind.names(profile):
            raise NotFound(unknown(kind, name, kind.names(profile)))


def unknown(kind: Kind, name: str, names: Iterable[str]) -> str:
    """The message for a name of a part that is not there."""
    known = list(names)
    there = ", ".join(known) or "none"
    return (
        f"there is no {kind.word} {name!r}{nearest(name, known)}; there are: {there}. "
        f"`epochal {kind.command} register {name} --flavor=...` makes one"
    )


def settings_of(home: Path, kind: Kind, name: str) -> dict[str, str]:
    """Flavor and settings of a part, secrets included.

    Raises:
        NotFound: it is not registered.
    """
    row = need(read_profile(home), kind, name)
    return {**row, **read_secrets(home).get(_owner(kind, name), {})}


def tracker_settings(home: Path, name: str) -> dict[str, str]:
    """Flavor and settings of a tracker, secrets included. A flavor is a name of its own.

    Raises:
        NotFound: it is neither registered nor a flavor.
    """
    profile = read_profile(home)
    if name in TRACKER.rows(profile):
        return settings_of(home, TRACKER, name)
    if name in TRACKER.flavors:
        return {FLAVOR: name}
    raise NotFound(unknown(TRACKER, name, [*TRACKER.rows(profile), *TRACKER.flavors]))


def _check_settings(home: Path, kind: Kind, flavor: str, settings: Mapping[str, str]) -> None:
    if flavor not in kind.flavors:
        raise InvalidInput(
            f"{kind.article} {kind.word} has the flavor {', '.join(kind.flavors)}, "
            f"got {flavor!r:.80}{nearest(flavor, kind.flavors)}"
        )
    known = kind.flavors[flavor]
    for name, value in settings.items():
        if name not in known:
            raise InvalidInput(
                f"{kind.article} {kind.word} of flavor {flavor!r} has no setting "
                f"{name!r:.80}{nearest(name, known)}; it has {', '.join(known) or 'none'}"
            )
        if value and name in _CHECKS:
            _CHECKS[name](home, value)


def _keep(
    home: Path, profile: Profile, kind: Kind, name: str, settings: Mapping[str, str]
) -> None:
    hidden = {key: value for key, value in settings.items() if is_secret(key)}
    write_secrets(home, _owner(kind, name), hidden)
    kind.rows(profile)[name] = {k: v for k, v in settings.items() if k not in hidden}
    write_profile(home, profile)


def _owner(kind: Kind, name: str) -> str:
    """Whose secrets they are; those of trackers came first, and have the plain name."""
    return name if kind is TRACKER else f"{kind.command}/{name}"
