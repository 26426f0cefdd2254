"""A panel of a report: a fenced block of lines ``name: value``.

    ```panel
    panel: lines:train/*|val/loss
    where: config.lr < 0.01
    x: rel
    log: y
    frozen: 3fb2c1...
    ```

``panel`` is what the page's panels are called (``web/src/core/panelspec.ts``). Its runs are those
that ``where`` or the saved view ``view`` chooses, the newest ``limit`` of them, or those that
``runs`` names. Reading never guesses: what is not understood is told with its line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote

import msgspec

from epochal.domain.view import MetricAxis
from epochal.errors import InvalidInput

INFO: Final = "panel"
"""The word after the fence."""
KINDS: Final = (
    "lines", "formula", "scatter", "bar", "parallel", "importance", "ridge", "heat", "media",
)  # fmt: skip
HISTOGRAMS: Final = ("ridge", "heat")
"""Panels of histograms over steps."""
USUAL_RUNS: Final = 20
MOST_RUNS: Final = 200
MOST_MEDIA_RUNS: Final = 8
"""How many of its runs a panel shows media or histograms of."""
MOST_KEYS: Final = 40
_NAMES: Final = (
    "panel", "title", "where", "view", "runs", "limit", "x", "range", "smooth", "log", "frozen",
)  # fmt: skip
Axis: TypeAlias = Literal["step", "wall", "relative"] | MetricAxis
_LINE: Final = re.compile(r"\s*([a-z]+)\s*:(.*)")
_SMOOTH: Final = re.compile(r"ema:(0?\.\d{1,6})")
_FROZEN: Final = re.compile(r"[0-9a-f]{32}")
_EXPRESSION: Final = re.compile(r"[?^$\[\](){}+\\]")


class Panel(msgspec.Struct, frozen=True):
    """A panel as its block says it; ``runs`` is None where a filter chooses."""

    kind: str
    what: str
    """Behind the colon: a pattern of keys, a formula, columns."""
    title: str = ""
    where: str = ""
    view: str = ""
    runs: list[str] | None = None
    limit: int = USUAL_RUNS
    x: Axis = "step"
    range: tuple[float, float] | None = None
    smooth: float = 0.0
    log_x: bool = False
    log_y: bool = False
    frozen: str = ""

    @property
    def columns(self) -> list[str]:
        """The columns of a panel over runs."""
        return [part for part in map(unquote, self.what.split(";")) if part]

    @property
    def name(self) -> str:
        """What stands above it."""
        if self.title:
            return self.title
        if self.kind == "scatter" and len(self.columns) > 1:
            return f"{self.columns[1]} by {self.columns[0]}"
        if self.kind == "importance":
            return f"What matters for {self.what}"
        return " · ".join(self.columns) if self.kind == "parallel" else self.what


def read_panel(text: str) -> Panel:
    """Read the lines of a block.

    Raises:
        InvalidInput: a line is not understood, or no line says which panel.
    """
    given: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None or match[1] not in _NAMES:
            raise InvalidInput(
                f"{line.strip()[:80]!r} is no line of a panel; expected a name and a colon: "
                f"{', '.join(_NAMES)}"
            )
        if match[1] in given:
            raise InvalidInput(f"{match[1]!r} stands twice in this panel; leave one out")
        given[match[1]] = match[2].strip()
    kind, _, what = given.get("panel", "").partition(":")
    if kind not in KINDS or not what:
        raise InvalidInput(
            f"'panel: {given.get('panel', '')[:80]}' names no panel; expected one of "
            f"{', '.join(KINDS)} with what it shows, as in 'panel: lines:train/loss'"
        )
    panel = Panel(
        kind,
        what,
        title=given.get("title", ""),
        where=given.get("where", ""),
        view=given.get("view", ""),
        runs=None if "runs" not in given else _items(given["runs"]),
        limit=_limit(given.get("limit", "")),
        x=_axis(given.get("x", "")),
        range=_range(given.get("range", "")),
        smooth=_smooth(given.get("smooth", "")),
        log_x="x" in given.get("log", ""),
        log_y="y" in given.get("log", ""),
        frozen=_frozen(given.get("frozen", "")),
    )
    if kind == "scatter" and len(panel.columns) not in (2, 3):
        raise InvalidInput("a scatter panel needs two columns and at most a third, with ';'")
    return panel


def keys_of(pattern: str, keys: Sequence[str]) -> list[str]:
    """The keys that a pattern names, as the page finds them: parts between bars, stars in them.

    Raises:
        InvalidInput: a part is a regular expression, which only the page reads.
    """
    known = set(keys)
    parts = [part.strip() for part in pattern.split("|") if part.strip()]
    if parts and all(part in known for part in parts):
        return parts[:MOST_KEYS]
    for part in parts:
        if part not in known and _EXPRESSION.search(part):
            raise InvalidInput(
                f"{part[:80]!r} is a regular expression, which only the page reads; "
                "write the names with stars"
            )
    return [key for key in keys if any(_fits(part, key, known) for part in parts)][:MOST_KEYS]


def _fits(part: str, key: str, known: set[str]) -> bool:
    if part in known:
        return part == key
    low = key.lower()
    first, *rest = part.lower().split("*")
    if not rest:
        return first in low
    if not low.startswith(first):
        return False
    at = len(first)
    for piece in rest:
        at = low.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True


def _items(text: str) -> list[str]:
    return [unquote(part.strip()) for part in text.split(",") if part.strip()]


def _limit(text: str) -> int:
    if not text:
        return USUAL_RUNS
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_RUNS:
        raise InvalidInput(f"'limit: {text[:80]}' must be a number from 1 to {MOST_RUNS}")
    return int(text)


def _axis(text: str) -> Axis:
    names: dict[str, Axis] = {"": "step", "step": "step", "time": "wall", "rel": "relative"}
    if text.startswith("m:") and len(text) > len("m:"):
        return MetricAxis(text[2:])
    if text not in names:
        raise InvalidInput(f"'x: {text[:80]}' is no axis; expected step, time, rel or m:KEY")
    return names[text]


def _range(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InvalidInput(f"'range: {text[:80]}' must be two numbers, as in 'range: 0,500'")
    return low, high


def _smooth(text: str) -> float:
    if not text:
        return 0.0
    match = _SMOOTH.fullmatch(text)
    if match is None or not 0 < float(match[1]) < 1:
        raise InvalidInput(f"'smooth: {text[:80]}' must be a weight, as in 'smooth: ema:0.6'")
    return float(match[1])


def _frozen(text: str) -> str:
    if text and not _FROZEN.fullmatch(text):
        raise InvalidInput(f"'frozen: {text[:80]}' is no name of a frozen panel")
    return text
