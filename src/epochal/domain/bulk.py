"""One wish for many runs: what is asked for, and what came of it for those that refused."""

from __future__ import annotations

import msgspec

from epochal.domain.moving import MoveTo
from epochal.domain.view import RunChanges
from epochal.errors import EpochalError


class ChangeRuns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same changes for each of some runs, which are given by uid."""

    runs: list[str]
    changes: RunChanges


class DeleteRuns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Runs, by uid, to delete for good."""

    runs: list[str]


class MoveRuns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Runs, by uid, that shall go to another project; each keeps its id."""

    runs: list[str]
    to: MoveTo


class Refusal(msgspec.Struct, frozen=True):
    """A run that is as it was, and why: the code and sentence that it alone would have got."""

    run: str
    code: str
    message: str


class RunsOutcome(msgspec.Struct, frozen=True):
    """How many runs are as they were wished to be, and those that are not."""

    done: int
    refused: list[Refusal] = []


def outcome(asked: int, refused: dict[str, EpochalError]) -> RunsOutcome:
    """What to answer.

    Args:
        asked: how many different runs were named.
        refused: those that refused, by uid, as they were given.
    """
    told = [Refusal(uid[:80], error.code, error.message) for uid, error in refused.items()]
    return RunsOutcome(asked - len(told), told)
