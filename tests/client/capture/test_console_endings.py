"""P8 and F34: however a program or its record ends, its streams and exit code are its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

# ------------------------------------------------------------------------------ ways to end
ENDINGS = {
    "falls off the end": ("", 0),
    "sys.exit(3)": ("sys.exit(3)", 3),
    "sys.exit(text)": ("sys.exit('bye')", 1),
    "an exception": ("raise ValueError('boom')", 1),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", -signal.SIGINT),
    "os._exit": ("sys.stdout.flush(); os._exit(7)", 7),
    "os.abort": ("sys.stdout.flush(); os.abort()", -signal.SIGABRT),
    "SIGKILL": ("sys.stdout.flush(); os.kill(os.getpid(), 9)", -signal.SIGKILL),
    "SIGTERM": ("sys.stdout.flush(); os.kill(os.getpid(), 15)", -signal.SIGTERM),
    "a segfault with faulthandler": (
        "import faulthandler; faulthandler.enable(); sys.stdout.flush(); faulthandler._sigsegv()",
        -signal.SIGSEGV,
    ),
    "exec": ("sys.stdout.flush(); os.execv('/bin/sh', ['sh', '-c', 'echo next; exit 5'])", 5),
}


@pytest.mark.parametrize("way", ENDINGS)
@pytest.mark.parametrize("stops", [False, True], ids=["unstopped", "stopped at exit"])
def test_however_the_program_ends_its_streams_and_exit_code_are_its_own(
    way, stops, script, record
):
    """The same script without us prints the same bytes and gives the same code."""
    ending, code = ENDINGS[way]
    body = "print('first')\nos.write(2, b'error\\n')\nprint('x' * 200_000)\nprint('last')\n"
    at_exit = "import atexit; atexit.register(console.stop, 10)\n" if stops else ""
    ours = subprocess.run(
        script(at_exit + body + ending), capture_output=True, timeout=60, check=False
    )
    plain = ["-c", "import os, sys\n" + body + ending]
    theirs = subprocess.run([sys.executable, *plain], capture_output=True, timeout=60, check=False)
    assert ours.returncode == theirs.returncode == code
    assert ours.stdout == theirs.stdout
    hide = re.compile(
        rb'File ".*?", line \d+|^    .*\n|Extension modules.*\n|\(most recent.*', re.MULTILINE
    )
    assert hide.sub(b"", ours.stderr).split()[:3] == hide.sub(b"", theirs.stderr).split()[:3]
    assert len(ours.stderr) >= len(b"error\n")


def test_an_uncaught_exception_is_recorded_with_its_traceback(run_script):
    """With the exit hook in place the last words are in the record."""
    body = "import atexit; atexit.register(console.stop, 10)\nraise ValueError('boom')\n"
    result = run_script(body)
    assert result.code == 1
    assert result.texts(1)[-1] == "ValueError: boom"
    assert result.err.decode().splitlines() == result.texts(1)


def test_ctrl_c_ends_the_program_and_not_its_streams(script, record):
    """SIGINT to the whole group, as a terminal sends it: the relay carries on to the end."""
    body = """
import atexit; atexit.register(console.stop, 10)
print("ready", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""
    process = subprocess.Popen(script(body), stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert rest == b"interrupted\n"
    assert process.returncode == 130
    assert "interrupted" in record.read_text()


# -------------------------------------------------------------------------------- stopping
def test_after_stop_the_original_descriptors_are_back(run_script):
    """Same file, same inheritance, nothing recorded any more."""
    body = """
console.stop(10)
fds = sorted(os.listdir("/proc/self/fd"), key=int)
print("after", fds, os.fstat(1).st_ino == INO, os.get_inheritable(1))
os.system("echo child")
"""
    result = run_script("import subprocess\n" + body.replace("INO", "int(os.environ['INO'])"))
    assert result.code == 1  # INO is unknown: the next script knows it
    read, write = os.pipe()
    environment = {**os.environ, "INO": str(os.fstat(write).st_ino)}
    result = run_script(
        body.replace("INO", "int(os.environ['INO'])"), stdout=write, env=environment
    )
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        out = pipe.read()
    assert out.splitlines()[-1] == b"child"
    assert b"True True" in out
    assert re.search(rb"\['0', '1', '2', '\d+'\]", out), "no descriptor of ours is left"
    assert "after" not in " ".join(result.texts())


def test_stop_returns_in_time_while_a_child_holds_the_pipe(run_script):
    """A background child keeps its stdout beyond stop and the program, and its bytes come."""
    body = """
import subprocess
child = subprocess.Popen(["sh", "-c", "echo early; read line; echo late; sleep 0.3; echo later"],
                         stdin=subprocess.PIPE)
begun = time.monotonic()
console.stop(10)
print("stopped in time", time.monotonic() - begun < 30)
sys.stdout.flush()
child.stdin.write(b"\\n"); child.stdin.close()
os._exit(0)
"""
    result = run_script(body)
    assert sorted(result.out.split(b"\n")) == [
        b"", b"early", b"late", b"later", b"stopped in time True"
    ]  # fmt: skip


def test_stop_is_in_time_when_nobody_reads_the_original(script, record):
    """A pager that is not scrolled blocks the program's own writes, not our stop."""
    body = """
import threading
threading.Thread(target=lambda: os.write(1, b"x" * 1_000_000), daemon=True).start()
time.sleep(0.3)
begun = time.monotonic()
console.stop(1.0)
open(RECORD + ".spent", "w").write(str(time.monotonic() - begun))
os._exit(0)
"""
    process = subprocess.Popen(script(body), stdout=subprocess.PIPE)
    assert process.wait(60) == 0
    assert float(record.with_suffix(".jsonl.spent").read_text()) < 30
    assert process.stdout is not None
    data = process.stdout.read()
    process.stdout.close()
    assert set(data) == set(b"x")


BURST = """
console.stop(10)
other = Console()
other.start(lambda *batch: (time.sleep(0.02), sink(*batch)))
os.write(1, b"".join(b"burst %d\\n" % n for n in range(60_000)))
"""


def test_stop_waits_for_what_is_still_coming_in(run_script):
    """A burst before the end takes longer than the time of silence, and is recorded wholly."""
    result = run_script(BURST + "other.stop(0.5, 60)")
    assert result.texts() == [f"burst {number}" for number in range(60_000)]


def test_what_comes_too_late_has_a_line_that_says_so(run_script):
    """Nobody takes the lines that were recorded for all that there were.

    Of the last one only the beginning may have come in time.
    """
    *lines, last = run_script(BURST + "other.stop(0.2)").texts()
    assert last == "[epochal: what was printed last was not recorded: it came too late]"
    printed = "\n".join(f"burst {number}" for number in range(60_000))
    assert printed.startswith("\n".join(lines))
    assert len(lines) < 60_000


def test_a_broken_pipe_reaches_the_program(script):
    """``train.py | head -1`` ends the program as it would without us."""
    body = """
try:
    for n in range(10_000_000):
        print("line", n)
        sys.stdout.flush()
except BrokenPipeError:
    os._exit(9)
"""
    process = subprocess.Popen(script(body), stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"line 0\n"
    process.stdout.close()
    assert process.wait(60) == 9


def test_stop_twice_and_start_twice(run_script):
    """The second stop is nothing; the second start is refused with a sentence."""
    body = """
console.stop(5)
console.stop(5)
try:
    console.start(sink)
except Exception as error:
    print(type(error).__name__)
"""
    assert run_script(body).out == b"Conflict\n"


def test_one_recorder_after_the_other(run_script):
    """A notebook starts many runs; each sees only its own lines."""
    body = """
print("one")
console.stop(10)
for n in range(20):
    seen = []
    other = Console()
    other.start(lambda stream, first, lines: seen.extend(lines))
    print("round", n)
    other.stop(10)
    assert seen == [f"round {n}"], seen
print("descriptors", len(os.listdir("/proc/self/fd")))
"""
    result = run_script(body)
    assert result.code == 0, result.err
    assert result.texts() == ["one"]
    assert result.out.splitlines()[-1] == b"descriptors 4"


@pytest.mark.parametrize("order", ["inner, outer", "outer, inner"])
def test_two_recorders_at_once_both_see_the_output(order, run_script):
    """Stopped in any order, nothing is lost from the original."""
    body = """
inner = Console(); seen = []
inner.start(lambda stream, first, lines: seen.extend(lines))
outer = console
print("both")
for name in ORDER.split(", "):
    globals()[name].stop(10)
    print("after", name)
assert "both" in seen, seen
"""
    result = run_script(body.replace("ORDER", repr(order)))
    assert result.code == 0, result.err
    names = order.split(", ")
    assert result.out.decode().split() == ["both", "after", names[0], "after", names[1]]
    assert result.texts()[0] == "both"
