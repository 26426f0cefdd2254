"""Tells what a step's key cannot see, once for each step and cause."""

from __future__ import annotations

from collections.abc import Iterable

from epochal.client import guard
from epochal.errors import InvalidInput
from epochal.pipelines.options import StepOptions

ESCAPES = "deps=, env=, version= or cache=False say what to do about it"


def warn_of_blind_spots(
    step: str, blind: Iterable[str], options: StepOptions, *, strict: bool
) -> None:
    """Warn of blind spots that no option answers.

    Raises:
        InvalidInput: ``strict``, and there are some.
    """
    open_ones = [each for each in blind if not _answered(each, options)]
    if not open_ones:
        return
    if strict:
        raise InvalidInput(
            f"step {step!r} has cache='strict', and its key cannot see everything: "
            f"{'; '.join(open_ones)}. {ESCAPES.capitalize()}"
        )
    function = step.partition("[")[0]
    for each in open_ones:
        if (function, each) not in _told:
            _told.add((function, each))
            guard.warn_once(
                ("blind", function, each),
                f"the cache of step {function!r} cannot see this: {each}. {ESCAPES}",
            )


_told: set[tuple[str, str]] = set()


def _answered(spot: str, options: StepOptions) -> bool:
    if options.version:
        return True
    if "deps=" in spot:
        return bool(options.deps)
    if "env=" in spot:
        return bool(options.env)
    return bool(options.deps)
