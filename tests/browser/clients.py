"""Real client processes: users' scripts, and one that logs when it is told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

QUIET = {
    "console": False,
    "git": False,
    "environment": False,
    "system_interval": 0,
    "silent": True,
}
OBEDIENT = """
import json, sys, time
import epochal
run = epochal.init(**json.loads(sys.argv[1]))
print(json.dumps({"id": run.id, "uid": run.uid}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    if "every" in order:
        for step in range(order["from"], order["to"]):
            epochal.log({"clock": time.time() - order["since"]}, step=step)
            time.sleep(order["every"])
    else:
        epochal.log(order["values"], step=order["step"])
    print(json.dumps({"at": time.time()}), flush=True)
epochal.finish()
"""


def run_script(home: Path, source: str, *arguments: str, seconds: float = 120.0) -> str:
    """Run Python that may use ``epochal`` and ``QUIET``. Returns what it printed.

    Raises:
        AssertionError: it failed; its complaint is quoted.
    """
    text = f"import epochal, sys\nQUIET = {QUIET!r}\n" + textwrap.dedent(source)
    done = subprocess.run(
        [sys.executable, "-c", text, *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, "EPOCHAL_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Client:
    """A training process that does as it is told.

    Args:
        home: where it logs.
        init: arguments of `epochal.init`.
    """

    def __init__(self, home: Path, **init: Any) -> None:
        arguments = {"settings": QUIET, **init}
        self.process = subprocess.Popen(
            [sys.executable, "-c", OBEDIENT, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "EPOCHAL_HOME": str(home)},
        )
        told = self._answer()
        self.id: str = told["id"]
        self.uid: str = told["uid"]

    def log(self, step: int, **values: float) -> float:
        """Log one row. Returns when `log` had returned, in seconds since 1970."""
        self._order({"values": values, "step": step})
        return float(self._answer()["at"])

    def tick(self, first: int, last: int, every: float, since: float) -> None:
        """Begin to log the time since ``since`` as ``clock``; does not wait for the end."""
        self._order({"from": first, "to": last, "every": every, "since": since})

    def wait(self) -> None:
        """Wait for the end of `tick`."""
        self._answer()

    def end(self) -> None:
        """Let it finish its run."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()

    def _order(self, order: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer
