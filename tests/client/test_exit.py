"""The end of a program: its exit code and output are its own, and the run says how it ended
(P6, P8; F23-F25).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from epochal.domain.record import Event
from tests.client.scripts import PRELUDE, read_home, run_script

BEGIN = "run = epochal.init(project='exit', settings=QUIET); run.log({'a': 1})\n"

KILL_SELF = "import os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)"
CAUGHT = "import sys\ntry: sys.exit(3)\nexcept SystemExit: run.log({'a': 2})"
HANDLED = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n" + KILL_SELF
STAND_IN = """
class run:
    log = finish = __enter__ = __exit__ = lambda *_: None
run = run()
epochal.finish = lambda *_: None
"""

ENDINGS: list[tuple[str, str, int, str | None, int | None]] = [
    ("falls off the end", "", 0, "finished", 0),
    ("sys.exit()", "import sys; sys.exit()", 0, "finished", 0),
    ("sys.exit(3)", "import sys; sys.exit(3)", 3, "failed", 3),
    ("sys.exit('words')", "import sys; sys.exit('words')", 1, "failed", 1),
    ("an exception", "raise ValueError('no')", 1, "failed", 1),
    ("Ctrl-C", "raise KeyboardInterrupt", -signal.SIGINT, "killed", 130),
    ("a huge sys.exit", "import sys; sys.exit(2**70)", 255, "failed", 255),
    ("finish(0)", "run.finish(); raise ValueError", 1, "finished", 0),
    ("finish(7)", "epochal.finish(7)", 0, "failed", 7),
    ("os._exit", "import os; os._exit(4)", 4, None, None),
    ("SIGTERM", KILL_SELF, -signal.SIGTERM, None, None),
    ("a segfault", "import ctypes; ctypes.string_at(0)", -signal.SIGSEGV, None, None),
    ("a caught sys.exit", CAUGHT, 0, "finished", 0),
    ("with: fine", "with run: pass", 0, "finished", 0),
    ("with: SystemExit", "with run: raise SystemExit(5)", 5, "failed", 5),
    ("with: an exception", "with run: raise ValueError('no')", 1, "failed", 1),
    ("with: Ctrl-C", "with run: raise KeyboardInterrupt", -signal.SIGINT, "killed", 130),
    ("a handler of the user", HANDLED, 9, "failed", 9),
]


@pytest.mark.parametrize("name,end,code,state,stored", ENDINGS, ids=[e[0] for e in ENDINGS])
def test_exit_code_and_state(
    name: str, end: str, code: int, state: str | None, stored: int | None, home: Path
) -> None:
    """The program ends as it would without us, and the journal says how."""
    done = run_script(BEGIN + end, home)
    plain = run_script(STAND_IN + end, home / "none")
    assert done.returncode == plain.returncode == code
    assert done.stdout == plain.stdout == ""
    (told,) = read_home(home)
    assert told.points("a")[0] == (0, 1)
    if state is None:
        assert told.finish is None
    else:
        assert told.finish is not None
        assert (told.finish.state, told.finish.exit_code) == (state, stored)


def test_an_exception_is_noted_and_its_traceback_unchanged(home: Path) -> None:
    source = "def f(): raise ValueError('the cause')\nf()"
    done = run_script(BEGIN + source, home)
    plain = run_script("#\n" + source, home / "none")
    assert done.stderr == plain.stderr
    (told,) = read_home(home)
    assert [(e.level, e.title) for e in told.all(Event)] == [("error", "ValueError: the cause")]


def test_the_users_own_hooks_are_called(home: Path) -> None:
    source = """
    import sys, atexit
    sys.excepthook = lambda *_: print("user hook")
    atexit.register(lambda: print("user atexit"))
    epochal.init(project="exit", settings=QUIET)
    raise ValueError
    """
    done = run_script(source, home)
    assert (done.returncode, done.stdout) == (1, "user hook\nuser atexit\n")


def test_what_a_run_says_goes_to_stderr_and_can_be_silenced(home: Path) -> None:
    source = """
    with epochal.init(project="exit", name="loud", settings={**QUIET, "silent": None}) as run:
        for i in range(50): run.log({"loss": 1 / (i + 1)})
        print("user output")
    """
    loud = run_script(source, home)
    assert loud.stdout == "user output\n"
    assert "recording loud" in loud.stderr
    assert "epochal ui" in loud.stderr
    assert "█" in loud.stderr
    assert "0.02" in loud.stderr
    silent = run_script(source, home, EPOCHAL_SILENT="1")
    assert (silent.stdout, silent.stderr) == ("user output\n", "")


def test_exec_leaves_a_whole_journal(home: Path) -> None:
    source = BEGIN + "import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'print(7)'])"
    done = run_script(source, home)
    assert (done.returncode, done.stdout) == (0, "7\n")
    (told,) = read_home(home)
    assert (told.points("a"), told.finish) == ([(0, 1)], None)


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_while_the_server_is_silent_leaves_soon(presses: int, home: Path) -> None:
    """A server that accepts and never answers must not hold the program; a second Ctrl-C leaves
    at once.
    """
    source = f"""
    import socket, time
    listener = socket.create_server(("127.0.0.1", 0))
    url = "http://127.0.0.1:%d" % listener.getsockname()[1]
    settings = dict(QUIET, url=url, exit_timeout={150 if presses == 2 else 1.0})
    run = epochal.init(project="exit", settings=settings)
    run.log({{"a": 1}})
    print("ready", flush=True)
    time.sleep(60)
    """
    import textwrap

    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(source)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "EPOCHAL_HOME": str(home)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        if presses == 2:
            deadline = time.monotonic() + 60
            while (
                not (journals := list(home.glob("runs/*/*.ej"))) or not read_home(home)[0].finish
            ):
                assert time.monotonic() < deadline, journals
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
        code = process.wait(60)
    assert code == -signal.SIGINT
    (told,) = read_home(home)
    assert told.finish is not None
    assert told.finish.state == "killed"


def test_ctrl_c_while_everything_is_captured_ends_by_sigint(home: Path) -> None:
    """What capturing imports at the same moment does not make Python forget the interrupt."""
    done = run_script("epochal.init(project='exit')\nraise KeyboardInterrupt", home)
    assert done.returncode == -signal.SIGINT
