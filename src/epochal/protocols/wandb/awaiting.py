"""Media in the history, recorded as soon as their files are there.

A row often comes before the files that it names; it waits in the run's memory until they are. An
image waits for the names of the classes in it, too, but not for long. A
table of ``wandb.plot`` becomes a chart, too, as soon as the config says how it is drawn.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from epochal.domain.first_columns import natural
from epochal.domain.record import Event, Media
from epochal.errors import EpochalError
from epochal.protocols.wandb import charts, media, overlays
from epochal.protocols.wandb.memory import TABLES, WAITING, Memory, Waiting, save
from epochal.protocols.wandb.rows import Row
from epochal.service import foreign
from epochal.service.foreign import Recorder, Recording

MAX_WAITING: Final = 2_000
MAX_TABLES: Final = 100
PATIENCE_US: Final = 20_000_000
"""The client sends its config some seconds after the first image."""


def take(recorder: Recorder, recording: Recording, memory: Memory, rows: list[Row]) -> None:
    """Record the media of history rows, those at once that need no file."""
    until_us = time.time_ns() // 1000 + PATIENCE_US
    fresh = [
        Waiting(key, row.step, row.wall_us, value, until_us)
        for row in rows
        for key, value in sorted(row.media.items(), key=_order)  # the client's order is chance
    ]
    if not fresh:
        return
    store = _store(recorder, recording, memory)
    own = memory.kept.config
    waiting = [one for one in fresh if not _record(recorder, recording, store, one, own)]
    if waiting:
        memory.waiting = [*memory.waiting, *waiting][-MAX_WAITING:]
        save(recorder, recording, WAITING, memory.waiting)
    _keep_tables(recorder, recording, memory, fresh, waiting)


def resolve(
    recorder: Recorder, recording: Recording, memory: Memory, *, is_over: bool = False
) -> None:
    """Record what has all that it waited for; where all ``is_over``, no name comes any more."""
    if not memory.waiting:
        return
    store = _store(recorder, recording, memory)
    if is_over:
        memory.waiting = [msgspec.structs.replace(one, until_us=0) for one in memory.waiting]
    own = memory.kept.config
    left = [one for one in memory.waiting if not _record(recorder, recording, store, one, own)]
    if len(left) != len(memory.waiting):
        before, memory.waiting = memory.waiting, left
        save(recorder, recording, WAITING, left)
        _keep_tables(recorder, recording, memory, before, left)


def draw(recorder: Recorder, recording: Recording, memory: Memory) -> None:
    """Record the charts of tables that are there, as far as the config names them."""
    known = charts.charts_of(memory.kept.config) if memory.tables else {}
    drawn = [one for one in memory.tables if one.key in known]
    if not drawn:
        return
    store = _store(recorder, recording, memory)
    for one in drawn:
        chart = known[one.key]
        try:
            item = charts.draw(chart, store.json(str(one.value["path"])), store.put)
        except (EpochalError, KeyError) as error:
            title = f"the chart {chart.key!r:.100} at step {one.step} is shown as a table only"
            recorder.write(recording, [Event(one.wall_us, "warning", title, f"{error!s:.300}")])
            continue
        recorder.write(recording, [Media(chart.key, one.step, one.wall_us, [item])])
    memory.tables = [one for one in memory.tables if one.key not in known]
    save(recorder, recording, TABLES, memory.tables)


def _order(pair: tuple[str, object]) -> list[tuple[int, str]]:
    """``layer2`` comes before ``layer10``."""
    return natural(pair[0])


def _keep_tables(
    recorder: Recorder,
    recording: Recording,
    memory: Memory,
    before: list[Waiting],
    left: list[Waiting],
) -> None:
    """Remember the tables among those that wait no longer, and draw what can be drawn."""
    tables = [
        one
        for one in before
        if one.key.endswith(charts.TABLE)
        and one.value.get("_type") == "table-file"
        and one not in left
    ]
    if tables:
        memory.tables = [*memory.tables, *tables][-MAX_TABLES:]
        save(recorder, recording, TABLES, memory.tables)
        draw(recorder, recording, memory)


def _store(recorder: Recorder, recording: Recording, memory: Memory) -> media.Store:
    if memory.files is None:
        memory.files = foreign.files_of(recorder, recording.uid)
    return media.Store(
        memory.files,
        lambda digest: foreign.read_blob(recorder, digest),
        lambda data, type: foreign.put_blob(recorder, data, type),
    )


def _record(
    recorder: Recorder,
    recording: Recording,
    store: media.Store,
    one: Waiting,
    own: Mapping[str, Any],
) -> bool:
    """Whether nothing is left to wait for."""
    if any(path not in store.files for path in media.paths_of(one.value)):
        return False
    if time.time_ns() // 1000 < one.until_us and overlays.lacks_names(one.value, one.key, own):
        return False
    try:
        items, many = media.items_of(one.value, store)
        overlays.name_classes(items, one.key, own)
    except (EpochalError, ArithmeticError, KeyError, TypeError, ValueError) as error:
        title = f"{one.key!r:.100} at step {one.step} is shown as a file only"
        recorder.write(recording, [Event(one.wall_us, "warning", title, f"{error!s:.300}")])
        return True
    recorder.write(recording, [Media(one.key, one.step, one.wall_us, items, many)])
    return True
