"""Pipelines beside ZenML, Prefect, Dagster and joblib: ``python -m bench.pipelines [--quick]``.

CPU of each further step of a chain that does nothing, fresh and cached, each tool in its own
environment, in one run; everything that Epochal records is on. Then what a chain of 1,000 steps
costs, three drivers that write one artifact name at the same time, and a guide's script on
Fashion-MNIST beside the same functions without pipelines. The bars are those of the issue.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from textwrap import dedent

from bench import environments
from bench.chains import PEERS

ROOT = Path(__file__).parents[1]
FRESH_MS, CACHED_MS = 5.0, 0.5
OVERHEAD_S, AGAIN_S = 1.0, 1.0
ROUNDS = 4
IMAGES = Path("/usr/share/datasets/fashion-mnist")
GUIDE = ROOT / "tests" / "zenml"
CROWD = """
import sys
from typing import Annotated
from epochal.pipelines import pipeline, step

@step
def make(n: int) -> Annotated[int, "shared"]:
    return n

@pipeline(name="crowd")
def flow(first: int):
    make.map(range(first, first + 20))

if __name__ == "__main__":
    flow(int(sys.argv[1]))
"""
STANDINS = """
class _Called:
    def __init__(self, function, given=None):
        self.function, self.given = function, given
    def __call__(self, *args, **kwargs):
        return _Called(self.function, kwargs) if self.given is None else self.function(*args)
    def run(self, **options):
        return self.function(**self.given)

def step(function):
    import inspect
    given = {"context": None} if "context" in inspect.signature(function).parameters else {}
    return lambda: lambda *args: function(*args, **given)

def pipeline(**options):
    return _Called

def Output(**outputs):
    return None

StepContext = None
"""
"""What the guide's script gets in the place of Epochal: its functions are called, no more."""
TIMED = """
import time
_cpu, _wall = time.process_time(), time.monotonic()
{}
print("TOOK", time.process_time() - _cpu, time.monotonic() - _wall)
"""


def chain(peer):
    """What each further step of a chain costs: milliseconds of CPU, fresh and cached."""
    command = [environments.python_of(peer), str(ROOT / "bench" / "chains.py"), peer]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return {"error": done.stderr.strip().rpartition("\n")[2][:200]}
    found = json.loads(done.stdout.strip().rpartition("\n")[2])
    short, long = found["lengths"]
    return {
        "version": environments.version_of(peer),
        "length": long,
        **{
            kind: [1e3 * (b - a) / (long - short) for a, b in zip(*found[kind], strict=True)]
            for kind in ("fresh", "cached")
        },
    }


def crowd():
    """Versions of one artifact that three drivers with 20 steps each write at the same time."""
    folder = Path(tempfile.mkdtemp(prefix="crowd-"))
    (folder / "crowd.py").write_text(dedent(CROWD))
    environment = {**os.environ, "EPOCHAL_HOME": str(folder / "home"), "EPOCHAL_SILENT": "1"}
    begun = time.monotonic()
    drivers = [
        subprocess.Popen([sys.executable, "crowd.py", str(20 * n)], cwd=folder, env=environment)
        for n in range(3)
    ]
    codes = [driver.wait() for driver in drivers]
    took = time.monotonic() - begun
    import epochal

    shared = epochal.artifacts("crowd", home=folder / "home")
    versions = [each.number for one in shared if one.name == "shared" for each in one.versions()]
    return codes, sorted(versions), took


def guide(limit, rounds):
    """CPU and wall seconds of the guide's run: plain, with pipelines, and once more.

    Of several rounds the one with the least CPU counts for each: others work on the machine, too.
    """
    every = [guide_once(limit) for _ in range(rounds)]
    return {name: min(found[name] for found in every) for name in every[0]}


def guide_once(limit):
    sys.path.insert(0, str(ROOT))
    from tests.zenml.test_guide import guide as blocks

    setup = blocks("pipeline", "data", "model", "train").replace("epochs = 5", "epochs = 1")
    setup = setup.replace("enable_cache=False", "enable_cache=True")
    timed = TIMED.format(blocks("run"))
    plain = "\n".join(line for line in setup.split("\n") if "epochal.zenml" not in line)
    folder = Path(tempfile.mkdtemp(prefix="guide-"))
    scripts = {"plain": STANDINS + plain + timed, "pipeline": setup + timed}
    environment = {
        **os.environ,
        "IMAGES": str(IMAGES),
        "IMAGES_LIMIT": str(limit),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(GUIDE),
        "EPOCHAL_HOME": str(folder / "home"),
        "EPOCHAL_SILENT": "1",
    }
    found = {}
    for name in ("plain", "pipeline", "again"):
        script = folder / "guide.py"
        script.write_text(scripts.get(name, scripts["pipeline"]))
        out = subprocess.run(
            [sys.executable, str(script)],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        found[name] = [float(each) for each in out.rpartition("TOOK")[2].split()]
    return found


def word(fine):
    return "ok" if fine else "MISSED"


def show_chains(peers):
    fine = True
    for peer in peers:
        found = chain(peer)
        if "error" in found:
            print(f"{peer:9} did not run: {found['error']}")
            continue
        fresh, cached = found["fresh"], found["cached"]
        kept = f"{cached[0]:.3f} ms CPU ({cached[1]:.2f} wall)"
        print(
            f"{peer:9} {found['version']:12} {found['length']:5} steps: fresh {fresh[0]:.2f} ms "
            f"CPU ({fresh[1]:.2f} wall), cached {'-' if peer == 'dagster' else kept} a step"
        )
        if peer == "epochal":
            held = fresh[0] <= FRESH_MS and cached[0] <= CACHED_MS
            print(f"          bars {FRESH_MS} and {CACHED_MS} ms: {word(held)}")
            fine = fine and held
    return fine


def main():
    """Print one line for each tool and part; fails when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.pipelines")
    parser.add_argument("--quick", action="store_true", help="fewer images")
    parser.add_argument("--peers", default=",".join(PEERS))
    given = parser.parse_args()
    fine = show_chains([peer for peer in given.peers.split(",") if peer])
    codes, versions, took = crowd()
    whole = codes == [0, 0, 0] and versions == list(range(1, 61))
    span = f"{versions[0]} to {versions[-1]}" if versions else "none"
    print(
        f"3 drivers x 20 steps: versions {span}, {len(versions)} of 60, in {took:.1f} s: "
        f"{word(whole)}"
    )
    fine = fine and whole
    if IMAGES.is_dir():
        found = guide(*((6_000, 1) if given.quick else (60_000, ROUNDS)))
        more = found["pipeline"][0] - found["plain"][0]
        again = found["again"][1]
        print(
            f"guide on Fashion-MNIST, one epoch: plain {found['plain'][0]:.1f} s CPU "
            f"({found['plain'][1]:.1f} wall), pipeline {found['pipeline'][0]:.1f} s "
            f"({found['pipeline'][1]:.1f} wall): {more:+.2f} s CPU {word(more <= OVERHEAD_S)}; "
            f"again, cached: {again:.2f} s {word(again <= AGAIN_S)}"
        )
        fine = fine and more <= OVERHEAD_S and again <= AGAIN_S
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
