"""Named sets of an orchestrator, an artifact store and an experiment tracker; one is in use.

The stack in use says where the steps of a pipeline run that names no executor, and which tracker
``tracker=True`` means. The stack ``default`` is always there: threads of this process, the home,
and no tracker.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from epochal.domain.names import check_name
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.pipelines.components import (
    FLAVOR,
    ORCHESTRATOR,
    check_stack,
    settings_of,
    tracker_settings,
)
from epochal.pipelines.options import PipelineOptions
from epochal.pipelines.profile import DEFAULT, Profile, Stack, read_profile, write_profile
from epochal.search.places import nearest

EXECUTOR_OF: Final[Mapping[str, str]] = {
    "local": "thread",
    "processes": "process",
    "ray": "ray",
    "slurm": "slurm",
}
"""The executor behind each flavor of orchestrators."""


class Placement(msgspec.Struct, frozen=True):
    """Where the steps of a pipeline run.

    Attributes:
        stack: name of the stack.
        executor: for steps that name none.
        settings: of the orchestrator, for this executor alone.
        parallel: how many steps run at the same time; 0 leaves it to the machine.
        tracker: the one that ``tracker=True`` means, or None.
    """

    stack: str = DEFAULT
    executor: str = "thread"
    settings: dict[str, str] = {}
    parallel: int = 0
    tracker: str | None = None


def place(home: Path, options: PipelineOptions) -> Placement:
    """Where a pipeline's steps run: as its options say, else as its stack says.

    Raises:
        NotFound: the stack, or a part of it, is not registered.
    """
    profile = read_profile(home)
    name = options.stack or profile.active
    stack = find_stack(profile, name)
    settings = {FLAVOR: "local"}
    if stack.orchestrator != DEFAULT:
        settings = settings_of(home, ORCHESTRATOR, stack.orchestrator)
    behind = EXECUTOR_OF[settings.pop(FLAVOR)]
    parallel = int(settings.pop("parallel", "0"))
    chosen = options.executor or behind
    return Placement(
        stack=name,
        executor=chosen,
        settings=settings if chosen == behind else {},
        parallel=options.parallel or (parallel if chosen == behind else 0),
        tracker=stack.experiment_tracker,
    )


def tracker_of(home: Path, placement: Placement, wanted: str | bool) -> str:
    """The registered tracker that a step means; True is that of the stack.

    Raises:
        NotFound: there is none.
    """
    name = placement.tracker if isinstance(wanted, bool) else wanted
    if name is None:
        raise NotFound(
            f"stack {placement.stack!r} has no experiment tracker, which tracker=True asks for; "
            f"`epochal stack register NAME -e TRACKER --set` makes one that has"
        )
    tracker_settings(home, name)
    return name


def find_stack(profile: Profile, name: str) -> Stack:
    """The stack of a name.

    Raises:
        NotFound: it is not registered; the nearest name is told.
    """
    if name == DEFAULT:
        return Stack()
    if name not in profile.stacks:
        known = [DEFAULT, *profile.stacks]
        raise NotFound(
            f"there is no stack {name!r}{nearest(name, known)}; there are: {', '.join(known)}"
        )
    return profile.stacks[name]


def register_stack(home: Path, name: str, stack: Stack, *, activate: bool) -> None:
    """Give a stack a name.

    Raises:
        NotFound: a part of it is not registered.
        Conflict: the name is taken.
    """
    profile = read_profile(home)
    _check_free(profile, name)
    check_stack(profile, stack)
    profile.stacks[name] = stack
    profile.active = name if activate else profile.active
    write_profile(home, profile)


def update_stack(home: Path, name: str, parts: Mapping[str, str]) -> None:
    """Give a stack other parts.

    Args:
        home: the home.
        name: of the stack.
        parts: names by the attribute of `Stack`.

    Raises:
        NotFound: the stack, or a part, is not registered.
        InvalidInput: it is the default, which cannot be changed.
    """
    profile = read_profile(home)
    stack = msgspec.structs.replace(_own(profile, name), **parts)
    check_stack(profile, stack)
    profile.stacks[name] = stack
    write_profile(home, profile)


def rename_stack(home: Path, name: str, to: str) -> None:
    """Give a stack another name.

    Raises:
        NotFound: it is not registered.
        Conflict: the other name is taken.
        InvalidInput: it is the default, which cannot be renamed.
    """
    profile = read_profile(home)
    _own(profile, name)
    _check_free(profile, to)
    profile.stacks = {to if each == name else each: s for each, s in profile.stacks.items()}
    profile.active = to if profile.active == name else profile.active
    write_profile(home, profile)


def delete_stack(home: Path, name: str) -> None:
    """Forget a stack; its parts stay.

    Raises:
        NotFound: it is not registered.
        Conflict: it is in use.
        InvalidInput: it is the default, which is always there.
    """
    profile = read_profile(home)
    _own(profile, name)
    if profile.active == name:
        raise Conflict(
            f"stack {name!r} is in use; use another one first: epochal stack set {DEFAULT}"
        )
    del profile.stacks[name]
    write_profile(home, profile)


def activate_stack(home: Path, name: str) -> None:
    """Use a stack from now on.

    Raises:
        NotFound: it is not registered.
    """
    profile = read_profile(home)
    find_stack(profile, name)
    profile.active = name
    write_profile(home, profile)


def _own(profile: Profile, name: str) -> Stack:
    if name == DEFAULT:
        raise InvalidInput(f"the stack {DEFAULT!r} is always there, and cannot be changed")
    return find_stack(profile, name)


def _check_free(profile: Profile, name: str) -> None:
    check_name(name, "stack name", 128)
    if name in (DEFAULT, *profile.stacks):
        raise Conflict(
            f"there is a stack {name!r} already; choose another name, or change it: "
            f"epochal stack update {name}"
        )
