"""Forked children: they inherit a run, but none of its threads, locks or files.

In a child every inherited run is inert at once: its parent's journal is let go of untouched, its
locks are fresh. The first record that the child logs opens a journal of its own, which does not
decide the run's state. The end of a child never ends the parent's run. Spawned children inherit
nothing; they have a run only if they call `init`.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from epochal.client import guard


class Forkable(Protocol):
    """Something that must be told in a forked child."""

    def after_fork(self) -> None:
        """Let go of what belongs to the parent. Must neither block nor raise."""


_alive: weakref.WeakSet[Forkable] = weakref.WeakSet()
_registered = False


def tell_after_fork(target: Forkable) -> None:
    """Call ``target.after_fork`` in every child that is forked from now on."""
    global _registered  # noqa: PLW0603 - the interpreter keeps such hooks for ever, so one is enough
    if not _registered and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)
        _registered = True
    _alive.add(target)


def _after_fork() -> None:
    for target in list(_alive):
        with guard.Shield("after fork"):
            target.after_fork()
