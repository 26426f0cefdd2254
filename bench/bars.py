"""The bars that the page was designed for, and which figure of a run answers each.

Times and CPU are meant for a machine on which `page.speed` gives 1.0; a figure is shown as it was
measured, beside the bar as it stands. What no stop watch can tell is held by tests, named here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from bench.clients import Result


class Bar(NamedTuple):
    """A figure of the part ``page``, and what it has to stay below."""

    what: str
    figure: str
    limit: float


BARS: Final = (
    Bar("project of 1,000 runs: first chart, ms", "chart:first ms", 500),
    Bar("all charts of the screen, ms", "viewport ms", 900),
    Bar("table rows, ms", "table:rows ms", 400),
    Bar("kilobytes to open it", "kilobytes", 1500),
    Bar("requests to open it", "requests", 25),
    Bar("heap after opening, MB", "heap MB", 120),
    Bar("after a minute of ceaseless use, MB", "heap after ceaseless use MB", 120),
    Bar("of a run of a million steps, MB", "its heap MB", 60),
    Bar("zoom by dragging over ten runs, CPU ms a frame", "drag to zoom CPU ms/frame", 14),
    Bar("cursor over all charts, CPU ms a frame", "cursor CPU ms/frame", 8),
    Bar("10,000 runs, 100 columns: rows after data, ms", "rows of 100 columns after data ms", 300),
    Bar("scroll, CPU ms a frame", "scroll of 100 columns CPU ms/frame", 12),
    Bar("elements of its page", "elements of 100 columns", 1500),
    Bar("sort, ms until other rows are painted", "sort of 10,000 runs ms", 50),
    Bar("live, 20 runs of 10 metrics at 10 Hz: oldest point, s", "live worst delay s", 1.5),
    Bar("CPU, % of a core", "live CPU %", 15),
    Bar("heap growth, MB", "live heap growth MB", 5),
    Bar("log of a million lines: its end, ms", "end of a million lines ms", 400),
    Bar("a search in it, ms", "search in a million lines ms", 1000),
)

TESTS: Final = """\
The size of the bundle is held by `npm run size`, the committed bundle by `tests/test_project.py`,
and these by tests in `tests/browser`: an idle page, a hidden tab and ten tabs (`test_connection`),
every spike and NaN at three zooms and after reloads (`test_honesty`), metrics that end in NaN
(`test_bad_values`), no outside request (the rule of all browser tests, and `test_privacy`),
accessibility, contrast, both themes and phone width (`test_looks`), keyboard (`test_keyboard`).
"""


def rows(page: Result) -> list[tuple[str, float, float, str]]:
    """What, figure, bar and verdict of each bar whose figure is there."""
    return [
        (bar.what, page[bar.figure], bar.limit, "yes" if page[bar.figure] < bar.limit else "no")
        for bar in BARS
        if bar.figure in page
    ]


def beside_others(found: dict[str, Result], costs: tuple[str, ...]) -> list[list[str]]:
    """How many times more the best of the others costs, by each cost, and what is wanted."""
    others = [cost for peer, cost in found.items() if peer != "epochal"]
    if not others or "epochal" not in found:
        return []
    ratios = [min(cost[name] for cost in others) / found["epochal"][name] for name in costs]
    return [
        ["*best of the others : Epochal*", *(f"{ratio:.2f}x" for ratio in ratios), ""],
        ["*wanted*", *("3x" for _ in costs), "0"],
    ]
