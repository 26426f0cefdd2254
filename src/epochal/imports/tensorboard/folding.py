"""Which directories belong to the run above them. Pure.

``add_hparams`` and ``add_scalars`` open writers in directories of their own. TensorBoard shows
these as runs; here they go back into the run that called. A directory is only taken for one of
these when its first records prove it, so that runs below runs stay runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NamedTuple

from epochal.imports.tensorboard import hparams
from epochal.imports.tensorboard.event import SCALAR, Event, read_event
from epochal.imports.tensorboard.logdir import ancestors
from epochal.imports.tensorboard.records import Records
from epochal.imports.tensorboard.wire import Malformed

FIRST: Final = 64
"""So many records are looked at."""
LEAST: Final = 4
"""And so many of a directory that has no run above it."""


class Home(NamedTuple):
    """The run of a directory, and what its keys get at their end."""

    run: str
    suffix: str = ""


def decide(
    below: str, buffer: bytes, records: Records, is_run: Callable[[str], bool]
) -> Home | None:
    """Where a directory belongs; None as long as its files say nothing.

    Args:
        below: the directory.
        buffer: the beginning of its first event file.
        records: those of the buffer.
        is_run: whether a directory is a run, and has event files of its own.
    """
    above = [place for place in ancestors(below) if is_run(place)]
    events = _first(buffer, records, FIRST if above else LEAST)
    silent = all(event.version and not event.values for event in events)
    if silent and len(events) == len(records.starts):
        return None
    if not above:
        return Home(below)
    tags = [value.tag for event in events for value in event.values]
    if hparams.EXPERIMENT in tags and above[0] == (os.path.dirname(below) or "."):
        return Home(above[0])
    return _of_scalars(below, events, above) or Home(below)


def _first(buffer: bytes, records: Records, count: int) -> list[Event]:
    events = []
    for start, length in zip(records.starts[:count], records.lengths[:count], strict=True):
        try:
            events.append(read_event(buffer[start : start + length]))
        except Malformed:
            continue
    return events


def _of_scalars(below: str, events: list[Event], above: list[str]) -> Home | None:
    """The run that called ``add_scalars``, whose directories are named after tag and key.

    ``<tag with _ for />_<key>`` is torch's way, ``<tag>/<key>`` that of tensorboardX.
    """
    values = [value for event in events for value in event.values]
    tags = {value.tag for value in values}
    if len(tags) != 1 or any(value.field != SCALAR for value in values):
        return None
    tag = tags.pop()
    for place in above:
        rest = below if place == "." else os.path.relpath(below, place)
        for start in (tag.replace("/", "_") + "_", tag + "/"):
            if rest.startswith(start) and len(rest) > len(start):
                return Home(place, rest[len(start) :])
    return None
