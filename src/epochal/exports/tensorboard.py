"""A run as an event file that TensorBoard reads.

Every point of every series in its order, hyperparameters, images, sounds, histograms and texts.
Values become 32-bit floats, as event files hold them; what TensorBoard has no place for is
counted and left out.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, Final

from epochal.api import MediaItem, RunView
from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.run import RunState
from epochal.domain.values import flatten
from epochal.errors import EpochalError
from epochal.exports import messages
from epochal.exports.records import frame, scalars

SUFFIX: Final = "epochal"
"""The end of the names of our event files."""
_STATUS: Final = {RunState.FINISHED: 1, RunState.RUNNING: 3}
_FAILED: Final = 2


def file_name(run: RunView) -> str:
    """What the event file of a run is called; sorted by the run's start."""
    return f"events.out.tfevents.{int(run.created.timestamp()):010d}.{run.uid[:12]}.{SUFFIX}"


def write_events(file: IO[bytes], run: RunView, keys: list[str]) -> Counter[str]:
    """Write a run.

    Args:
        file: gets the event file.
        run: the run.
        keys: which series.

    Returns:
        How many of what were written; under ``left out`` what has no place.

    Raises:
        EpochalError: the run cannot be read.
        OSError: the file cannot be written.
    """
    counts: Counter[str] = Counter()
    started_us = int(run.created.timestamp() * 1_000_000)
    file.write(frame(messages.version(started_us)))
    config = {key: value for key, value in flatten(run.config) if value is not None}
    if config:
        start = messages.session_start(config, run.name, started_us)
        file.write(frame(messages.event(started_us, 0, start)))
        counts["hyperparameters"] = len(config)
    for key in keys:
        points = run.series(key)
        for block in scalars(key, points.step, points.time, points.value):
            file.write(block)
        counts["scalars"] += len(points)
    for record in _media(run, counts):
        file.write(record)
    if config and run.state is not RunState.RUNNING:
        ended = run.ended or run.created
        end = messages.session_end(_STATUS.get(run.state, _FAILED), int(ended.timestamp() * 1e6))
        file.write(frame(messages.event(int(ended.timestamp() * 1e6), 0, end)))
    return counts


def series_of(run: RunView, patterns: list[str] | None, *, system: bool) -> list[str]:
    """The series of a run that were asked for."""
    if patterns:
        return run.matching(patterns)
    return [key for key in run.metrics if system or not key.startswith(SYSTEM_PREFIX)]


def _media(run: RunView, counts: Counter[str]) -> Iterator[bytes]:
    for known in run.media_keys():
        for item in run.media(known.key):
            tag = f"{item.key}/{item.index}" if item.index else item.key
            try:
                value = _value(tag, item)
            except EpochalError:
                value = None  # its bytes are on their way
            if value is None:
                counts["left out"] += 1
                continue
            counts[f"{item.kind}s"] += 1
            wall_us = int(item.time.timestamp() * 1_000_000)
            yield frame(messages.event(wall_us, item.step, value))


def _value(tag: str, item: MediaItem) -> bytes | None:
    """A medium as a value of a summary; None when TensorBoard has none of the kind."""
    meta = item.meta
    if item.kind == "histogram":
        edges = [float(edge) for edge in meta.get("edges") or []]
        counts = [float(count) for count in meta.get("counts") or []]
        return _histogram(tag, edges, counts, meta.get("stats") or {}) if len(edges) > 1 else None
    if item.kind in ("text", "markdown"):
        body = meta["text"] if "text" in meta else item.data().decode("utf-8", "replace")
        return messages.text(tag, str(body))
    if item.kind == "image" and item.suffix in ("png", "jpg", "jpeg", "gif"):
        body = item.data()
        width, height = int(meta.get("width") or 0), int(meta.get("height") or 0)
        return messages.image(tag, width, height, body)
    if item.kind == "audio" and item.suffix == "wav":
        return _sound(tag, item.data())
    return None


def _histogram(tag: str, edges: list[float], counts: list[float], stats: dict[str, Any]) -> bytes:
    """With the sums of the numbers themselves where they are known."""
    mean, norm = stats.get("mean"), stats.get("norm")
    total = mean * sum(counts) if isinstance(mean, (int, float)) else None
    squares = norm * norm if isinstance(norm, (int, float)) else None
    return messages.histogram(tag, edges, counts, total, squares)


def _sound(tag: str, body: bytes) -> bytes | None:
    if len(body) < 44 or body[:4] != b"RIFF" or body[8:16] != b"WAVEfmt ":
        return None
    channels, rate, per_second = struct.unpack_from("<HII", body, 22)
    if not per_second or not rate:
        return None
    frames = (len(body) - 44) * rate // per_second
    return messages.audio(tag, float(rate), channels, frames, body)
