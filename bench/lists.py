"""The run list over many runs: bulk-filled databases, the query of the bar, and its neighbors.

The rows are what ingesting journals of such runs leaves in the tables that lists read; only the
way there is shorter. `stores.runs` fills its store with journals.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.clients import Result
from bench.stores import cpu_of
from epochal.domain.names import run_uid
from epochal.domain.view import RunQuery
from epochal.store.owner import open_store
from epochal.store.search import query_runs

BASE_US = 1_790_000_000_000_000
PARAMS, METRICS = 20, 50
WHERE = "config.p03 < 0.5 and config.p07 > 0.2"
QUERY = RunQuery(project="bench", where=WHERE, order=["last(m10)"], limit=100)
COLUMNS = [f"config.p{i:02d}" for i in range(PARAMS)] + [f"last(m{i:02d})" for i in range(METRICS)]

_RUN = (
    "INSERT INTO run (id, uid, project_id, name_id, name, state, created_us, updated_us, ended_us,"
    ' "group", job_type, notes, parent, sweep, host, tags, color, archived, exit_code, last_step,'
    " lines, rev) VALUES (?, ?, 1, ?, ?, 'finished', ?, ?, ?, '', '', '', '', '', 'bench', ?, ?,"
    " 0, 0, 0, 0, 1)"
)
_PARAM = "INSERT INTO param (key_id, scope, run_id, kind, num) VALUES (?, 0, ?, 0, ?)"
_LATEST = (
    "INSERT INTO latest (key_id, run_id, n, last_kind, last, last_step, last_start, step_max, min,"
    " max, total, n_nan, n_inf, rule) VALUES (?, ?, 1, 0, ?, 0, ?, 0, ?, ?, ?, 0, 0, 0)"
)


def fill(home: Path, count: int) -> None:
    """Make a home whose database knows ``count`` finished runs of 20 params and 50 metrics."""
    source = random.Random(5)
    open_store(home).close()
    database = sqlite3.connect(home / "epochal.db", isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("BEGIN IMMEDIATE")
    project = (1, "local", "bench", BASE_US, BASE_US, count)
    database.execute("INSERT INTO project VALUES (?, ?, ?, ?, ?, ?)", project)
    database.executemany(_RUN, _runs(count))
    keys = [f"p{i:02d}" for i in range(PARAMS)] + [f"m{i:02d}" for i in range(METRICS)]
    database.executemany("INSERT INTO key VALUES (?, ?)", enumerate(keys, 1))
    for key in range(1, PARAMS + 1):
        rows = ((key, run, source.random()) for run in range(1, count + 1))
        database.executemany(_PARAM, rows)
    for key in range(PARAMS + 1, PARAMS + METRICS + 1):
        values = ((run, source.random()) for run in range(1, count + 1))
        rows = ((key, run, v, BASE_US + run, v, v, v) for run, v in values)
        database.executemany(_LATEST, rows)
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _runs(count: int) -> Iterator[tuple[Any, ...]]:
    for run in range(1, count + 1):
        name, at = f"r{run:06d}", BASE_US + run
        uid = run_uid("local", "bench", name)
        yield run, uid, name, name, at, at, at + 1, b"\x90", run - 1


def lists(quick: bool) -> dict[str, Result]:
    """Lists among few and many runs."""
    return {str(count): measure(count) for count in ((1_000,) if quick else (10_000, 100_000))}


def measure(count: int) -> Result:
    """CPU milliseconds of lists of a hundred runs each among ``count``."""
    anew = msgspec.structs.replace
    with tempfile.TemporaryDirectory() as text:
        home = Path(text)
        fill(home, count)
        with open_store(home) as store:
            deep = anew(QUERY, limit=1000)
            deep = anew(QUERY, cursor=query_runs(store, deep).cursor)
            queries = {
                "search_ms": QUERY,
                "search_deep_page_ms": deep,
                "search_70_columns_ms": anew(QUERY, columns=COLUMNS),
                "newest_ms": RunQuery(project="bench"),
                "newest_70_columns_ms": RunQuery(project="bench", columns=COLUMNS),
            }
            return {
                name: cpu_of(lambda query=query: query_runs(store, query), 7)
                for name, query in queries.items()
            }
