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
import json, sys
import epochal
run = epochal.init(**json.loads(sys.argv[1]))
print(json.dumps({"id": run.id, "uid": run.uid}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    epochal.log(order["values"], step=order["step"])
    print("{}", flush=True)
epochal.finish()
"""


def run_script(home: Path, source: str, *arguments: str, seconds: float = 240.0) -> str:
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

    def log(self, step: int, **values: float) -> None:
        """Log one row, and come back when `log` has."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"values": values, "step": step}) + "\n")
        self.process.stdin.flush()
        self._answer()

    def end(self) -> None:
        """Let it finish its run."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer
