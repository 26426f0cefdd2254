"""Media as they stand in a page: pictures, texts, tables and histograms of the newest step. Pure.

Bytes come as data addresses by digest; what has none is named. Nothing that a run logged is ever
markup here.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from epochal.domain.objects import MediaEntry, MediaView
from epochal.domain.report import PanelData
from epochal.reports import distributions, plots
from epochal.reports.curves import swatch
from epochal.reports.escape import escaped

MAX_ITEMS: Final = 24
MAX_ROWS: Final = 50
MAX_TEXT: Final = 20_000
_SMALL: Final = 160


def media_of(name: str, data: PanelData, pictures: Mapping[str, str]) -> str:
    """The newest media of each run of a panel.

    Args:
        name: of the panel.
        data: what it shows.
        pictures: addresses of images by digest.
    """
    names = {run.uid: run for run in data.runs}
    parts = []
    for entry in data.media or []:
        run = names[entry.run]
        label = f"{name} of {run.name}, step {entry.step:,}"
        items = "".join(_item(label, entry, item, pictures) for item in entry.items[:MAX_ITEMS])
        left = len(entry.items) - MAX_ITEMS
        more = f'<p class="soft">{left:,} more are not drawn.</p>' if left > 0 else ""
        head = f"{swatch(run.color)}{escaped(run.name)} · step {entry.step:,}"
        wide = "media" if any(item.kind != "plot" for item in entry.items) else "plots"
        parts.append(f'<p class="soft">{head}</p><div class="{wide}">{items}</div>{more}')
    return "".join(parts) or '<p class="soft">None of these runs has logged such media.</p>'


def table_of(meta: Mapping[str, Any]) -> str:
    """The first rows of a table, from its preview."""
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in meta["columns"])
    rows = meta.get("preview") or []
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_cell(cell))}</td>" for cell in row) + "</tr>"
        for row in rows[:MAX_ROWS]
    )
    more = int(meta.get("rows") or 0) - len(rows[:MAX_ROWS])
    note = f'<p class="soft">{more:,} more rows</p>' if more > 0 else ""
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{note}"
    )


def _item(name: str, entry: MediaEntry, item: MediaView, pictures: Mapping[str, str]) -> str:
    try:
        body = _body(name, entry, item, pictures)
    except (KeyError, TypeError, ValueError):
        body = ""  # not in its usual form
    if not body:
        body = f'<p class="soft">{escaped(item.kind)}, shown on the page of the project only</p>'
    caption = item.meta.get("caption")
    said = f'<p class="soft">{escaped(caption)}</p>' if caption else ""
    return f"<div>{body}{said}</div>"


def _body(name: str, entry: MediaEntry, item: MediaView, pictures: Mapping[str, str]) -> str:
    if item.kind == "image" and "data" in item.blobs:
        address = pictures.get(item.blobs["data"].digest, "")
        width = item.meta.get("width")
        small = ' class="small"' if isinstance(width, int) and width < _SMALL else ""
        said = item.meta.get("caption") or name
        return f'<img{small} alt="{escaped(said)}" src="{address}">' if address else ""
    if item.kind in ("text", "markdown") and "text" in item.meta:
        return f"<pre>{escaped(str(item.meta['text'])[:MAX_TEXT])}</pre>"
    if item.kind == "table":
        return table_of(item.meta)
    if item.kind == "histogram":
        return distributions.outline(name, replace(entry, items=[item]))
    if item.kind == "plot" and "spec" in item.meta:
        return plots.plot_of(name, item.meta)
    return ""


def _cell(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dict) and "kind" in cell:
        return f"({cell['kind']})"
    return cell if isinstance(cell, str) else json.dumps(cell)
