"""Fails when a bar that a ratio can hold is missed by over a quarter: `python -m bench.guard`.

Every figure is a ratio of CPU times, the least of several rounds taken in turns, so
that a slow or busy machine moves both sides. Bars in milliseconds stand as ratios for the
machine where they were set. Only what has clear room to its bar is checked here; the rest is in
`python -m bench run`.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench import baseline, chains, data, lists, stores, sweeps

SLACK = 1.25
ROUNDS = 7
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where making a file costs the same every time; on a disk it may be half a millisecond."""

Action = Callable[[], object]


class Check(NamedTuple):
    """A ratio, and where it has to stay."""

    name: str
    ratio: Callable[[], float]
    bar: float
    at_least: bool = False


def cpu(action: Action) -> float:
    """CPU seconds of this process, all its threads included."""
    begun = time.process_time()
    action()
    return time.process_time() - begun


def least(ours: Action, theirs: Action, rounds: int = ROUNDS) -> float:
    """Least time of ours over least time of theirs, taken in turns."""
    return least_of(lambda: (cpu(ours), cpu(theirs)), rounds)


def least_of(pair: Callable[[], tuple[float, float]], rounds: int) -> float:
    pairs = [pair() for _ in range(rounds)]
    return min(one[0] for one in pairs) / min(one[1] for one in pairs)


def thread_cpu(action: Action) -> float:
    begun = time.thread_time()
    action()
    return time.thread_time() - begun


def log_cost(width: int, count: int) -> float:
    """`log()` of a mapping, in the thread that calls it, beside one line of JSON made of it."""
    import epochal

    values = next(data.rows(1, width))

    def log() -> None:
        for _ in range(count):
            run.log(values)

    def dump() -> None:
        for _ in range(count):
            json.dumps(values)

    with tempfile.TemporaryDirectory() as home:
        os.environ["EPOCHAL_HOME"] = home
        settings = {"console": False, "system_interval": 0, "git": False, "silent": True}
        run = epochal.init(project="guard", settings=settings)
        try:
            return least_of(lambda: (thread_cpu(log), thread_cpu(dump)), 2 * ROUNDS)
        finally:
            run.finish()


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def import_cost(module: str = "epochal") -> float:
    """Importing a module beside starting Python with json and logging."""
    return start_cost(f"import {module}")


def start_cost(program: str) -> float:
    """A program beside one that loads json and logging."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def start(code: str) -> float:
        before = children_cpu()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        return children_cpu() - before

    return least_of(lambda: (start(program), start("import json, logging")), ROUNDS)


def life_cost() -> float:
    """A run that logs nothing, from import to its end, beside starting Python."""
    quiet = "{'console': False, 'system_interval': 0, 'git': False, 'silent': True}"
    run = f"import epochal; epochal.init(project='guard', settings={quiet}).finish()"
    with tempfile.TemporaryDirectory() as home:
        os.environ["EPOCHAL_HOME"] = home
        return start_cost(run)


def long_series_gains() -> tuple[float, float]:
    """One metric of 1M points beside point rows: to 1,500 buckets (GROUP BY), and read back."""
    points, buckets = 1_000_000, 1500
    source = random.Random(3)
    values = [round(source.random(), 3) for _ in range(points)]
    ref = stores.SeriesRef(stores.uid_of("a"), "loss")
    query = stores.BucketQuery(series=[ref], buckets=buckets, fields=stores.FIELDS)
    with tempfile.TemporaryDirectory() as text:
        home = Path(text, "home")
        journal = stores.new_journal(home, "a")
        stores.write_rows(journal, ({"loss": value} for value in values))
        stores.close(journal)
        table = baseline.table(Path(text, "rows.db"))
        baseline.insert_series(table, values)
        with stores.open_store(home) as store:
            stores.ingest_home(store)
            stores.query_buckets(store, query)
            charted = least(
                lambda: [stores.query_buckets(store, query) for _ in range(5)],
                lambda: baseline.buckets(table, -(-points // buckets)),
                4,
            )
            whole = stores.PointQuery(run=ref.run, keys=["loss"])
            read = least(
                lambda: stores.query_points(store, whole),
                lambda: table.execute("SELECT step, wall, value FROM point").fetchall(),
                4,
            )
            return 5 / charted, 1 / read


def long_series_ratios() -> Iterator[Check]:
    """Two checks of one measurement."""
    found: list[float] = []

    def value(which: int) -> float:
        if not found:
            found.extend(long_series_gains())
        return found[which]

    yield Check("1M points to 1,500 buckets, times faster", lambda: value(0), 200.0, True)
    yield Check("1M points read back, times faster than rows", lambda: value(1), 10.0, True)


def list_cost() -> float:
    """The run list's bar beside the same filter, sort and cut of a list in memory."""
    count = 10_000
    source = random.Random(4)
    rows = [{f"p{i:02d}": source.random() for i in range(12)} for _ in range(count)]

    def search() -> object:
        found = [row for row in rows if row["p03"] < 0.5 and row["p07"] > 0.2]
        return sorted(found, key=lambda row: row["p10"])[:100]

    with tempfile.TemporaryDirectory() as text:
        lists.fill(Path(text), count)
        with stores.open_store(Path(text)) as store:
            found = least(
                lambda: stores.query_runs(store, lists.QUERY),
                lambda: [search() for _ in range(4)],
                2 * ROUNDS,
            )
            return found * 4


def short_runs_cost() -> float:
    """Runs of 20 params and 50 metrics taken in, beside three files and 70 rows for each."""
    count = 100

    def pair() -> tuple[float, float]:
        with tempfile.TemporaryDirectory(dir=MEMORY) as text:
            home = Path(text, "home")
            for number in range(count):
                stores.write_short_run(home, number, random.Random(number))
            with stores.open_store(home) as store:
                ours = cpu(lambda: stores.ingest_home(store))
            table = baseline.table(Path(text, "rows.db"))
            return ours, cpu(lambda: write_plainly(Path(text, "plain"), table, count))

    return least_of(pair, 4)


def write_plainly(place: Path, table: sqlite3.Connection, count: int) -> None:
    """What any tracker has to do at least: some files of a run, and its values as rows."""
    table.execute("BEGIN IMMEDIATE")
    for number in range(count):
        values = [random.Random(number).random()] * 70
        rows = [(number, f"k{i:02d}", 0, 0.0, value) for i, value in enumerate(values)]
        table.executemany(baseline.INSERT, rows)
        directory = place / str(number)
        directory.mkdir(parents=True)
        for name in ("a", "b", "c"):
            with open(directory / name, "wb") as file:
                file.write(json.dumps(values).encode())
    table.execute("COMMIT")


def ingest_ratios() -> Iterator[Check]:
    """Two checks of one measurement."""
    found: dict[str, Any] = {}

    def value(name: str) -> float:
        if not found:
            several = [stores.ingest(20, 10_000, 5) for _ in range(3)]
            ours = min(one["epochal_us_per_point"] for one in several)
            found["throughput"] = min(one["sqlite_us_per_point"] for one in several) / ours
            found["bytes"] = several[0]["bytes_ratio"]
        return float(found[name])

    yield Check("log + ingest, times faster than rows", lambda: value("throughput"), 8.0, True)
    yield Check("bytes per point, times smaller than rows", lambda: value("bytes"), 10.0, True)


def chain_costs() -> tuple[float, float, float]:
    """CPU of a step that does nothing, fresh and cached, and of three files and 70 rows.

    The home lies on a disk: in memory the room that a journal takes in advance is zeroed at once.
    """
    short, long = 20, 320
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory(dir=MEMORY) as text:
        chain = chains.epochal()
        os.environ["EPOCHAL_HOME"] = home
        before = cpu(lambda: chain(short))
        fresh = cpu(lambda: chain(long)) - before
        before = cpu(lambda: chain(short))
        cached = cpu(lambda: chain(long)) - before
        table = baseline.table(Path(text, "rows.db"))
        plain = cpu(lambda: write_plainly(Path(text, "plain"), table, 100))
        return fresh / (long - short), cached / (long - short), plain / 100


def step_ratios() -> Iterator[Check]:
    """Two checks of one measurement: 5 ms a fresh step, and 0.5 ms a cached one."""
    found: list[float] = []

    def value(which: int) -> float:
        if not found:
            rounds = [chain_costs() for _ in range(4)]
            found.extend(min(each) for each in zip(*rounds, strict=True))
        return found[which] / found[2]

    yield Check("a fresh step of a pipeline, in plain files and rows", lambda: value(0), 24.0)
    yield Check("a cached step of a pipeline, in plain files and rows", lambda: value(1), 2.4)


def server_import() -> float:
    return import_cost("epochal.server.app, epochal.server.site")


def search_gain() -> float:
    """The best value after 60 trials of Hartmann's function, in those of chance; seeds decide."""

    def best(searcher: str) -> float:
        return statistics.median(
            min(sweeps.search(searcher, "Hartmann, 6", 60, seed)) for seed in range(3)
        )

    return best("epochal, tpe") / best("epochal, random")


def asking_cost() -> float:
    """The slowest of 100 questions to a sweep of 1,000 trials, in such of Optuna itself."""
    ours = float(sweeps.asking(1_000, 100, stretches=3)["ask_p99_ms"])
    return ours / min(sweeps.plain_asking(1_000, 50) for _ in range(2))


def panel_gain() -> float:
    """A panel of 100 series of 10,000 points beside GROUP BY over point rows."""
    return float(stores.panel(100, 10_000, 1000)["ratio"])


def checks() -> Iterator[Check]:
    yield Check("log() of 5 scalars, in JSON lines", lambda: log_cost(5, 20_000), 0.9)
    yield Check("log() of 500 scalars, in JSON lines", lambda: log_cost(500, 500), 0.19)
    yield Check("import, in starts of Python", import_cost, 4.0)
    yield Check("import of the server, in starts of Python", server_import, 50.0)
    yield Check("a run from import to end, in starts of Python", life_cost, 5.0)
    yield from ingest_ratios()
    yield Check("short runs taken in, in plain files and rows", short_runs_cost, 10.0)
    yield from step_ratios()
    yield Check("10,000 runs searched, in scans of a list", list_cost, 10.0)
    yield from long_series_ratios()
    yield Check("a search's best after 60 trials, in those of chance", search_gain, 0.3)
    yield Check("a sweep's next trial of 1,001, p99, in Optuna's asks", asking_cost, 2.2)
    yield Check("100 series x 10k, times faster", panel_gain, 25.0, True)


def main() -> int:
    missed = 0
    for check in checks():
        begun = time.monotonic()
        value = check.ratio()
        limit = check.bar / SLACK if check.at_least else check.bar * SLACK
        good = value >= limit if check.at_least else value <= limit
        room = value / limit if check.at_least else limit / value
        sign = ">=" if check.at_least else "<="
        print(
            f"{'ok    ' if good else 'MISSED'} {check.name}: {value:.3g} "
            f"(bar {sign} {check.bar:g}, fails at {limit:.3g}, room {room:.2f}x, "
            f"{time.monotonic() - begun:.0f} s)",
            flush=True,
        )
        missed += not good
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
