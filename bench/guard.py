"""Fails when a bar that a ratio can hold is missed by over a quarter: `python -m bench.guard`.

Every figure is a ratio of CPU times taken in turns in this process, so that a slow or busy machine
moves both sides. The bars of `log()` stand for 2.5 and 25 us on the machine
where they were set.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from bench import data, stores

SLACK = 1.25
ROUNDS = 7


def thread_cpu(action: Callable[[], object]) -> float:
    begun = time.thread_time()
    action()
    return time.thread_time() - begun


def ratio(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Least time of ours over least time of theirs, taken in turns."""
    pairs = [(thread_cpu(ours), thread_cpu(theirs)) for _ in range(ROUNDS)]
    return min(pair[0] for pair in pairs) / min(pair[1] for pair in pairs)


def log_cost(width: int, count: int) -> float:
    """`log()` of a mapping beside one line of JSON text made of it."""
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
            return ratio(log, dump)
        finally:
            run.finish()


def import_cost() -> float:
    """CPU of `import epochal` beside that of starting Python with json and logging."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def start(code: str) -> float:
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        after = os.times()
        spent = after.children_user + after.children_system
        return spent - before.children_user - before.children_system

    pairs = [(start("import epochal"), start("import json, logging")) for _ in range(ROUNDS)]
    return min(pair[0] for pair in pairs) / min(pair[1] for pair in pairs)


def main() -> int:
    ingest = stores.ingest(20, 20_000, 5)
    chart = stores.chart(1_000_000, 1500)
    panel = stores.panel(100, 10_000, 1000)
    checks = [
        ("log() of 5 scalars, in JSON lines", log_cost(5, 20_000), 0.9, False),
        ("log() of 500 scalars, in JSON lines", log_cost(500, 500), 0.19, False),
        ("import, in starts of Python", import_cost(), 5.0, False),
        ("log + ingest, times faster than rows", ingest["throughput_ratio"], 8.0, True),
        ("bytes per point, times smaller than rows", ingest["bytes_ratio"], 10.0, True),
        ("1M points to 1,500 buckets, times faster", chart["ratio"], 200.0, True),
        ("100 series x 10k, times faster", panel["ratio"], 25.0, True),
    ]
    missed = 0
    for name, value, bar, at_least in checks:
        good = value >= bar / SLACK if at_least else value <= bar * SLACK
        sign = ">=" if at_least else "<="
        print(f"{'ok    ' if good else 'MISSED'} {name}: {value:.3g} (bar {sign} {bar:g})")
        missed += not good
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
