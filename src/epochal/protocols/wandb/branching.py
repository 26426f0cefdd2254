"""Rewind and fork: a run goes on from an earlier step, or a new run from a step of another.

A rewind is a cut: what lies behind the step is hidden, files stay. Of a fork no mutation tells:
the config of the new run names the parent and the step, and its points, texts and media up to
there are copied once, when the run begins.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from epochal.domain.names import DEFAULT_ENTITY, DEFAULT_PROJECT, SYSTEM_PREFIX
from epochal.domain.objects import MediaEntry, MediaQuery
from epochal.domain.origin import ForkedFrom
from epochal.domain.record import BlobRef, Cut, Media, MediaItem, Summary, Text
from epochal.domain.run import RunState
from epochal.domain.tracked import FORK
from epochal.errors import InvalidInput, NotFound
from epochal.protocols.wandb import config as configs
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.execution import Asked, Fields
from epochal.protocols.wandb.ids import Place
from epochal.protocols.wandb.memory import LINES, memory_of, save
from epochal.protocols.wandb.projects import detail_of, run_object
from epochal.service import foreign, history, media, tracking
from epochal.service.foreign import Recorder, Recording
from epochal.service.recorded import Point

STEP: Final = "_step"
MAX_STEP: Final = 2**53
PAGE: Final = 1_000


class Branch(NamedTuple):
    """Where a run comes from."""

    run_id: str
    step: int


def branch_of(config: dict[str, Any] | None) -> Branch | None:
    """The parent that a config names, if any."""
    point = configs.split(config or {}).own.get("branch_point")
    if not isinstance(point, dict):
        return None
    step = point.get("step", point.get("value"))
    run_id = point.get("run_id", point.get("run"))
    if isinstance(run_id, str) and isinstance(step, (int, float)) and 0 <= step <= MAX_STEP:
        return Branch(run_id, int(step))
    return None


async def rewind(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Hide what a run logged behind a step, and let it go on from there."""
    place = Place(
        given.text("entityName") or given.text("entity") or DEFAULT_ENTITY,
        given.text("projectName") or given.text("project") or DEFAULT_PROJECT,
        given.needed("runName"),
    )  # fmt: skip
    if given.text("metricName", STEP) != STEP:
        raise InvalidInput("a run is rewound to a _step, not to a value of another metric")
    step = given.number("metricValue", 0)
    if not 0 <= step <= MAX_STEP:
        raise InvalidInput(f"a run is rewound to a step >= 0, got {step}")
    try:
        said = [*(await detail_of(asked, place)).summary]
    except NotFound:
        raise NotFound(
            f"there is no run {place.run_id!r:.140} in {place.entity}/{place.project} to rewind"
        ) from None

    def work(recorder: Recorder, recording: Recording) -> None:
        memory = memory_of(recording)
        now_us = time.time_ns() // 1000
        recorder.write(recording, [Cut(step + 1, now_us), Summary(now_us, {}, said)])
        memory.summary, memory.last, memory.row = None, {}, {}
        memory.lines.step = min(memory.lines.step, step)
        save(recorder, recording, LINES, memory.lines)
        memory.waiting = [one for one in memory.waiting if one.step <= step]
        if recording.foreign:
            recorder.tell(recording, RunState.RUNNING, None)

    await asked.call.record(foreign.record, asked.call.workers.recorder, place.uid, work)
    asked.memory.clear()
    return {"rewoundRun": run_object(place)}


async def fork(asked: Asked, place: Place, branch: Branch) -> None:
    """Copy the beginning of the parent into a run that just began.

    Raises:
        NotFound: there is no such parent.
    """
    parent = Place(place.entity, place.project, branch.run_id)
    try:
        detail = await detail_of(asked, parent)
    except NotFound:
        raise NotFound(f"there is no run {branch.run_id!r:.140} to fork from") from None
    recorder = asked.call.workers.recorder
    points: dict[tuple[int, int], dict[str, float]] = {}
    for metric in detail.metrics:
        if metric.key.startswith(SYSTEM_PREFIX):
            continue
        found = await asked.call.read(tracking.read_history, recorder, parent.uid, metric.key)
        for t_us, step, value in zip(found.t_us, found.step, found.value, strict=True):
            if step <= branch.step:
                points.setdefault((step, t_us), {})[metric.key] = value
    entries = [entry async for entry in _media(asked, parent.uid, branch.step)]
    texts = await asked.call.read(history.read_texts, parent.uid, lo=None, hi=branch.step)

    origin = ForkedFrom(parent.uid, parent.run_id, branch.step)

    def work(recorder: Recorder, recording: Recording) -> None:
        recorder.label(recording, {FORK: msgspec.json.encode(origin).decode()})
        said = [Text(one.key, one.step, one.wall_us, one.value) for one in texts]
        recorder.write(recording, [*_copied(entries), *said], list(_rows(points)))

    await asked.call.record(foreign.record, recorder, place.uid, work)


async def _media(asked: Asked, uid: str, step: int) -> Any:
    cursor = None
    while True:
        query = MediaQuery([uid], hi=step, limit=PAGE, cursor=cursor)
        found = await asked.call.read(media.query_media, query)
        for entry in found.entries:
            yield entry
        cursor = found.cursor
        if cursor is None:
            return


def _copied(entries: Iterable[MediaEntry]) -> Iterable[Media]:
    for entry in entries:
        items = [
            MediaItem(
                item.kind,
                item.meta,
                {
                    role: BlobRef(view.digest, view.size, view.type)
                    for role, view in item.blobs.items()
                },
            )
            for item in entry.items
        ]
        yield Media(entry.key, entry.step, entry.wall_us, items, entry.many)


def _rows(points: dict[tuple[int, int], dict[str, float]]) -> Iterable[Point]:
    for (step, t_us), values in sorted(points.items()):
        yield Point(step, t_us, tuple(values), list(values.values()))


FIELDS: Final[Fields] = {"Mutation": {"rewindRun": rewind}}
