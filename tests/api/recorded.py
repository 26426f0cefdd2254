"""A home as the real client leaves it: a small zoo of runs that the tests of reading share.

`SCRIPT` runs in a process of its own. Its runs hold what is hard to keep: NaN with a payload,
infinities, the negative zero, integers past 53 bits, steps that repeat and go back, series of
different steps, console lines with escapes, and ids that are used twice.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

NAN_BITS = 0x7FF8_0000_0000_1234
BIG = 2**53 + 1
ROWS = 300

SCRIPT = f"""
import math, struct, sys
import epochal

quiet = epochal.Settings(system_interval=0, silent=True, git=False, environment=False)
payload_nan = struct.unpack("<d", struct.pack("<Q", {NAN_BITS}))[0]

def start(project, id, **options):
    return epochal.init(project=project, id=id, settings=quiet, **options)

with start("mnist", "alpha", name="first run", tags=["baseline", "slow"], notes="hello",
           config={{"lr": 0.1, "optim": {{"name": "adam", "betas": [0.9, 0.999]}}, "bad": math.nan,
                   "weird key": 1}}) as run:
    for step in range({ROWS}):
        run.log({{"loss": 1 / (step + 1), "val/acc": step / {ROWS}}}, step=step)
        if step % 10 == 0:
            run.log({{"sparse": -0.0 if step == 10 else math.inf if step == 20
                     else payload_nan if step == 30 else float(step), "count": {BIG} + step}},
                    step=step)
    run.summary["best"] = 0.75
    print("plain line")
    print("\\x1b[31mred line\\x1b[0m", flush=True)
    print("warning line", file=sys.stderr, flush=True)

with start("mnist", "beta", name="twin", tags=["baseline"],
           config={{"lr": 0.01, "optim": {{"name": "sgd"}}, "epochs": 3}}) as run:
    for step in (0, 1, 2, 2, 1, 3):
        run.log({{"loss": 10.0 - step, "only/beta": float(step)}}, step=step)

run = start("mnist", "gamma", name="twin", config={{"lr": 0.001}})
run.log({{"loss": math.nan}}, step=0)
run.finish(exit_code=3)

with start("other/name", "alpha", name="elsewhere") as run:
    run.log({{"loss": 1.0}}, step=0)
"""


def record(home: Path, script: str = SCRIPT) -> None:
    """Run a script that logs to ``home``.

    Raises:
        AssertionError: it failed; its output is quoted.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EPOCHAL_")}
    environment["EPOCHAL_HOME"] = str(home)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def bits(value: float) -> int:
    """The 64 bits of a float."""
    found: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return found
