"""A command run as if it had been typed: same terminal, same signals, same exit code.

The command inherits the standard streams and the process group. Signals sent to us go on to it;
those that a terminal sends to the whole group reach it anyway, and are not sent twice. We end
after it, never before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
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
    with _forwarding() as started:
        child = subprocess.Popen(command, env=dict(environment))
        started.append(child)
        return child.wait()


def shell_code(code: int) -> int:
    """What a shell makes of how a command ended: 128 + n for signal n."""
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _forwarding() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Send on the signals that come within the block, to the process in the list."""
    started: list[subprocess.Popen[bytes]] = []

    def forward(number: int, frame: FrameType | None) -> None:
        del frame
        if signal.Signals(number).name in FROM_TERMINAL and _is_in_front():
            return
        for child in started:
            child.send_signal(number)

    before = {}
    for name in FORWARDED:
        number = getattr(signal, name, None)
        # What we were told to ignore (nohup), the command ignores as well.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, forward)
    try:
        yield started
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
