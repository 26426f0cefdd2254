"""Finding lines: what matches, where errors are, what was printed when."""

from __future__ import annotations

import sys

import msgspec
import pytest

from epochal.errors import NotFound
from epochal.store.ingest import ingest_home
from epochal.store.lines import CHUNK_LINES, Line
from epochal.store.logfind import (
    ERROR,
    ERROR_PARTS,
    FOLDED,
    MAX_NUMBERS,
    PARTS,
    find_lines,
    line_at,
    may_match,
)
from epochal.store.logs import read_logs
from tests.store.journals import Writing


def test_matches_are_counted_and_numbered_whatever_the_case_and_by_stream(store):
    w = Writing(store.home)
    w.print(0, *[f"Loss {i}" if i % 3 == 0 else f"step {i}" for i in range(2 * CHUNK_LINES)])
    w.print(2 * CHUNK_LINES, "LOSS of hope", stream=1)
    ingest_home(store)
    expected = [*range(0, 2 * CHUNK_LINES, 3), 2 * CHUNK_LINES]
    found = find_lines(store, w.uid, search="loss")
    assert (found.total, found.count, found.numbers) == (513, len(expected), expected)
    assert find_lines(store, w.uid, search="loss", stream="err").numbers == [512]
    assert find_lines(store, w.uid, search="loss", stream="out").numbers == expected[:-1]
    assert find_lines(store, w.uid).count == 0
    assert [line.n for line in read_logs(store, w.uid, stream="err").lines] == [512]
    last = read_logs(store, w.uid, stream="out", tail=2).lines
    assert [line.n for line in last] == [510, 511]


def test_colors_part_no_words(store):
    w = Writing(store.home)
    w.print(0, "loss \x1b[1m0.5\x1b[0m fell")
    ingest_home(store)
    assert find_lines(store, w.uid, search="loss 0.5 fell").numbers == [0]
    assert [line.n for line in read_logs(store, w.uid, search="loss 0.5").lines] == [0]


def test_a_chunk_is_left_out_only_when_none_of_its_lines_match():
    """Bytes are looked at before lines are made; case, colors and odd letters hide nothing."""

    def chunk(*texts: str) -> bytes:
        return msgspec.msgpack.encode([Line(0, 1_600_000_000_000_000, text) for text in texts])

    for text in ("the NEEDLE", "ne\x1b[31medle\x1b[0m", "\u00e9t\u00e9 nEedle", "needle" * 9000):
        assert may_match("needle")(chunk("step 1 loss 0.5", text))
    assert not may_match("needle")(chunk("step 1 loss 0.5", "need le"))
    assert may_match("stra\u00dfe".casefold())(chunk("Stra\u00dfe"))
    assert may_match("kelvin")(chunk("\u212aelvin"))
    odd = (chr(n) for n in range(128, sys.maxunicode + 1))
    assert "".join(c for c in odd if any(part.isascii() for part in c.casefold())) == FOLDED


def test_what_tells_of_an_error_holds_one_of_the_parts_that_are_looked_for_first():
    for word in ("ERROR", "FATAL", "CRITICAL", "Traceback (", "error:", "Error:", "OddException"):
        assert ERROR.search(word)
        assert any(part in word for part in ERROR_PARTS)


def test_more_matches_than_are_numbered_are_counted(store):
    w = Writing(store.home)
    for first in range(0, MAX_NUMBERS + 100, 1000):
        w.print(first, *["same"] * 1000)
    ingest_home(store)
    found = find_lines(store, w.uid, search="same")
    assert (found.count, len(found.numbers)) == (21_000, MAX_NUMBERS)


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("ERROR: bad", True),
        ("Traceback (most recent call last):", True),
        ("ValueError: x", True),
        ("\x1b[31mERROR\x1b[0m in color", True),
        ("torch.cuda.OutOfMemoryError: no", True),
        ("  error: no such file", True),
        ("mean error 0.3", False),
        ("error_rate=0.1", False),
        ("no traceback here", False),
    ],
)
def test_what_tells_of_an_error(store, text, tells):
    """Levels of logging and exceptions do; a metric that is called error does not."""
    w = Writing(store.home)
    w.print(0, *["fine"] * 9, text)
    ingest_home(store)
    parts = find_lines(store, w.uid, errors=True).errors
    assert len(parts) == PARTS
    assert sum(parts) == tells
    if tells:
        assert parts[9 * PARTS // 10] == 1


def test_the_line_of_a_time_is_the_last_one_printed_until_then(store):
    w = Writing(store.home)
    times = []
    for i in range(5):
        w.now += 1_000_000
        w.print(i, f"line {i}")
        times.append(w.now)
    ingest_home(store)
    assert line_at(store, w.uid, times[0] - 1) is None
    for i, t_us in enumerate(times):
        assert line_at(store, w.uid, t_us) == i
        assert line_at(store, w.uid, t_us + 999_999) == i
    with pytest.raises(NotFound):
        line_at(store, "0" * 32, 0)
