"""Runs one piece of work with one peer, in the peer's environment, and prints JSON.

Called as ``python worker.py PEER WORK DIRECTORY CALLS WIDTH``; imports the standard library and
the peer only.
"""

from __future__ import annotations

import importlib.util
import json
import mmap
import os
import resource
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def load(name: str, folder: str = ""):
    path = os.path.join(HERE, folder, f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cpu() -> float:
    """CPU seconds of this process and of its finished children."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def calls(peer, directory: str, count: int, width: int, pause: float = 0.0) -> dict:
    """Log ``count`` mappings and time each call as the caller feels it."""
    data = list(load("data").rows(min(count, 2000), width))
    peer.start(directory)
    clock = time.perf_counter
    times = [0.0] * count
    before, begun = cpu(), clock()
    for step in range(count):
        values = data[step % len(data)]
        start = clock()
        peer.log(values, step)
        times[step] = clock() - start
        if pause:
            time.sleep(max(0.0, pause - (clock() - start)))
    peer.finish()
    times.sort()
    return {
        "p50_us": percentile(times, 0.5) * 1e6,
        "p99_us": percentile(times, 0.99) * 1e6,
        "cpu_us_per_point": (cpu() - before) / (count * width) * 1e6,
        "points_per_s": count * width / (clock() - begun),
        "points": count * width,
        "calls": count,
    }


def start_cost(name: str, directory: str) -> dict:
    before, begun = cpu(), time.perf_counter()
    peer = load(name, "peers")
    peer.start(directory)
    peer.finish()
    return {"cpu_s": cpu() - before, "wall_s": time.perf_counter() - begun}


def killed(peer, directory: str, width: int) -> None:
    """Log 500 calls a second and announce each returned call; the parent kills this process."""
    values = next(load("data").rows(1, width))
    with open(os.path.join(directory, "..", "accepted"), "r+b") as file:
        shared = mmap.mmap(file.fileno(), 8)
    peer.start(directory)
    step = 0
    while True:
        peer.log(values, step)
        step += 1
        struct.pack_into("<Q", shared, 0, step)
        time.sleep(0.002)


def main() -> None:
    name, work, directory, count, width = sys.argv[1:6]
    if work == "start":
        result = start_cost(name, directory)
    else:
        peer = load(name, "peers")
        if work == "calls":
            result = calls(peer, directory, int(count), int(width))
        elif work == "paced":
            result = calls(peer, directory, int(count), int(width), pause=0.005)
        elif work == "killed":
            killed(peer, directory, int(width))
            return
        else:
            before = cpu()
            found = peer.points(directory, "train/m000")
            result = {"cpu_s": cpu() - before, "points": found}
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
