"""A team's server as its owner runs it, and the machines of those who train."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from epochal.api import Reader, connect
from tests.cli.conftest import Result, run_cli
from tests.conftest import Server, end_process, start_server
from tests.first_key import first_key
from tests.ports import free_port

TRAINER = """
import json, sys
import epochal
run = epochal.init(project="team", id=sys.argv[1], settings={"console": False, "git": False,
                   "environment": False, "system_interval": 0})
step = 0
print("began", flush=True)
for line in sys.stdin:
    for step in range(step, step + int(line)):
        epochal.log({"loss": 1.0 / (step + 3), "step/square": step * step}, step=step)
    step += 1
    print(step, flush=True)
epochal.finish()
"""


class Office:
    """A server in team mode that may be ended, killed and started again on its port.

    Attributes:
        admin_key: what the first start showed.
    """

    def __init__(self, root: Path) -> None:
        self.home = root / "office"
        self.home.mkdir(mode=0o700)
        self._log = root / "office.log"
        self._arguments = ("--auth", f"--port={free_port()}")
        self.start()
        self.url = self.server.url
        self.admin_key = first_key(self._log)

    def key(self, name: str, role: str) -> str:
        """A key, made as the handbook says: on the server's machine, while it runs."""
        made = run_cli("key", "create", name, "--role", role, home=self.home)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def revoke(self, key: str) -> None:
        """End a key, found by its prefix."""
        ended = run_cli("key", "revoke", key[3:11], home=self.home)
        assert ended.returncode == 0, ended.stderr

    def kill(self) -> None:
        """Pull the plug."""
        self.server.process.kill()
        self.server.process.wait()

    def close(self) -> None:
        """End it politely."""
        end_process(self.server.process)

    def start(self) -> None:
        """Start it where it was, or for the first time."""
        self.server: Server = start_server(self.home, *self._arguments, log=self._log)

    def reader(self, key: str) -> Reader:
        """The reading API with somebody's key."""
        return connect(self.url, api_key=key)


class Machine:
    """Another machine: its home, and the variables that its user exported.

    Args:
        root: where its home lies.
        name: of the machine.
        url: the server's address.
        key: what its user was given.
    """

    def __init__(self, root: Path, name: str, url: str, key: str) -> None:
        self.home = root / name
        self.home.mkdir(mode=0o700)
        self.variables = {
            "EPOCHAL_HOME": str(self.home), "EPOCHAL_URL": url, "EPOCHAL_API_KEY": key,
        }  # fmt: skip

    def python(self, source: str) -> Result:
        """Run a script to its end."""
        return subprocess.run(
            [sys.executable, "-c", source],
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def epochal(self, *arguments: str, key: str = "") -> Result:
        """A command, with another key if one is given."""
        return run_cli(
            *arguments,
            home=self.home,
            EPOCHAL_URL=self.variables["EPOCHAL_URL"],
            EPOCHAL_API_KEY=key or self.variables["EPOCHAL_API_KEY"],
        )

    def train(self, run_id: str) -> Training:
        """Begin a training that goes on as far as it is told."""
        return Training(run_id, {**os.environ, **self.variables})


class Training:
    """A training process.

    Args:
        run_id: the run that it records.
        environment: its variables.
    """

    def __init__(self, run_id: str, environment: dict[str, str]) -> None:
        self.run_id = run_id
        self.steps = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", TRAINER, run_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._answer() == "began\n"

    def go(self, steps: int) -> None:
        """Log that many steps more. Returns when `epochal.log` has returned for the last."""
        assert self._process.stdin
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        self.steps += steps
        assert self._answer() == f"{self.steps}\n"

    def end(self) -> str:
        """Let it finish. Returns what it said on standard error."""
        _, said = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, said
        return said

    def expected(self) -> dict[str, list[tuple[int, float]]]:
        """Every point that it logged."""
        return {
            "loss": [(step, 1.0 / (step + 3)) for step in range(self.steps)],
            "step/square": [(step, step * step) for step in range(self.steps)],
        }

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


def points(reader: Reader, run_id: str) -> dict[str, list[tuple[int, float]]]:
    """All points of a run, in arrival order and with duplicates, as somebody else reads them."""
    run = reader.run(f"team/{run_id}")
    return {
        key: [(step, value) for step, _, value in run.series(key, "all")]
        for key in ("loss", "step/square")
    }
