"""Steps that other processes can find by name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import epochal
from epochal.errors import InvalidInput
from epochal.pipelines import Output, current_step, pipeline, step

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@step(executor="process")
def add(a: int, b: int = 1) -> Output(total=int, pid=int):  # type: ignore[valid-type]
    """Add, and say where."""
    print(f"adding {a} and {b}")
    epochal.log({"total": a + b})
    return a + b, os.getpid()


@step
def here() -> int:
    """Say where steps in threads run."""
    return os.getpid()


@step
def program() -> str:
    """Say in which program it runs."""
    return Path(sys.argv[0]).name


@step(timeout=3, retries=1, retry_delay=0)
def too_long(folder: str) -> int:
    """Start a child, say so, and never end."""
    child = subprocess.Popen(SLEEP)
    Path(folder, f"{current_step().attempt}").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)
    return 1


@step(timeout=60)
def in_time(n: int) -> int:
    """Stay within the limit."""
    return n


@step(executor="process", retries=1, retry_delay=0)
def dies_once() -> Annotated[int, "attempt"]:
    """Die by a signal at the first attempt."""
    if current_step().attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return current_step().attempt


@step
def second(n: int) -> int:
    """Count on."""
    return n + 1


@step
def lives_later(n: int, sign: str) -> int:
    """Die by a signal until a file is there."""
    if not Path(sign).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return n


@step
def meets(folder: str, me: int) -> int:
    """Wait until the other one of two is there."""
    Path(folder, str(me)).touch()
    while not Path(folder, str(1 - me)).exists():
        time.sleep(0.02)
    return me


@step(executor="process")
def fails() -> int:
    """Raise in the other process."""
    raise InvalidInput("not like this")


@step
def raises() -> int:
    """Raise."""
    raise ValueError("no such luck")


@step
def second_time() -> int:
    """Succeed at the second attempt."""
    if current_step().attempt == 1:
        raise OSError("busy")
    return current_step().attempt


@step
def sleeps() -> int:
    """Never end."""
    time.sleep(600)
    return 1


def helper(text: str) -> str:
    """Is called by a step in another process."""
    return f"helped {text}"


@step(executor="process")
def uses_helper(text: str) -> str:
    """Call a helper."""
    return helper(text)


@pipeline(cache=False)
def everywhere() -> None:
    """Steps in a thread and in a process, with data from one to the other."""
    here()
    first = add(1)
    add(first.total, 10)
