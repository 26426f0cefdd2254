"""Starts loggers, kills them with SIGKILL at random instants.

And compares with what they had been told. Prints JSON.

A process that imported epochal forks each logger. The logger announces every accepted call in
shared memory; the judge reads the journal only after the kill.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import epochal
from epochal.journal.liveness import is_held
from tests.client.scripts import QUIET, read_home


def log_for_ever(shared: mmap.mmap, number: int) -> None:
    """Log as fast as possible, announcing each call after it returned."""
    run = epochal.init(project="kill", id=f"k{number}", settings=QUIET)
    data = {"n": 0, "x": 0.5, "y": 1.5}
    for i in range(10**9):
        data["n"] = i
        run.log(data)
        shared[0:8] = (i + 1).to_bytes(8, "little")


def one_kill(home: Path, number: int, rng: random.Random) -> dict[str, Any]:
    """Start, kill, judge."""
    shared = mmap.mmap(-1, 4096)
    place = home / str(number)
    os.environ["EPOCHAL_HOME"] = str(place)
    child = os.fork()
    if child == 0:
        log_for_ever(shared, number)
        os._exit(1)
    deadline = time.monotonic() + 60
    while shared[0:8] == bytes(8) and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(rng.uniform(0.0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    accepted = int.from_bytes(shared[0:8], "little")
    (told,) = read_home(place)
    values = [value for _, value in told.points("n")]
    return {
        "accepted": accepted,
        "lost": max(0, accepted - len(values)),
        "in_order": values == list(range(len(values))),
        "held": is_held(told.path),
        "finished": told.finish is not None,
    }


def main() -> None:
    """``killing.py HOME COUNT SEED``."""
    rng = random.Random(int(sys.argv[3]))
    results = [one_kill(Path(sys.argv[1]), n, rng) for n in range(int(sys.argv[2]))]
    print(json.dumps(results))


if __name__ == "__main__":
    main()
