"""What a run prints is text that tells: sparklines follow the values, links lead to the run's
page.
"""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.client.display import BLOCKS, GAP, embed_url, finish_lines, run_url, sparkline
from epochal.client.keyset import MAX_SAMPLES, Aggregate, KeySet
from epochal.domain.run import RunRef, RunState


def test_a_sparkline_rises_with_its_values() -> None:
    assert sparkline([float(i) for i in range(8)], 8) == BLOCKS
    assert sparkline([1.0, math.nan, 3.0], 3) == f"▁{GAP}█"
    assert sparkline([math.nan, math.inf], 2) == GAP * 2
    assert sparkline([5, 5, 5], 3) == "▁▁▁"


@given(st.lists(st.floats(width=64), min_size=1, max_size=200), st.integers(1, 30))
def test_any_values_give_one_mark_per_place(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(width, len(values))
    assert set(line) <= {*BLOCKS, GAP}


@pytest.mark.parametrize(
    "entity,project,run,path",
    [
        ("local", "demo", "r1", "/p/demo/r/r1"),
        ("team", "a b/c", "r1", "/p/@team/a%20b%2Fc/r/r1"),
    ],
)
def test_the_link_follows_the_pages_paths(entity: str, project: str, run: str, path: str) -> None:
    ref = RunRef(entity=entity, project=project, id=run, uid="0" * 32)
    assert run_url("http://h:1/", ref) == "http://h:1" + path


def test_the_frame_of_a_run_is_on_the_server_of_its_page() -> None:
    for base in ("http://h:1", "https://h/p"):
        ref = RunRef(entity="team", project="p", id="r/1", uid="0" * 32)
        framed = embed_url(run_url(base, ref), ref)
        assert framed == f"{base}/embed/run/r%2F1?project=p&entity=team"
    ref = RunRef(entity="local", project="a b&c", id="p", uid="0" * 32)
    assert embed_url(run_url("http://h", ref), ref) == "http://h/embed/run/p?project=a%20b%26c"


def test_the_end_shows_at_most_a_dozen_lines_of_values() -> None:
    summary = {f"k{i:02}": float(i) for i in range(50)}
    lines = finish_lines("n", RunState.FINISHED, summary, [], None, ["a note"])
    assert lines[0] == "epochal: n finished"
    assert "  and 38 more" in lines
    assert lines[-2:] == ["epochal: a note", "epochal: run `epochal ui` to look at it"]


def test_samples_stay_few_and_cover_the_whole_run() -> None:
    """What is kept for the sparkline does not grow with the run."""
    keyset = KeySet(1, ("a",), lambda _: None)
    for i in range(100_000):
        keyset.last = (1, i, i, [i])
        keyset.left -= 1
        if not keyset.left:
            keyset.observe()
    steps = [row[1] for row in keyset.samples]
    assert len(steps) <= MAX_SAMPLES
    assert steps[0] == 0
    assert steps[-1] > 90_000
    gaps = {b - a for a, b in itertools.pairwise(steps)}
    assert len(gaps) == 1


@given(st.lists(st.floats(width=64), min_size=1, max_size=50))
def test_aggregates_are_over_finite_values(values: list[float]) -> None:
    aggregate = Aggregate()
    for value in values:
        aggregate.add(value)
    finite = [v for v in values if math.isfinite(v)]
    if finite:
        assert aggregate.get("min") == min(finite)
        assert aggregate.get("max") == max(finite)
    assert aggregate.get("last") is values[-1]
    assert aggregate.get("first") is values[0]
