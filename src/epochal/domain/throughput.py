"""What the machine's and the loop's own numbers say: GPUs that wait, steps that wait for data.

Pure. A GPU that the run does not use is no finding: only when none of them is busy, or when those
that work pause together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median
from typing import Final

from epochal.domain.insight import Insight, Kind, Line, figure

GPU: Final = re.compile(r"system/gpu\.(\d+)\.utilization")
CPU: Final = "system/cpu.percent"
LEAST_SAMPLES: Final = 30
"""Five minutes of samples, one each ten seconds: less says nothing about a run."""
BUSY: Final = 30.0
"""Percent of the time: below, a GPU does less than a third of what it could."""
RESTING: Final = 10.0
"""Percent: evaluations and checkpoints keep a GPU busier than that."""
RESTING_SHARE: Final = 0.2
WAITING_SHARE: Final = 0.3
"""Of a step that passes before its data is there."""

_TIMES: Final = frozenset(["time", "seconds", "secs", "sec", "s", "ms", "wait"])
_DATA: Final = frozenset(["data", "load", "loading", "loader", "dataloader", "fetch", "input"])
_STEP: Final = frozenset(["step", "iter", "iteration", "batch"])
_WORDS: Final = re.compile(r"[^0-9a-z]+")


def find_idle(lines: Sequence[Line]) -> list[Insight]:
    """GPUs that were not busy, in the whole run or in a long part of it."""
    gpus = [line for line in lines if GPU.fullmatch(line.key) and sum(line.n) >= LEAST_SAMPLES]
    if not gpus:
        return []
    shares = {line.key: _mean(line) for line in gpus}
    busiest = max(gpus, key=lambda line: shares[line.key])
    cpu = next((line for line in lines if line.key == CPU), None)
    beside = f" The processors were {_mean(cpu):.0f} % busy." if cpu and len(cpu) else ""
    if shares[busiest.key] < BUSY:
        which = "The GPU was" if len(gpus) == 1 else f"Of {len(gpus)} GPUs the busiest was"
        return [Insight(
            kind=Kind.IDLE, severity="warning",
            title=f"GPU busy {shares[busiest.key]:.0f} % of the time",
            text=f"{which} busy {shares[busiest.key]:.0f} % of the time on average, over "
            f"{sum(busiest.n):,} samples.{beside}",
            key=busiest.key, place="system", numbers={"utilization": shares[busiest.key]},
        )]  # fmt: skip
    return _pause(busiest)


def _pause(line: Line) -> list[Insight]:
    """The longest stretch of a busy GPU in which it rested."""
    longest, start = (0, 0), 0
    for index in range(len(line) + 1):
        if index == len(line) or line.mean[index] >= RESTING:
            longest = max(longest, (index - start, start))
            start = index + 1
    count, first = longest
    if count < max(3, RESTING_SHARE * len(line)):
        return []
    part = line.mean[first : first + count]
    return [Insight(
        kind=Kind.IDLE, severity="info", title=f"GPU idle for {count / len(line):.0%} of the run",
        text=f"{line.key} was {median(part):.0f} % during {count / len(line):.0%} of the run in "
        f"one stretch, and {_mean(line):.0f} % on average.",
        key=line.key, lo=line.lo[first], hi=line.hi[first + count - 1], place="system",
        numbers={"share": count / len(line), "utilization": median(part)},
    )]  # fmt: skip


def find_waiting(lines: Sequence[Line]) -> list[Insight]:
    """Steps that wait for their data, where the run tells both times."""
    data = [line for line in lines if len(line) and _is_time(line.key, _DATA)]
    steps = [
        line for line in lines
        if len(line) and _is_time(line.key, _STEP) and not _is_time(line.key, _DATA)
    ]  # fmt: skip
    found = []
    for line in data:
        step = next((one for one in steps if _unit(one.key) == _unit(line.key)), None)
        if step is None or sum(line.n) < LEAST_SAMPLES:
            continue
        waiting, whole = _mean(line), max(_mean(step), _mean(line))
        if whole > 0 and waiting / whole > WAITING_SHARE:
            found.append(Insight(
                kind=Kind.INPUT, severity="warning",
                title=f"{waiting / whole:.0%} of a step is waiting for data",
                text=f"{line.key} is {figure(waiting)} on average, {step.key} {figure(whole)}: "
                f"more workers or a faster format for the data would help.",
                key=line.key, numbers={"data": waiting, "step": whole},
            ))  # fmt: skip
    return found[:1]


def is_time(key: str) -> bool:
    """Whether a series is a time that a step takes, or its data, by its name."""
    return _is_time(key, _DATA) or _is_time(key, _STEP)


def _is_time(key: str, about: frozenset[str]) -> bool:
    words = set(_WORDS.split(key.lower()))
    return bool(words & _TIMES) and bool(words & about)


def _unit(key: str) -> str:
    return "ms" if "ms" in _WORDS.split(key.lower()) else "s"


def _mean(line: Line) -> float:
    points = sum(line.n)
    return sum(n * mean for n, mean in zip(line.n, line.mean, strict=True)) / points
