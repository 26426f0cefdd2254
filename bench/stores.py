"""The store beside a SQLite table with one row per point, in one process and in turns.

CPU time is what counts. Every read is checked against what was written.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil

from bench import baseline, data
from bench.clients import Result, size_of
from epochal.domain.columns import unpack_columns
from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Config, Cut, Finish, Header
from epochal.domain.view import BucketQuery, PointQuery, RunQuery, SeriesRef
from epochal.journal.home import read_server_address, run_directory
from epochal.journal.writer import Journal, open_journal
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.search import query_runs
from epochal.store.series import query_buckets, query_points

_encode = msgspec.msgpack.Encoder().encode
BASE_US = 1_790_000_000_000_000
FIELDS = ["min", "max", "first", "last"]


def cpu_of(action: Callable[[], object], repeat: int = 5) -> float:
    """Least CPU milliseconds of ``repeat`` calls, after one that warms up."""
    action()
    return min(timed(action) for _ in range(repeat)) * 1e3


def timed(action: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    begun = time.process_time()
    action()
    return time.process_time() - begun


def uid_of(run_id: str) -> str:
    return run_uid("local", "bench", run_id)


def new_journal(home: Path, run_id: str, config: dict[str, Any] | None = None) -> Journal:
    uid = uid_of(run_id)
    header = Header("local", "bench", run_id, BASE_US, host="bench", pid=os.getpid())
    journal = open_journal(str(run_directory(home, uid)), uid, new_uid(), header)
    if config:
        journal.append_fact(Config(BASE_US, config))
    return journal


def write_rows(journal: Journal, rows: Iterator[dict[str, float]]) -> None:
    for step, values in enumerate(rows):
        keys = tuple(values)
        schema = journal.schemas.get(keys) or journal.declare(keys, list(keys))
        row = (schema, step, BASE_US + step * 1000, list(values.values()))
        journal.append(_encode(row))
        if step % 1000 == 0:
            journal.maintain()


def close(journal: Journal) -> None:
    journal.append_fact(Finish(BASE_US + 10**9, "finished", 0))
    journal.close()


def ingest(width: int, count: int, batch: int) -> Result:
    """Calls of ``width`` scalars, journaled one by one and ingested, beside point rows."""
    rows = list(data.rows(count, width))
    points = count * width
    with tempfile.TemporaryDirectory() as text:
        home = Path(text, "home")
        open_store(home).close()
        empty = size_of(home)
        journal = new_journal(home, "a")

        def ours() -> None:
            write_rows(journal, iter(rows))
            close(journal)
            with open_store(home) as store:
                ingest_home(store)

        epochal_s = timed(ours)
        epochal_bytes = size_of(home) - empty
        table = baseline.table(Path(text, "rows.db"))
        sqlite_s = timed(lambda: baseline.insert(table, rows, batch))
        table.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sqlite_bytes = Path(text, "rows.db").stat().st_size
        check_read_back(home, [row["train/m000"] for row in rows])
    return {
        "epochal_us_per_point": epochal_s / points * 1e6,
        "sqlite_us_per_point": sqlite_s / points * 1e6,
        "throughput_ratio": sqlite_s / epochal_s,
        "epochal_bytes_per_point": epochal_bytes / points,
        "sqlite_bytes_per_point": sqlite_bytes / points,
        "bytes_ratio": sqlite_bytes / epochal_bytes,
    }


def check_read_back(home: Path, expected: list[float]) -> None:
    """The first series of run ``a`` is exactly what was logged."""
    query = PointQuery(run=uid_of("a"), keys=["train/m000"], view="all")
    with open_store(home) as store:
        _, columns = unpack_columns(query_points(store, query))
    if not np.array_equal(columns["value"], np.array(expected)):
        raise AssertionError("read-back differs from what was logged")


def chart(points: int, buckets: int) -> Result:
    """One long series drawn in ``buckets``, warm; then read back exactly."""
    source = np.random.default_rng(3)
    noisy = np.exp(-np.arange(points) / points) + 0.05 * source.random(points)
    values = noisy.astype(np.float32).astype(float).tolist()
    query = BucketQuery(series=[SeriesRef(uid_of("a"), "loss")], buckets=buckets, fields=FIELDS)
    exact = PointQuery(run=uid_of("a"), keys=["loss"], view="all")
    with tempfile.TemporaryDirectory() as text:
        home = Path(text, "home")
        journal = new_journal(home, "a")
        write_rows(journal, ({"loss": value} for value in values))
        close(journal)
        table = baseline.table(Path(text, "rows.db"))
        baseline.insert_series(table, values)
        with open_store(home) as store:
            ingest_home(store)
            ours = cpu_of(lambda: query_buckets(store, query), 7)
            back = cpu_of(lambda: query_points(store, exact), 3)
        theirs = cpu_of(lambda: baseline.buckets(table, -(-points // buckets)), 1)
    return {"epochal_ms": ours, "sqlite_ms": theirs, "ratio": theirs / ours, "read_back_ms": back}


def panel(series: int, points: int, buckets: int) -> Result:
    """Many series in one request, from runs of 50 keys each."""
    rows = list(data.rows(points, 50))
    with tempfile.TemporaryDirectory() as text:
        home = Path(text, "home")
        table = baseline.table(Path(text, "rows.db"))
        refs = []
        for number in range(-(-series // 50)):
            journal = new_journal(home, f"r{number}")
            write_rows(journal, iter(rows))
            close(journal)
            baseline.insert(table, rows, 1000, number)
            refs += [SeriesRef(uid_of(f"r{number}"), name) for name in rows[0]]
        query = BucketQuery(series=refs[:series], buckets=buckets, fields=FIELDS)
        with open_store(home) as store:
            ingest_home(store)
            ours = cpu_of(lambda: query_buckets(store, query), 5)
        theirs = cpu_of(lambda: baseline.buckets(table, -(-points // buckets)), 1)
    return {"epochal_ms": ours, "sqlite_ms": theirs, "ratio": theirs / ours}


def rewind(points: int) -> Result:
    """Hide the last 40 % of a series: one record here, a DELETE there."""
    rows = list(data.rows(points, 1))
    step = int(points * 0.6)
    with tempfile.TemporaryDirectory() as text:
        journal = new_journal(Path(text, "home"), "a")
        write_rows(journal, iter(rows))
        ours = timed(lambda: journal.append_fact(Cut(step, BASE_US)))
        close(journal)
        table = baseline.table(Path(text, "rows.db"))
        baseline.insert(table, rows, 1000)
        delete = "DELETE FROM point WHERE run=1 AND step>=?"
        theirs = timed(lambda: table.execute(delete, (step,)))
    return {"epochal_us": ours * 1e6, "sqlite_us": theirs * 1e6, "ratio": theirs / max(ours, 1e-6)}


_WRITER = """
import sys
from pathlib import Path
from bench import stores
home, number, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
journal = stores.new_journal(home, f"w{number}")
rows = ({f"k{i}": step + 0.5 * i for i in range(5)} for step in range(count))
stores.write_rows(journal, rows)
stores.close(journal)
"""


def eight_writers(count: int) -> Result:
    """Eight processes log at once while this one ingests; then every point is counted."""
    with tempfile.TemporaryDirectory() as text:
        home = Path(text, "home")
        begun, spent = time.perf_counter(), time.process_time()
        writers = [
            subprocess.Popen([sys.executable, "-c", _WRITER, str(home), str(n), str(count)])
            for n in range(8)
        ]
        columns = [f"count(k{i})" for i in range(5)]
        with open_store(home) as store:
            while any(writer.poll() is None for writer in writers):
                ingest_home(store)
            ingest_home(store)
            wall = time.perf_counter() - begun
            spent = time.process_time() - spent
            page = query_runs(store, RunQuery(project="bench", columns=columns))
        found = sum(value for column in page.columns.values() for value in column)
    return {
        "errors": sum(writer.returncode != 0 for writer in writers),
        "expected": 40 * count,
        "found": found,
        "points_per_s": 40 * count / wall,
        "ingest_us_per_point": spent / (40 * count) * 1e6,
    }


def store(quick: bool) -> Result:
    """Everything about points."""
    small = 10 if quick else 1
    return {
        "ingest_20_keys": ingest(20, 50_000 // small, 5),
        "ingest_5_keys": ingest(5, 100_000 // small, 1),
        "ingest_500_keys": ingest(500, 2_000 // small, 1),
        "chart_1m": chart(1_000_000 // small, 1500),
        "chart_10m": chart(10_000_000 // small, 1500),
        "panel_500x10k": panel(500 // small, 10_000, 1000),
        "rewind_1m": rewind(1_000_000 // small),
        "eight_writers": eight_writers(100_000 // small),
    }


def write_short_run(home: Path, number: int, source: random.Random) -> None:
    """A finished run of 20 params and one row of 50 metrics."""
    config = {f"p{i:02d}": source.random() for i in range(20)}
    journal = new_journal(home, f"r{number:05d}", config)
    write_rows(journal, iter([{f"m{i:02d}": source.random() for i in range(50)}]))
    close(journal)


def runs(quick: bool) -> Result:
    """Many runs: filter two params, sort by a metric, first 100 with full rows."""
    count = 1_000 if quick else 10_000
    source = random.Random(5)
    where = "config.p03 < 0.5 and config.p07 > 0.2"
    query = RunQuery(project="bench", where=where, order=["last(m10)"], limit=100)
    columns = [f"config.p{i:02d}" for i in range(20)] + [f"last(m{i:02d})" for i in range(20)]
    listing = RunQuery(project="bench", limit=1000, columns=columns)
    with tempfile.TemporaryDirectory() as text:
        home = Path(text, "home")
        for number in range(count):
            write_short_run(home, number, source)
        with open_store(home) as opened:
            ingest_s = timed(lambda: ingest_home(opened))
            matched = query_runs(opened, query).matched
            search = cpu_of(lambda: query_runs(opened, query), 7)
            listed = cpu_of(lambda: query_runs(opened, listing), 3)
    return {
        "runs": count,
        "matched": matched,
        "query_ms": search,
        "list_1000_ms": listed,
        "ingest_ms_per_run": ingest_s / count * 1e3,
    }


def http(quick: bool) -> Result:
    """A journal of 20 scalars a row uploaded to a real server; its CPU until it is queryable."""
    count = 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as text:
        source = new_journal(Path(text, "source"), "a")
        write_rows(source, data.rows(count, 20))
        close(source)
        body = Path(str(source.path)).read_bytes()
        home = Path(text, "home")
        command = [sys.executable, "-m", "epochal", "server", "--home", str(home), "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            address = wait_for(lambda: read_server_address(home), 20)
            host = address.url.removeprefix("http://")
            process = psutil.Process(server.pid)
            before = process.cpu_times()
            waits = upload(host, source.run, source.writer, body)
            wait_for(lambda: is_finished(host, source.run), 60)
            after = process.cpu_times()
        finally:
            server.terminate()
            server.wait(20)
    spent = after.user + after.system - before.user - before.system
    return {
        "points": count * 20,
        "server_cpu_s": spent,
        "points_per_cpu_s": count * 20 / spent,
        "ack_p50_ms": statistics.median(waits) * 1e3,
    }


def upload(host: str, run: str, writer: str, body: bytes) -> list[float]:
    """Send a journal in stretches of about 1 MiB; returns the seconds to each answer."""
    waits, offset = [], 0
    while offset < len(body):
        end = frame_end(body, offset, 1 << 20)
        begun = time.perf_counter()
        connection = HTTPConnection(host, timeout=30)
        path = f"/api/v1/runs/{run}/journals/{writer}?offset={offset}"
        headers = {"Content-Type": "application/vnd.epochal.journal"}
        connection.request("PUT", path, body[offset:end], headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {text[:300]!r}")
        waits.append(time.perf_counter() - begun)
        offset = end
    return waits


def frame_end(body: bytes, start: int, limit: int) -> int:
    """The end of the last whole frame within ``limit`` bytes of ``start``."""
    position = max(start, 64)
    while position < len(body):
        length = int.from_bytes(body[position : position + 4], "little")
        following = position + 8 + length + (-length & 7)
        if following - start > limit and position > start:
            break
        position = following
    return position


def wait_for(look: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise TimeoutError("nothing came in time")


def is_finished(host: str, run: str) -> bool:
    connection = HTTPConnection(host, timeout=30)
    connection.request("GET", f"/api/v1/runs/{run}")
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status == 200 and msgspec.json.decode(text)["state"] == "finished"
