"""The console of a run.

Numbers that stay, lines that may be replaced, windows, tails and searches.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochal.errors import InvalidInput, NotFound
from epochal.store.ingest import ingest_home
from epochal.store.lines import CHUNK_LINES
from epochal.store.logs import read_logs
from epochal.store.owner import open_store
from tests.store.journals import Writing


def texts(store, uid, **window) -> list[tuple[int, str]]:
    return [(line.n, line.text) for line in read_logs(store, uid, **window).lines]


def test_lines_read_back_with_stream_time_and_writer(store):
    w = Writing(store.home)
    w.print(0, "one", "two")
    w.print(2, "oops \x1b[31mred\x1b[0m é", stream=1)
    ingest_home(store)
    page = read_logs(store, w.uid)
    assert (page.total, page.start) == (3, 0)
    assert [(line.n, line.stream, line.text) for line in page.lines] == [
        (0, "out", "one"), (1, "out", "two"), (2, "err", "oops \x1b[31mred\x1b[0m é"),
    ]  # fmt: skip
    assert {line.writer for line in page.lines} == {w.writer}
    assert page.lines[0].t_us == w.now


def test_a_progress_bar_replaces_its_line_and_keeps_the_number(store):
    w = Writing(store.home)
    w.print(0, "start", "10%")
    ingest_home(store)
    for percent in range(20, 101, 20):
        w.print(1, f"{percent}%")
        ingest_home(store)
    w.print(1, "100%", "done")
    ingest_home(store)
    assert texts(store, w.uid) == [(0, "start"), (1, "100%"), (2, "done")]


def test_numbers_count_over_all_writers_in_order_of_arrival(store):
    a, b = Writing(store.home, second=0), Writing(store.home, second=1)
    for round_ in range(3):
        a.print(round_, f"a{round_}")
        ingest_home(store)
        b.print(round_, f"b{round_}")
        ingest_home(store)
    assert [text for _, text in texts(store, a.uid)] == ["a0", "b0", "a1", "b1", "a2", "b2"]
    a.print(0, "A0")
    ingest_home(store)
    assert texts(store, a.uid)[:2] == [(0, "A0"), (1, "b0")]


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.integers(1, 400), st.booleans()), min_size=1, max_size=8
    )
)
def test_windows_tails_and_searches_agree_with_a_plain_list(tmp_path_factory, writes):
    """Over chunks, replacements and gaps: what was written last is what is read."""
    home = tmp_path_factory.mktemp("logs")
    w = Writing(home)
    model: dict[int, str] = {}
    with open_store(home) as store:
        for number, (first, count, flush) in enumerate(writes):
            lines = [
                f"{number}:{index} {'needle' if index % 97 == 0 else 'hay'}"
                for index in range(count)
            ]
            w.print(first, *lines)
            model.update(enumerate(lines, first))
            if flush:
                ingest_home(store)
        ingest_home(store)
        numbered = read_logs(store, w.uid, limit=5000)
        assert numbered.total == len(model)
        assert sorted(line.text for line in numbered.lines) == sorted(model.values())
        expected = [(line.n, line.text) for line in numbered.lines]
        assert [n for n, _ in expected] == list(range(len(model)))
        for start in (0, 1, CHUNK_LINES - 1, CHUNK_LINES, len(model)):
            assert texts(store, w.uid, start=start, limit=7) == expected[start : start + 7]
        assert texts(store, w.uid, tail=10) == expected[-10:]
        found = [pair for pair in expected if "needle" in pair[1]]
        assert texts(store, w.uid, search="NEEDLE") == found
        assert texts(store, w.uid, search="needle", tail=2) == found[-2:]
        assert (
            texts(store, w.uid, search="needle", start=5, limit=2)
            == [p for p in found if p[0] >= 5][:2]
        )


def test_windows_outside_and_unknown_runs(store):
    w = Writing(store.home)
    w.print(0, "x")
    ingest_home(store)
    assert texts(store, w.uid, start=10) == []
    assert texts(store, w.uid, tail=0) == []
    assert texts(store, w.uid, limit=0) == []
    with pytest.raises(InvalidInput):
        read_logs(store, w.uid, limit=5001)
    with pytest.raises(InvalidInput):
        read_logs(store, w.uid, start=-1)
    with pytest.raises(NotFound):
        read_logs(store, "0" * 32)


def test_a_line_of_any_size_or_number_stops_nothing(store):
    w = Writing(store.home)
    w.print(0, "x" * 1_000_000)
    w.print(2**62, "far away")
    w.print(-5, "before the beginning")
    w.print(1, "next")
    ingest_home(store)
    assert [len(text) for _, text in texts(store, w.uid)] == [65_536, 4]
