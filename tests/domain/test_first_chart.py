"""The document brings along the chart that the page shows first.

The page's own tests (`web/tests/opening.test.ts`) read the same cases.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from epochal.domain.first_chart import first_chart

CASES = json.loads(Path(__file__).with_name("first_chart.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case["keys"]) or "none")
def test_the_first_chart_is_that_of_the_page(case: dict[str, list[str] | str | None]) -> None:
    """Whatever the order of the keys."""
    keys = case["keys"]
    assert isinstance(keys, list)
    assert first_chart(keys) == first_chart(reversed(keys)) == case["first"]
