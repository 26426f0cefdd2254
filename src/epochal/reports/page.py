"""A report as one HTML file that opens from disk and asks nobody for anything.

Everything is inline, there is no script, and a policy in the head forbids every request. Panels
are drawn from the data that they are given; one that has none says why in its place. All that a
user ever typed is escaped.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any, Final

from epochal._version import __version__
from epochal.domain.report import PanelData, ReportDetail
from epochal.errors import EpochalError
from epochal.reports import distributions, figures
from epochal.reports.axes import shown
from epochal.reports.curves import COLORS, DASHES, chart, read_curves, swatch
from epochal.reports.escape import escaped
from epochal.reports.look import STYLE
from epochal.reports.markdown import Block, Item, Span, read_markdown
from epochal.reports.media import media_of
from epochal.reports.panel import HISTOGRAMS, INFO, MOST_MEDIA_RUNS, Panel

Drawn = tuple[Panel, PanelData]
Panels = Mapping[str, Drawn | EpochalError]
"""By the text of their blocks."""
MOST_PANELS: Final = 200
"""How many panels of a page are drawn."""

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'"
)
FIELDS: Final = ("duration", "last_step", "created", "state", "group", "name", "host")
"""Columns that every run has by itself."""


def panel_texts(text: str) -> Counter[str]:
    """The blocks of a text that are panels and are drawn, with how often each of them is."""
    panels = [one.text for one in read_markdown(text) if _is_panel(one)]
    return Counter(panels[:MOST_PANELS])


def page_of(
    report: ReportDetail, panels: Panels, pictures: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The page, piece by piece.

    Args:
        report: with its text.
        panels: what they show, by the text of their blocks.
        pictures: data addresses of images, by digest.
    """
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(report.title)}</title><style>{STYLE}</style></head><body><article>"
        f'<h1 class="title">{escaped(report.title)}</h1>'
        f'<p class="soft">{escaped(report.project)} · {_day(report.updated_us)} · '
        f"{escaped(report.updated_by)}</p>"
    )
    drawn = 0
    for block in read_markdown(report.text):
        if not _is_panel(block):
            yield _block(block)
        elif drawn < MOST_PANELS:
            drawn += 1
            yield _figure(panels[block.text], pictures or {})
        else:
            yield _problem(f"Not drawn: a page has at most {MOST_PANELS} panels.")
    yield f'</article><p class="soft">Written by Epochal {escaped(__version__)}.</p>'
    yield "</body></html>\n"


def _is_panel(block: Block) -> bool:
    return block.kind == "code" and block.info == INFO


def _block(block: Block) -> str:
    if block.kind == "heading":
        level = min(6, block.level + 1)
        return f"<h{level}>{_spans(block.spans)}</h{level}>"
    if block.kind == "code":
        return f"<pre>{escaped(block.text)}</pre>"
    if block.kind == "rule":
        return "<hr>"
    if block.kind == "list":
        return _list(block.items, ordered=block.ordered)
    if block.kind == "table":
        return _table(block)
    tag = "blockquote" if block.kind == "quote" else "p"
    return f"<{tag}>{_spans(block.spans)}</{tag}>"


def _spans(spans: Sequence[Span]) -> str:
    tags = {"code": "code", "strong": "strong", "em": "em"}
    parts = []
    for span in spans:
        text = escaped(span.text)
        if span.kind == "link":
            href = escaped(span.href)
            parts.append(f'<a href="{href}" rel="noopener noreferrer">{text}</a>')
        elif span.kind in tags:
            parts.append(f"<{tags[span.kind]}>{text}</{tags[span.kind]}>")
        else:
            parts.append(text)
    return "".join(parts)


def _list(items: Sequence[Item], *, ordered: bool) -> str:
    tag = "ol" if ordered else "ul"
    lines = "".join(
        f'<li style="margin-left:{item.depth * 22}px">{_spans(item.spans)}</li>' for item in items
    )
    return f"<{tag}>{lines}</{tag}>"


def _table(block: Block) -> str:
    styles = [f' style="text-align: {side}"' if side else "" for side in block.align]
    lines = []
    for at, row in enumerate(block.rows):
        tag = "th" if at == 0 else "td"
        sides = chain(styles, repeat(""))
        found = "".join(
            f"<{tag}{style}>{_spans(cell)}</{tag}>"
            for cell, style in zip(row, sides, strict=False)
        )
        lines.append(f"<tr>{found}</tr>")
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def _figure(found: Drawn | EpochalError, pictures: Mapping[str, str]) -> str:
    if isinstance(found, EpochalError):
        return _problem(found.message)
    panel, data = found
    said = f"frozen {_day(data.at_us)}" if panel.frozen else f"as of {_day(data.at_us)}"
    head = f"<figcaption>{escaped(panel.name)} <span>{said}</span></figcaption>"
    missing = ", ".join(data.missing)
    gone = f'<p class="problem">Not there any more: {escaped(missing)}.</p>' if missing else ""
    went = ", ".join(f"{ref.name} in {ref.project}" for ref in data.moved)
    elsewhere = (
        f'<p class="soft">Moved, and shown from there: {escaped(went)}.</p>' if went else ""
    )
    return f"<figure>{head}{_drawing(panel, data, pictures)}{elsewhere}{gone}</figure>"


def _problem(text: str) -> str:
    return f'<figure><p class="problem">{escaped(text)}</p></figure>'


def _drawing(panel: Panel, data: PanelData, pictures: Mapping[str, str]) -> str:
    if data.columns is not None:
        return _curves(panel, data, data.columns)
    if panel.kind in ("lines", "formula"):
        return f'<p class="soft">{_why_empty(panel, data)}</p>'
    if data.importance is not None:
        return figures.importance(data.importance)
    if panel.kind in HISTOGRAMS:
        return distributions.drawing(panel.kind, panel.name, data) + _undrawn(data)
    if data.table is None:
        return media_of(panel.name, data, pictures) + _undrawn(data)
    table = data.table

    def column(name: str) -> list[Any]:
        return table.columns.get(name) or [field_of(run, name) for run in table.runs]

    if panel.kind == "scatter":
        return figures.scatter(panel.name, table, column, panel.columns)
    if panel.kind == "bar":
        return figures.bars(table, column(panel.what))
    return figures.rows_of(table, column, panel.columns)


def _undrawn(data: PanelData) -> str:
    """Tells of how many runs a panel of media or histograms shows some."""
    count, drawn = (
        max(data.matched, len(data.runs)),
        len({entry.run for entry in data.media or []}),
    )
    told = (
        f"{drawn:,} of {count:,} runs: the first ones, at most {MOST_MEDIA_RUNS}, that have one."
    )
    return f'<p class="soft">{told}</p>' if count > MOST_MEDIA_RUNS and drawn else ""


def field_of(run: Any, name: str) -> Any:
    """A fact of a run as a value; durations in seconds, None for what is none."""
    if name == "duration":
        return ((run.ended_us or run.updated_us) - run.created_us) / 1e6
    if name == "created":
        return _day(run.created_us)
    return getattr(run, name) if name in FIELDS else None


def _curves(panel: Panel, data: PanelData, columns: str) -> str:
    one_run = len(data.runs) == 1 and len(data.keys) > 1
    pairs = [(run, key, at) for at, key in enumerate(data.keys) for run in data.runs]
    looks = [at if one_run else _look(run.color, at, data) for run, _, at in pairs]
    axis, curves = read_curves(b64decode(columns), looks)
    drawing = chart(panel.name, axis, curves, log_x=panel.log_x, log_y=panel.log_y)
    if not drawing:
        return f'<p class="soft">{_why_empty(panel, data)}</p>'
    legend = "".join(
        f"<li>{swatch(look)}{escaped(_name(run.name, key, data, one_run=one_run))}</li>"
        for look, (run, key, _) in zip(looks, pairs, strict=True)
    )
    more = data.matched - len(data.runs)
    left = f'<p class="soft">The newest {len(data.runs):,} of {data.matched:,} runs.</p>'
    return f'{drawing}<ul class="legend">{legend}</ul>{left if more > 0 else ""}'


def _look(color: int, at: int, data: PanelData) -> int:
    """Of several keys each has a dash."""
    return color % COLORS + COLORS * (at % DASHES) if len(data.keys) > 1 else color


def _name(run: str, key: str, data: PanelData, *, one_run: bool) -> str:
    if one_run:
        return key
    return f"{run} · {key}" if len(data.keys) > 1 else run


def _why_empty(panel: Panel, data: PanelData) -> str:
    if not data.runs:
        return "No run is chosen by this panel."
    return f"No metric is called “{escaped(panel.what)}”." if not data.keys else "No points."


def _day(us: int) -> str:
    try:
        return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, OSError, ValueError):
        return shown(us)
