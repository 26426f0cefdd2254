"""One run as one HTML file that opens from disk and asks nobody for anything.

Everything is inline, there is no script, and a policy in the head forbids every request. Charts
are drawn from buckets that lose no spike; media are those of the last step of each key, as far as
they fit; whatever is left out is said on the page. All that a user ever typed is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from epochal._version import __version__
from epochal.api import RunView
from epochal.api.facts import datetime_of
from epochal.api.history import History
from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.values import flatten
from epochal.exports.charts import Bucket, chart
from epochal.exports.look import STYLE
from epochal.exports.pictures import Gallery
from epochal.reports.axes import shown
from epochal.reports.escape import escaped

BUCKETS: Final = 160
MAX_CHARTS: Final = 500
LINES: Final = 1_000
MAX_FILES: Final = 1_000
MAX_VALUE: Final = 2_000
_SGR: Final = re.compile(r"\x1b\[[0-9;:]*m")
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
    "form-action 'none'; base-uri 'none'"
)


def page_of(run: RunView, keys: Sequence[str], now: datetime | None = None) -> Iterator[str]:
    """The page, piece by piece.

    Args:
        run: the run.
        keys: which series have a chart.
        now: what the page says of when it was made.

    Raises:
        EpochalError: the run cannot be read.
    """
    title = f"{run.name} · {run.project}"
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{STYLE}</style></head><body>"
    )
    yield _head(run)
    drawn = [key for key in keys if run.metrics[key].count > 1]
    own = [key for key in drawn if not key.startswith(SYSTEM_PREFIX)]
    system = [key for key in drawn if key.startswith(SYSTEM_PREFIX)]
    yield from _charts(run, own, "Charts")
    gallery = Gallery(run)
    yield from gallery.sections()
    yield _table("Config", ("key", "value"), _pairs(run.config))
    set_by_user = {key: value for key, value in run.summary.items() if key not in run.metrics}
    yield _table("Summary", ("key", "value"), _pairs(set_by_user))
    yield _metrics(run, keys)
    yield from _charts(run, system, "System")
    yield _events(run)
    yield _console(run)
    yield _belongings(run)
    yield _table("Environment", ("key", "value"), _pairs(run.environment))
    made = (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    yield f'<p class="soft">Written by Epochal {escaped(__version__)}, {made}.</p></body></html>\n'


def _head(run: RunView) -> str:
    ended = "" if run.ended is None else f", ended {_moment(run.ended)}"
    code = "" if run.exit_code is None else f", exit code {run.exit_code}"
    words = [str(run.state), *run.tags, *filter(None, (run.group, run.job_type))]
    chips = "".join(f'<span class="chip">{escaped(word)}</span>' for word in words)
    notes = f"<pre>{escaped(run.notes)}</pre>" if run.notes else ""
    return (
        f"<h1>{escaped(run.name)}</h1>"
        f'<p class="soft">{escaped(run.project)} / {escaped(run.id)}, began {_moment(run.created)}'
        f"{ended}{code}{', on ' + escaped(run.host) if run.host else ''}</p>"
        f"<p>{chips}</p>{notes}"
    )


def _charts(run: RunView, keys: Sequence[str], title: str) -> Iterator[str]:
    if not keys:
        return
    yield f'<h2>{title}</h2><div class="charts">'
    for key in keys[:MAX_CHARTS]:
        buckets = buckets_of(run.history([key], samples=BUCKETS), key)
        yield f'<div class="panel"><h3>{escaped(key)}</h3>{chart(key, buckets)}</div>'
    yield "</div>"
    if len(keys) > MAX_CHARTS:
        yield f'<p class="soft">{len(keys) - MAX_CHARTS:,} more series have no chart here.</p>'


def buckets_of(history: History, key: str) -> list[Bucket]:
    """The buckets of a series that have points."""
    odd = sum(
        (history[f"{key}.{name}"] for name in ("n_nan", "n_posinf", "n_neginf")
         if f"{key}.{name}" in history.keys),
        start=np.zeros(len(history), np.int64),
    )  # fmt: skip
    columns = [history[f"{key}.{name}"].tolist() for name in ("min", "max", "mean", "n")]
    rows = zip(history.steps.tolist(), *columns, odd.tolist(), strict=True)
    return [
        Bucket(step, _finite(low), _finite(high), _finite(mean), bad)
        for step, low, high, mean, count, bad in rows
        if count
    ]


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _metrics(run: RunView, keys: Sequence[str]) -> str:
    rows = [
        (metric.key, _cell(metric.last), _cell(metric.min), _cell(metric.max), f"{metric.count:,}")
        for metric in (run.metrics[key] for key in keys)
    ]
    return _table("Series", ("key", "last", "min", "max", "points"), rows)


def _cell(value: object) -> str:
    return shown(value) if isinstance(value, (int, float)) else str(value or "-")


def _events(run: RunView) -> str:
    rows = [
        (_moment(datetime_of(event.t_us)), event.level, event.title, event.text)
        for event in run.events
    ]
    return _table("Events", ("when", "level", "what", ""), rows)


def _console(run: RunView) -> str:
    lines = list(run.logs(tail=LINES))
    if not lines:
        return ""
    text = escaped("\n".join(_SGR.sub("", line) for line in lines))
    more = f" (the last {LINES:,} lines)" if len(lines) == LINES else ""
    return f"<h2>Console{more}</h2><pre>{text}</pre>"


def _belongings(run: RunView) -> str:
    files = run.files()
    rows = [(file.path, f"{file.size:,} B", file.type) for file in files[:MAX_FILES]]
    page = _table("Files", ("path", "size", "type"), rows)
    if len(files) > MAX_FILES:
        page += f'<p class="soft">{len(files) - MAX_FILES:,} more files.</p>'
    made = [
        (one.path, one.type, ", ".join(one.aliases), f"{one.size:,} B") for one in run.artifacts()
    ]
    return page + _table("Artifacts", ("version", "type", "aliases", "size"), made)


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for key, value in flatten(values):
        text = value if isinstance(value, str) else repr(value)
        if isinstance(value, float):
            text = repr(value)
        found.append((key, text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"))
    return found


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escaped(name)}</th>" for name in heads)
    body = "".join(
        "<tr>" + "".join(f'<td class="n">{escaped(cell)}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<h2>{title}</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
