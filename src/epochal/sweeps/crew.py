"""Several agents on this machine, each a process of its own with GPUs of its own.

A process sees only its GPUs (``CUDA_VISIBLE_DEVICES``), numbered from 0, so a training script
needs no change. When the crew is interrupted, its agents are, and their trials with them.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from epochal.client.capture.gpu import open_gpus
from epochal.errors import InvalidInput
from epochal.sweeps.processes import terminable

MAX_WORKERS: Final = 256
VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
GRACE_S: Final = 60.0


def read_gpus(text: str) -> list[str]:
    """The GPUs of ``all`` or of a list such as ``0,1,3``.

    Raises:
        InvalidInput: there are none, or one stands there twice.
    """
    if text != "all":
        found = [word.strip() for word in text.split(",")]
        if not all(found) or len(set(found)) < len(found):
            raise InvalidInput(f"--gpus takes all, or different numbers as in 0,1,3; got {text!r}")
        return found
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        found = [word.strip() for word in visible.split(",") if word.strip()]
    else:
        gpus = open_gpus()
        found = [str(number) for number in range(len(gpus.describe()))] if gpus else []
        if gpus:
            gpus.close()
    if not found:
        raise InvalidInput("no GPU was found here; leave --gpus out, or name them as in 0,1")
    return found


def shares(gpus: Sequence[str], workers: int | None) -> list[list[str]]:
    """Which GPUs each worker gets: at least one, shared only when there are more workers.

    Raises:
        InvalidInput: the number of workers cannot be used.

    Example:
        >>> shares(["0", "1", "2"], 2)
        [['0', '1'], ['2']]
    """
    count = max(1, len(gpus)) if workers is None else workers
    if not 1 <= count <= MAX_WORKERS:
        raise InvalidInput(f"--workers goes from 1 to {MAX_WORKERS}, got {count}")
    if not gpus or count > len(gpus):
        return [[gpus[n % len(gpus)]] if gpus else [] for n in range(count)]
    small, more = divmod(len(gpus), count)
    ends = [small * n + min(n, more) for n in range(count + 1)]
    return [list(gpus[begin:end]) for begin, end in pairwise(ends)]


def run_crew(
    arguments: Sequence[str], parts: Sequence[Sequence[str]], count: int | None = None
) -> int:
    """Run one agent for each part, until all went home.

    Args:
        arguments: of ``epochal sweep agent``: the sweep's id, and what else all of them get.
        parts: GPUs of each; an empty part sees what this process sees.
        count: most trials of all agents together.

    Returns:
        0, or the exit code of an agent that failed.
    """
    agents: list[subprocess.Popen[bytes]] = []
    with _passing_on(agents):
        for n, gpus in enumerate(parts):
            command = [sys.executable, "-m", "epochal", "sweep", "agent", *arguments]
            if count is not None:
                mine = count // len(parts) + (n < count % len(parts))
                if mine == 0:
                    continue
                command += ["--count", str(mine)]
            environment = {**os.environ, **({VISIBLE: ",".join(gpus)} if gpus else {})}
            agents.append(subprocess.Popen(command, env=environment))
        codes = [agent.wait() for agent in agents]
    return next((code if code > 0 else 1 for code in codes if code != 0), 0)


@contextlib.contextmanager
def _passing_on(agents: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """What ends the crew ends its agents; each then ends its trial."""
    try:
        with terminable():
            yield
    except BaseException:
        for agent in agents:
            if agent.poll() is None:
                agent.terminate()
        for agent in agents:
            try:
                agent.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                agent.kill()
                agent.wait()
        raise
