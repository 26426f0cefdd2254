"""History, system metrics and console of a run, as wandb's public API reads them.

Rows are put together from the run's series, media and texts, whichever client logged them. Numbers
that are not finite stand bare in rows that are JSON in a string, and as strings where the answer
is JSON itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.objects import MediaEntry, MediaQuery
from epochal.domain.values import INT64_MAX, INT64_MIN, to_json
from epochal.errors import InvalidInput
from epochal.protocols.wandb.arguments import Given, read_json
from epochal.protocols.wandb.charts import tables_of
from epochal.protocols.wandb.execution import Asked, Fields
from epochal.protocols.wandb.files import rows_of
from epochal.protocols.wandb.ids import Place
from epochal.protocols.wandb.pages import read_cursor, write_cursor
from epochal.protocols.wandb.projects import detail_of, moment
from epochal.protocols.wandb.shown import is_drawn, value_of
from epochal.service import history, logs, media
from epochal.service.history import HistoryRow

SAMPLES: Final = 500
MOST: Final = 200_000
"""Rows of one answer."""
STEP, TIME, RUNTIME = "_step", "_timestamp", "_runtime"
OWN: Final = (STEP, TIME, RUNTIME)
LINES: Final = 1_000


# ---------------------------------------------------------------------------------------- history
async def rows(asked: Asked, parent: Place, given: Given) -> list[str]:
    """``history``: rows with everything that was logged, each a JSON text.

    ``maxStep`` is the first step that is not wanted any more.
    """
    lo, hi = given.optional("minStep"), given.optional("maxStep")
    found = await _everything(
        asked, parent, lo, None if hi is None else hi - 1, given.number("samples", SAMPLES)
    )
    detail = await detail_of(asked, parent)
    return _lines(found, detail.created_us)


async def sampled(asked: Asked, parent: Place, given: Given) -> list[list[dict[str, Any]]]:
    """``sampledHistory``: for each spec the rows that have all of its keys."""
    specs = [read_json(text, "a spec") for text in given.texts("specs")]
    return [await _spec(asked, parent, spec) for spec in specs]


async def _spec(asked: Asked, parent: Place, spec: Any) -> list[dict[str, Any]]:
    if not isinstance(spec, dict):
        raise InvalidInput(f"a spec is a JSON object with keys and samples, got {spec!r:.80}")
    given = Given(spec)
    keys = list(dict.fromkeys(given.texts("keys")))
    lo, hi = given.optional("minStep"), given.optional("maxStep")
    samples = _samples(given)
    if lo is not None and hi is not None and hi - lo == samples:
        # Clients without a core ask for pages that share their ends; others count both ends in.
        hi -= 1
    detail = await detail_of(asked, parent)
    series = {metric.key for metric in detail.metrics}
    wanted = [key for key in keys if key not in OWN]
    if wanted and all(key in series for key in wanted):
        found = await asked.call.read(
            history.read_rows, parent.uid, wanted, lo=_step(lo), hi=_step(hi), every=True,
            samples=samples,
        )  # fmt: skip
    else:
        whole = await _everything(asked, parent, lo, hi, MOST)
        found = _spread([row for row in whole if row.values.keys() >= set(wanted)], samples)
    return [{key: to_json(_value(row, key, detail.created_us)) for key in keys} for row in found]


def _samples(given: Given) -> int:
    return max(0, min(given.number("samples", SAMPLES), MOST))


def _step(value: int | None) -> int | None:
    return None if value is None else max(INT64_MIN, min(value, INT64_MAX))


def _value(row: HistoryRow, key: str, created_us: int) -> Any:
    if key == STEP:
        return row.step
    if key == TIME:
        return row.wall_us / 1e6
    if key == RUNTIME:
        return (row.wall_us - created_us) / 1e6
    return row.values[key]


async def _everything(
    asked: Asked, place: Place, lo: int | None, hi: int | None, samples: int
) -> list[HistoryRow]:
    """Rows of all series, media and texts; system metrics have a stream of their own."""
    lo, hi, most = _step(lo), _step(hi), max(0, min(samples, MOST))
    detail = await detail_of(asked, place)
    keys = [metric.key for metric in detail.metrics if not metric.key.startswith(SYSTEM_PREFIX)]
    entries = await _media(asked, place, lo, hi)
    texts = await asked.call.read(history.read_texts, place.uid, lo=lo, hi=hi)
    # Rows can only be left out by the store when nothing else has to be put into them.
    first = most if not entries and not texts else None
    found = await asked.call.read(history.read_rows, place.uid, keys, lo=lo, hi=hi, samples=first)
    if first is not None:
        return found
    by_step = {row.step: row for row in found}
    for point in texts:
        _add(by_step, point.step, point.wall_us, point.key, point.value)
    if entries:
        paths = {row.digest: row.path for row in await rows_of(asked, place) if row.digest}
        for entry in entries:
            if not is_drawn(entry):
                _add(by_step, entry.step, entry.wall_us, entry.key, value_of(entry, paths))
    return _spread([by_step[step] for step in sorted(by_step)], most)


def _add(rows: dict[int, HistoryRow], step: int, wall_us: int, key: str, value: Any) -> None:
    row = rows.get(step)
    if row is None:
        row = rows[step] = HistoryRow(step, wall_us, {})
    row.values[key] = value
    if wall_us > row.wall_us:
        rows[step] = row._replace(wall_us=wall_us)


async def _media(asked: Asked, place: Place, lo: int | None, hi: int | None) -> list[MediaEntry]:
    key = ("media", place.uid)
    if key not in asked.memory:
        asked.memory[key] = (await asked.call.read(media.media_keys, place.uid)).keys
    known = asked.memory[key]
    if not any(
        (hi is None or each.first_step <= hi) and (lo is None or each.last_step >= lo)
        for each in known
    ):
        return []
    query = MediaQuery([place.uid], lo=lo, hi=hi, limit=1_000)
    found: list[MediaEntry] = []
    while True:
        page = await asked.call.read(media.query_media, query)
        found += page.entries
        if page.cursor is None or len(found) > MOST:
            return found
        query = msgspec.structs.replace(query, cursor=page.cursor)


def _spread(items: Sequence[HistoryRow], samples: int) -> list[HistoryRow]:
    """At most so many of the items, evenly spread, the first and the last among them."""
    if len(items) <= samples:
        return list(items)
    if samples < 2:
        return list(items[:samples])
    width = (len(items) - 1) / (samples - 1)
    return [items[round(index * width)] for index in range(samples)]


def _lines(found: Iterable[HistoryRow], created_us: int) -> list[str]:
    lines = []
    for step, wall_us, fields in found:  # the rows are ours: their values become the lines
        fields[STEP], fields[TIME] = step, wall_us / 1e6
        fields[RUNTIME] = (wall_us - created_us) / 1e6
        lines.append(_line(fields))
    return lines


def _line(fields: dict[str, Any]) -> str:
    """A JSON text in which numbers that are not finite stand bare."""
    try:
        is_plain = math.isfinite(sum(fields.values()))
    except (TypeError, OverflowError):  # there are other values, or huge ones
        is_plain = all(value.__class__ is str or _is_finite(value) for value in fields.values())
    if is_plain:
        return _encode(fields).decode()
    return json.dumps(fields, ensure_ascii=False)


def _is_finite(value: Any) -> bool:
    return value.__class__ is int or (value.__class__ is float and math.isfinite(value))


_encode: Final = msgspec.json.Encoder().encode


# --------------------------------------------------------------------------------- system metrics
async def events(asked: Asked, parent: Place, given: Given) -> list[str]:
    """``events``: rows of system metrics, each a JSON text."""
    detail = await detail_of(asked, parent)
    keys = [metric.key for metric in detail.metrics if metric.key.startswith(SYSTEM_PREFIX)]
    found = await asked.call.read(history.read_rows, parent.uid, keys, samples=_samples(given))
    return [
        _line(
            {
                **{key.replace("/", ".", 1): value for key, value in row.values.items()},
                "_wandb": True, TIME: row.wall_us / 1e6,
                RUNTIME: (row.wall_us - detail.created_us) / 1e6,
            }
        )
        for row in found
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------- keys
async def keys_info(asked: Asked, parent: Place, given: Given) -> dict[str, Any] | None:
    """``historyKeys``: what was logged under which key, and the last step."""
    detail = await detail_of(asked, parent)
    found: dict[str, Any] = {}
    for metric in detail.metrics:
        if not metric.key.startswith(SYSTEM_PREFIX):
            found[metric.key] = _key("number", metric.count, metric.last)
    pages = await asked.call.read(media.media_keys, parent.uid)
    media_keys = {entry.key for entry in pages.keys}
    for entry in pages.keys:
        # A chart that was drawn here is no key of the client's: it logged the table.
        if entry.kind != "plot" or media_keys.isdisjoint(tables_of(entry.key)):
            found[entry.key] = _key(entry.kind, entry.count, None)
    steps = [detail.last_step, *(entry.last_step for entry in pages.keys)]
    if ("page", parent.uid) in asked.memory:  # in a list the journals are not read for it
        for key, value in detail.summary.items():
            if isinstance(value, str):
                found.setdefault(key, _key("string", 1, value))
    else:
        for point in await asked.call.read(history.read_texts, parent.uid):
            known = found.setdefault(point.key, _key("string", 0, None))
            known["typeCounts"][0]["count"] += 1
            known["previousValue"] = point.value
            steps.append(point.step)
    last = max((step for step in steps if step is not None), default=-1)
    if found:
        found[STEP] = _key("number", max(entry["typeCounts"][0]["count"] for entry in
                                         found.values()), last)  # fmt: skip
    return {"sets": [], "keys": to_json(found), "lastStep": last}


def _key(type: str, count: int, last: Any) -> dict[str, Any]:
    return {"typeCounts": [{"type": type, "count": count}], "previousValue": last}


async def parquet(asked: Asked, parent: Place, given: Given) -> dict[str, Any]:
    """``parquetHistory``: there are no such files, every row from step 0 on is read from here."""
    return {"parquetUrls": [], "liveData": [{STEP: 0}]}


# ---------------------------------------------------------------------------------------- console
async def console(asked: Asked, parent: Place, given: Given) -> dict[str, Any]:
    """``logLines``: a window of the console, or its end."""
    last = given.optional("last")
    if last is not None:
        page = await asked.call.read(logs.read_logs, parent.uid, tail=last)
    else:
        start = read_cursor(given.text("after"))
        limit = given.number("first", LINES)
        page = await asked.call.read(logs.read_logs, parent.uid, start=start, limit=limit)
    edges = [
        {
            "cursor": write_cursor(line.n + 1),
            "node": {
                "id": f"{line.n}", "number": line.n, "timestamp": moment(line.t_us),
                "level": "error" if line.stream == "err" else "info", "label": "",
                "line": line.text,
            },
        }
        for line in page.lines
    ]  # fmt: skip
    end = page.lines[-1].n + 1 if page.lines else page.start
    more = last is None and end < page.total
    return {
        "edges": edges,
        "pageInfo": {"endCursor": write_cursor(end), "hasNextPage": more},
    }


FIELDS: Final[Fields] = {
    "Run": {
        "history": rows, "sampledHistory": sampled, "events": events, "historyKeys": keys_info,
        "parquetHistory": parquet, "logLines": console,
    },
}  # fmt: skip
