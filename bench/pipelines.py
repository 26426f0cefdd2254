"""What a step costs: chains of steps that do nothing, fresh and cached, in CPU time.

``python -m bench.pipelines``. Everything is on: tracked runs, logs, lineage, ledger, cache. The
fixed part of a run (its environment and git, read once) is told apart by chains of two lengths.
Beside it joblib.Memory, which keeps values and nothing else, where it is installed.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time

LENGTHS = (20, 200, 1000)


def cpu():
    """Seconds of CPU of this process and its ended children."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measured(call, *args):
    """CPU and wall seconds of a call."""
    before, start = cpu(), time.monotonic()
    call(*args)
    return cpu() - before, time.monotonic() - start


def ours():
    """A chain of steps in a fresh home."""
    os.environ["EPOCHAL_HOME"] = tempfile.mkdtemp(prefix="epochal-bench-")
    os.environ["EPOCHAL_SILENT"] = "1"
    from epochal.pipelines import pipeline, step

    @step
    def first(n: int) -> int:
        return n

    @step
    def following(x: int, place: int) -> int:
        return x + 1

    @pipeline
    def chain(length: int) -> None:
        x = first(length)
        for place in range(length - 1):
            x = following(x, place)

    chain(2)
    return chain


def joblibs():
    """The same with joblib.Memory."""
    from joblib import Memory

    memory = Memory(tempfile.mkdtemp(prefix="joblib-bench-"), verbose=0)

    @memory.cache
    def following(x, place, length):
        return x + 1

    def chain(length):
        x = length
        for place in range(length):
            x = following(x, place, length)

    chain(2)
    return chain


def main():
    """Print one line for each program and length."""
    for name, make in (("epochal", ours), ("joblib.Memory", joblibs)):
        try:
            chain = make()
        except ImportError:
            continue
        slopes = []
        for length in LENGTHS:
            fresh, fresh_wall = measured(chain, length)
            cached, cached_wall = measured(chain, length)
            slopes.append((fresh, cached))
            print(
                f"{name:14} {length:5} steps: fresh {1e3 * fresh / length:6.2f} ms CPU "
                f"({1e3 * fresh_wall / length:.2f} wall), cached {1e3 * cached / length:6.3f} ms "
                f"CPU ({1e3 * cached_wall / length:.3f} wall) a step"
            )
        steps = LENGTHS[-1] - LENGTHS[0]
        fresh, cached = (slopes[-1][i] - slopes[0][i] for i in (0, 1))
        print(f"{name:14} each further step: fresh {1e3 * fresh / steps:.2f} ms, "
              f"cached {1e3 * cached / steps:.3f} ms CPU")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
