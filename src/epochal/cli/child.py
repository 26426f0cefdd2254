"""A command run as if it had been typed: same terminal, same signals, same exit code.

The command inherits the standard streams and the process group. Signals sent to us go on to it,
also those that come while it is being started; those that a terminal sends to the whole group
reach it anyway, and are not sent twice. We end after it, never before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Final

NOT_FOUND: Final = 127
FROM_TERMINAL: Final = frozenset({"SIGINT", "SIGQUIT", "SIGTSTP"})
FORWARDED: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


def is_command(name: str) -> bool:
    """Whether a command can be run: a program on the path, or a file that may be executed."""
    return shutil.which(name) is not None


def run_child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end.

    Args:
        command: program and arguments.
        environment: all of its variables.

    Returns:
        Its exit code, or minus the number of the signal that ended it.

    Raises:
        OSError: it cannot be started.
    """
    with _forwarding() as forward_to:
        child = subprocess.Popen(command, env=dict(environment))
        forward_to(child)
        return child.wait()


def shell_code(code: int) -> int:
    """What a shell makes of how a command ended: 128 + n for signal n."""
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _forwarding() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Send on the signals that come within the block, to the process that it names."""
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        del frame
        if not started:
            early.append(number)  # whether from a terminal or not: it may be before the fork
        elif signal.Signals(number).name not in FROM_TERMINAL or not _is_in_front():
            started[0].send_signal(number)

    def forward_to(child: subprocess.Popen[bytes]) -> None:
        started.append(child)
        for number in early:
            child.send_signal(number)

    before = {}
    for name in FORWARDED:
        number = getattr(signal, name, None)
        # What we were told to ignore (nohup), the command ignores as well.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, forward)
    try:
        yield forward_to
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_in_front() -> bool:
    """Whether a terminal's Ctrl-C reaches this process group, and so the command itself."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
