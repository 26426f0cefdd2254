"""Event files made in tests: by hand for odd ones, by the real writers for all others."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

from epochal.api import connect
from epochal.imports.tensorboard.checksum import crc32c, masked
from epochal.journal.reader import JournalReader

NAME = "events.out.tfevents.1700000000.host.1.0"
WALL = 1_700_000_000.0


def frame(data: bytes) -> bytes:
    """One record."""
    head = struct.pack("<Q", len(data))
    crcs = [struct.pack("<I", masked(crc32c(part))) for part in (head, data)]
    return head + crcs[0] + data + crcs[1]


def scalar(tag: str, step: int, value: float, wall: float = 0.0) -> Event:
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    return Event(wall_time=wall or WALL + step, step=step, summary=summary)


def version() -> Event:
    return Event(wall_time=WALL, file_version="brain.Event:2")


def start(step: int) -> Event:
    log = SessionLog(status=SessionLog.START)
    return Event(wall_time=WALL + 1000, step=step, session_log=log)


def file_bytes(*events: Event) -> bytes:
    return b"".join(frame(event.SerializeToString()) for event in events)


def write(path: Path, *events: Event) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file_bytes(version(), *events))
    return path


def points_of_tensorboard(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard's own reader gives when nothing is sampled."""
    sizes = dict.fromkeys(("scalars", "tensors", "images", "audio", "histograms"), 0)
    reader = EventAccumulator(str(directory), size_guidance=sizes, purge_orphaned_data=False)
    reader.Reload()
    return {
        tag: [(event.step, event.value) for event in reader.Scalars(tag)]
        for tag in reader.Tags()["scalars"]
    }


def rows_written(home: Path) -> Counter[str]:
    """How many numbers of each key all journals of a home hold, hidden ones included."""
    found: Counter[str] = Counter()
    for path in home.glob("runs/*/*.ej"):
        reader = JournalReader(str(path))
        while (entry := reader.read()).end > entry.start:
            found.update(key for row in entry.rows for key in reader.schemas[row[0]])
    return found


def runs_of(home: Path, project: str) -> dict[str, Any]:
    """The runs of a project by name, as the reading side sees them."""
    return {run.name: run for run in connect(home=home).runs(project)}


def points_of(run: Any, key: str) -> list[tuple[int, float]]:
    """Steps and values of a series in the order in which they were logged."""
    series = run.series(key)
    return list(zip(series.step.tolist(), series.value.tolist(), strict=True))
