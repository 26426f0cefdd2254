"""What a run says on the terminal at its start and its end: where to look, and how it went.

Pure text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from epochal.client.keyset import KeySet
from epochal.domain.names import DEFAULT_ENTITY, SYSTEM_PREFIX
from epochal.domain.run import RunRef, RunState

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = "\u00d7"
SPARK_WIDTH = 24
MAX_LINES = 12


def run_url(base: str, ref: RunRef) -> str:
    """The page of a run on a server."""
    return base.rstrip("/") + _run_path(ref)


def embed_url(url: str, ref: RunRef) -> str:
    """What a frame shows of a run: its curves, live.

    Args:
        url: the run's page.
        ref: the run.
    """
    place = {"project": ref.project}
    if ref.entity != DEFAULT_ENTITY:
        place["entity"] = ref.entity
    base = url.removesuffix(_run_path(ref))
    return f"{base}/embed/run/{quote(ref.id, safe='')}?{urlencode(place, quote_via=quote)}"


def _run_path(ref: RunRef) -> str:
    entity = "" if ref.entity == DEFAULT_ENTITY else f"@{quote(ref.entity, safe='')}/"
    return f"/p/{entity}{quote(ref.project, safe='')}/r/{quote(ref.id, safe='')}"


def start_lines(
    name: str, ref: RunRef, url: str | None, place: str, *, resumed: bool, command: str
) -> list[str]:
    """The lines at the start.

    Args:
        name: the run's name.
        ref: the run.
        url: its page, when a server is there to show it.
        place: where it is recorded.
        resumed: whether it existed before.
        command: what shows it when no server does.
    """
    verb = "resuming" if resumed else "recording"
    look = url if url is not None else f"run `{command}` to watch it"
    return [
        f"epochal: {verb} {name} (id {ref.id}) of project {ref.project} in {place}",
        f"epochal: {look}",
    ]


def finish_lines(
    name: str,
    state: RunState,
    summary: Mapping[str, Any],
    key_sets: Iterable[KeySet],
    url: str | None,
    notes: Sequence[str],
    command: str = "epochal ui",
) -> list[str]:
    """The lines at the end: state, sparklines of the series, last values, where to look."""
    lines = [f"epochal: {name} {state.value}"]
    sparks = sparklines(key_sets)
    numbers = {
        key: value
        for key, value in summary.items()
        if isinstance(value, (int, float)) and not key.startswith(SYSTEM_PREFIX)
    }
    keys = sorted(numbers, key=lambda key: (key not in sparks, key))[:MAX_LINES]
    width = max((len(key) for key in keys), default=0)
    for key in keys:
        spark = sparks.get(key, "")
        lines.append(
            f"  {key:<{min(width, 40)}.40}  {spark:<{SPARK_WIDTH}}  {numbers[key]:.6g}".rstrip()
        )
    if len(numbers) > len(keys):
        lines.append(f"  and {len(numbers) - len(keys)} more")
    lines += [f"epochal: {note}" for note in notes]
    lines.append(f"epochal: {url if url is not None else f'run `{command}` to look at it'}")
    return lines


def sparklines(key_sets: Iterable[KeySet]) -> dict[str, str]:
    """A line of blocks for every key that was logged at least twice."""
    points: dict[str, list[float]] = {}
    for keyset in key_sets:
        rows = keyset.remembered()
        for position, name in enumerate(keyset.names[:256]):
            points.setdefault(name, []).extend(row[3][position] for row in rows)
    return {name: sparkline(values) for name, values in points.items() if len(values) > 1}


def sparkline(values: Sequence[float], width: int = SPARK_WIDTH) -> str:
    """Blocks whose height follows the values; a cross stands where no value is finite."""
    count = min(width, len(values))
    groups = [
        values[i * len(values) // count : (i + 1) * len(values) // count] for i in range(count)
    ]
    means = [_finite_mean(group) for group in groups]
    heights = [mean for mean in means if mean is not None]
    if not heights:
        return GAP * count
    unit = max(map(abs, heights)) or 1.0
    low, high = min(heights) / unit, max(heights) / unit
    span = (high - low) or 1.0
    top = len(BLOCKS) - 1
    return "".join(
        GAP if mean is None else BLOCKS[round((mean / unit - low) / span * top)] for mean in means
    )


def _finite_mean(values: Sequence[float]) -> float | None:
    """The mean of the finite values, or None when there is none."""
    finite = [float(value) for value in values if math.isfinite(value)]
    return sum(value / len(finite) for value in finite) if finite else None
