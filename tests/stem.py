"""A process that has imported what a server runs, and forks when it is asked to.

Run as a program by `tests/forked.py`. Each line that it reads asks for a process: arguments of
``python``, variables, a log. It answers with the process's id, and tells how each one ends. What
is forked is as a program of its own is: its session, its variables, its output; it ends by the
interpreter's own end. When nobody can ask any more, it ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
import threading
from typing import Any

RUN = (
    "epochal.cli.web",
    "epochal.cli.serve",
    "epochal.server.runner",
    "epochal.server.app",
    "epochal.server.site",
)


def main() -> None:
    """Fork for whoever asks, until nobody does; in a fork, be what was asked for."""
    for name in RUN:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a fork would lose the other threads"
    gc.collect()
    gc.freeze()
    ends, rings = os.pipe()
    os.set_blocking(ends, False)
    os.set_blocking(rings, False)
    signal.set_wakeup_fd(rings)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([0, ends], [], [])
        if ends in ready:
            os.read(ends, 4096)
            tell_ends()
        if 0 in ready:
            line = sys.stdin.readline()
            if not line:
                return
            order = json.loads(line)
            process = os.fork()
            if process == 0:
                os.close(ends)
                os.close(rings)
                be(order)
                return
            say(started=process)


def say(**values: int) -> None:
    """One line for who asked."""
    os.write(1, json.dumps(values).encode() + b"\n")


def tell_ends() -> None:
    """Say which processes ended, and how."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            say(ended=found[0], code=os.waitstatus_to_exitcode(found[1]))


def be(order: dict[str, Any]) -> None:
    """Become ``python`` with the arguments that were ordered: a module's name, or a program."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    os.umask(order["mask"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(file, place)
    os.close(nothing)
    os.close(log)
    option, what, *rest = order["arguments"]
    sys.argv = [what if option == "-m" else option, *rest]
    if option == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(what, {"__name__": "__main__"})


if __name__ == "__main__":
    main()
