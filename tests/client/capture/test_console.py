"""P8 and F34: the program's streams stay what they were, byte for byte, and are recorded."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import types

import pytest

from epochal.client.capture.console import Console
from epochal.errors import Conflict

STOP = "\nconsole.stop(10)\n"


# ---------------------------------------------------------------------------- what is recorded
def test_prints_of_python_c_and_children_are_recorded_in_order(run_script):
    """Whoever writes to the descriptor is seen."""
    body = """
import ctypes, subprocess
print("python", flush=True)
os.write(1, b"os.write\\n")
os.system("echo shell")
subprocess.run([sys.executable, "-c", "print('child')"])
ctypes.CDLL(None).puts(b"libc")
"""
    result = run_script(body + STOP)
    assert result.code == 0
    expected = ["python", "os.write", "shell", "child", "libc"]
    assert result.texts(0) == expected
    assert result.out == b"".join(f"{line}\n".encode() for line in expected)
    assert result.err == b""


def test_two_pipes_are_two_streams_with_one_count(run_script):
    """Numbers run over both streams without a gap."""
    body = """
for n in range(50):
    print("out", n, flush=True)
    print("err", n, file=sys.stderr)
"""
    result = run_script(body + STOP)
    assert result.texts(0) == [f"out {n}" for n in range(50)]
    assert result.texts(1) == [f"err {n}" for n in range(50)]
    assert list(result.lines) == list(range(100))
    assert result.out.decode().splitlines() == result.texts(0)
    assert result.err.decode().splitlines() == result.texts(1)


def test_streams_that_lead_to_the_same_place_keep_their_order(run_script):
    """``2>&1`` stays in the order of writing, in the file and in the record."""
    body = """
for n in range(300):
    print("out", n, flush=True)
    print("err", n, file=sys.stderr)
"""
    result = run_script(body + STOP, stderr=subprocess.STDOUT)
    expected = [f"{name} {n}" for n in range(300) for name in ("out", "err")]
    assert result.out.decode().splitlines() == expected
    assert result.texts() == expected


def test_fifty_megabytes_arrive_unchanged(run_script, tmp_path):
    """The original has every byte; the record has them too or says how many are missing."""
    body = """
import hashlib, random
digest = hashlib.sha256()
block = random.Random(1).randbytes(1_000_003)
block += b"line of text\\n" * 5000
for n in range(48):
    data = block[n:] + str(n).encode()
    digest.update(data)
    sys.stdout.buffer.write(data)
sys.stdout.flush()
console.stop(60)
open(RECORD + ".digest", "w").write(digest.hexdigest())
"""
    with (tmp_path / "out").open("wb") as out:
        result = run_script(body, stdout=out)
    assert result.code == 0
    data = (tmp_path / "out").read_bytes()
    assert len(data) > 50_000_000
    expected = (tmp_path / "record.jsonl.digest").read_text()
    assert hashlib.sha256(data).hexdigest() == expected
    assert sum("line of text" in text for text in result.texts(0)) > 1000
    assert list(result.lines) == list(range(len(result.lines)))


def test_all_plain_lines_are_recorded_when_the_sink_follows(run_script):
    """A hundred thousand lines: none is lost, doubled or moved."""
    result = run_script("for n in range(100_000):\n    print('line', n)\n" + STOP)
    assert result.texts(0) == [f"line {n}" for n in range(100_000)]
    assert result.out == b"".join(b"line %d\n" % n for n in range(100_000))


def test_a_progress_bar_becomes_one_line(run_script):
    """It is drawn 2,000 times, recorded about once a second, and ends with its last state."""
    body = """
for n in range(2001):
    sys.stderr.write(f"\\rEpoch 1: {n * 100 // 2000:3d}%|{'#' * (n // 100):<20}| {n}/2000")
    sys.stderr.flush()
    time.sleep(0.001)
sys.stderr.write("\\n")
print("done")
"""
    result = run_script(body + STOP)
    assert result.texts(1) == [f"Epoch 1: 100%|{'#' * 20}| 2000/2000"]
    repeats = [batch for batch in result.batches if batch[1] == 1]
    spent = repeats[-1][0] - repeats[0][0]
    assert 2 <= len(repeats) <= spent + 3
    assert result.err.count(b"\r") == 2001


def test_rounds_are_at_most_ten_a_second(run_script):
    """A chatty program does not flood the sink."""
    body = """
end = time.monotonic() + 1.5
while time.monotonic() < end:
    print("x", flush=True)
    time.sleep(0.002)
"""
    result = run_script(body + STOP)
    times = [batch[0] for batch in result.batches]
    assert len(times) <= (times[-1] - times[0]) * 10 + 3
    assert len(result.lines) > 50


def test_secrets_do_not_reach_the_sink(run_script):
    """LEAK-01: the terminal shows them, the record does not."""
    result = run_script("print('password=hunter2')\nprint('ok')\n" + STOP)
    assert result.texts() == ["password=[redacted]", "ok"]
    assert result.out == b"password=hunter2\nok\n"


def test_undecodable_bytes_and_long_lines_are_recorded_bounded(run_script):
    """Bytes that are no UTF-8 are marked, a line of a megabyte is cut; the stream is whole."""
    body = """
os.write(1, b"caf\\xe9 \\xff\\n")
os.write(1, "caf\\u00e9\\n".encode())
sys.stdout.write("x" * 1_000_000 + "\\n")
"""
    result = run_script(body + STOP)
    bad, good, long = result.texts()
    assert bad == "caf\ufffd \ufffd"
    assert good == "caf\u00e9"
    assert long == "x" * 10_000 + " ... [990,000 more characters]"
    assert result.out == b"caf\xe9 \xff\ncaf\xc3\xa9\n" + b"x" * 1_000_000 + b"\n"


def test_bytes_that_look_like_the_start_of_our_mark_arrive(run_script):
    """The mark's first bytes are held back for a moment only."""
    body = r"""
for n in range(200):
    os.write(1, b"\xff\xfeepochal:"[: n % 11] or b"\n")
os.write(1, b"\xff")
time.sleep(0.3)
open(RECORD + ".size", "w").write("x")
"""
    result = run_script(body + STOP)
    mark = b"\xff\xfeepochal:"
    assert result.out == b"".join(mark[: n % 11] or b"\n" for n in range(200)) + b"\xff"


# --------------------------------------------------------------------------------- a terminal
def test_a_terminal_stays_a_terminal(run_on_terminal):
    """Programs go on to see a terminal of the same size, and bytes pass unchanged."""
    body = """
print(sys.stdout.isatty(), sys.stderr.isatty(), os.isatty(1), tuple(os.get_terminal_size(1)))
print("\\x1b[31mred\\x1b[0m")
print("err", file=sys.stderr)
os.system("test -t 1 && echo child has a terminal")
"""
    result = run_on_terminal(body + STOP + "print('after', sys.stdout.isatty())\n")
    assert result.code == 0
    shown = b"True True True (132, 43)\n\x1b[31mred\x1b[0m\nerr\nchild has a terminal\n"
    assert result.out == shown + b"after True\n"
    assert result.texts() == shown.decode().splitlines()


def test_a_resized_terminal_is_followed(script, record):
    """The program sees the new size within a second."""
    import fcntl
    import struct
    import termios

    outer, inner = os.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    body = """
deadline = time.monotonic() + 60
while os.get_terminal_size(1).columns != 200 and time.monotonic() < deadline:
    time.sleep(0.02)
print("columns", os.get_terminal_size(1).columns)
"""
    process = subprocess.Popen(script(body + STOP), stdin=inner, stdout=inner, stderr=inner)
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    os.close(inner)
    out = b""
    try:
        while b"columns" not in out or not out.endswith(b"\n"):
            out += os.read(outer, 4096)
    finally:
        process.wait(20)
        os.close(outer)
    assert b"columns 200" in out


def test_order_on_a_terminal_is_exact(run_on_terminal):
    """A message between two drawings of a bar on stderr stays between them (tqdm.write)."""
    body = """
for n in range(500):
    sys.stderr.write(f"\\rbar {n}"); sys.stderr.flush()
    sys.stderr.write("\\r       \\r"); sys.stderr.flush()
    sys.stdout.write(f"message {n}\\n"); sys.stdout.flush()
sys.stderr.write("\\rbar end\\n")
"""
    result = run_on_terminal(body + STOP)
    drawn = "".join(f"\rbar {n}\r       \rmessage {n}\n" for n in range(500)) + "\rbar end\n"
    assert result.out.decode() == drawn
    assert result.texts() == [f"message {n}" for n in range(500)] + ["bar end"]


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
print("stopped in time", time.monotonic() - begun < 3)
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
    assert process.wait(30) == 0
    assert float(record.with_suffix(".jsonl.spent").read_text()) < 2.0
    assert process.stdout is not None
    data = process.stdout.read()
    process.stdout.close()
    assert set(data) == set(b"x")


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
    assert process.wait(30) == 9


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


# ------------------------------------------------------------------------------------- faults
def test_a_sink_that_raises_costs_the_record_only(run_script):
    """The program prints on; the failure is kept for the owner to report."""
    body = """
console.stop(5)
def bad(stream, first, lines):
    raise RuntimeError("no disk")
other = Console(); other.start(bad)
for n in range(30000):
    print("line", n)
other.stop(10)
print(repr(other.failure))
"""
    result = run_script(body)
    expected = b"".join(b"line %d\n" % n for n in range(30000))
    assert result.out == expected + b"RuntimeError('no disk')\n"
    assert result.err == b""


def test_a_sink_that_hangs_never_blocks_the_program(run_script):
    """What it cannot take is counted; stop keeps its time; no line comes after stop."""
    body = """
import threading
console.stop(5)
gate = threading.Event(); seen = []
def slow(stream, first, lines):
    gate.wait()
    seen.extend(lines)
other = Console(); other.start(slow)
begun = time.monotonic()
for n in range(600):
    print("x" * 50_000)
sys.stdout.flush()
assert time.monotonic() - begun < 30
gate.set()
other.stop(30)
lost = [line for line in seen if "not recorded" in line]
print(len(lost) > 0 and lost[0], file=sys.stderr)
gate.clear(); again = Console(); again.start(slow)
print("late"); sys.stdout.flush(); time.sleep(0.3)
begun = time.monotonic(); again.stop(0.5); print(time.monotonic() - begun < 2, file=sys.stderr)
"""
    result = run_script(body)
    assert result.code == 0, result.err
    assert result.out == b"".join([b"x" * 50_000 + b"\n"] * 600) + b"late\n"
    lost, in_time = result.err.decode().splitlines()
    assert re.fullmatch(r"\[epochal: [\d,]+ bytes of output were not recorded\]", lost)
    assert in_time == "True"


def test_killing_the_relay_brings_the_original_streams_back(run_script):
    """The worst that can befall the relay costs a moment, not the stream."""
    body = """
import subprocess
print("before", flush=True)
deadline = time.monotonic() + 60
def relays():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0")
        except OSError:
            continue
        if console._mark.hex().encode() in words:
            found.append(int(pid))
    return found
while not os.path.exists(RECORD):
    assert time.monotonic() < deadline
    time.sleep(0.01)
for pid in relays():
    os.kill(pid, 9)
while console.failure is None:
    assert time.monotonic() < deadline
    time.sleep(0.01)
print("after", flush=True)
os.system("echo child")
console.stop(5)
print(repr(console.failure))
"""
    result = run_script(body)
    assert result.code == 0, result.err
    failure = b"OSError('the process that relays the output was killed')\n"
    assert result.out == b"before\nafter\nchild\n" + failure


def test_a_relay_that_never_starts_loses_nothing(run_script):
    """What was printed before we noticed is carried over by hand."""
    body = """
console.stop(5)
import epochal.client.capture.relay as relay
relay.__file__ = os.path.join(os.path.dirname(RECORD), "broken.py")
open(relay.__file__, "w").write("raise SystemExit(1)")
other = Console(); other.start(sink)
print("early", flush=True)
deadline = time.monotonic() + 60
while other.failure is None:
    assert time.monotonic() < deadline
    time.sleep(0.01)
print("late", flush=True)
other.stop(5)
"""
    result = run_script(body)
    assert result.code == 0, result.err
    assert result.out == b"early\nlate\n"


def test_without_a_relay_the_prints_of_python_are_recorded(run_script):
    """No interpreter to run the relay with: shadowed writes record what they can."""
    body = """
console.stop(5)
sys.executable = "/usr/sbin/uwsgi"
other = Console(); other.start(sink)
print("python", flush=True)
os.system("echo child")
other.stop(5)
print("after", "write" in vars(sys.stdout))
"""
    result = run_script(body)
    assert result.out == b"python\nchild\nafter False\n"
    assert result.texts() == ["python"]


def test_no_descriptor_left_is_no_error(run_script):
    """EMFILE at start: the program prints on."""
    body = """
import resource
console.stop(5)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
other = Console(); other.start(sink)
print("printed")
other.stop(5)
sys.stderr.write(type(other.failure).__name__)
"""
    result = run_script(body)
    assert result.code == 0
    assert result.out == b"printed\n"
    assert result.err == b"OSError"


# ------------------------------------------------------------------- streams of other kinds
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "<&-"])
def test_closed_streams_are_left_alone(closed, script, record, tmp_path):
    """A descriptor that the program reuses for a file is not ours to touch."""
    body = f"""
handle = open({str(tmp_path / "first")!r}, "w")
handle.write("mine"); handle.flush()
try:
    print("to stdout")
except Exception as error:
    os._exit(4)
"""
    command = script(body + STOP + "handle.write(' still'); handle.close()\n")
    shell = f"exec {command[0]} {command[1]} {closed}"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "first").read_text() == "mine still"
    assert done.stdout == (b"" if ">&-" in closed.split() else b"to stdout\n")


def test_a_stream_object_without_descriptor_is_shadowed(capsys):
    """Under a test's capture, as in Jupyter, ``write`` of the object itself is followed."""
    seen = []
    before = (sys.stdout, vars(sys.stdout).get("write"))
    console = Console()
    console.start(lambda stream, first, lines: seen.append((stream, first, lines)))
    print("out")
    print("err", file=sys.stderr)
    print("unfinished", end="")
    console.stop(10)
    print(" after")
    assert sorted((s, line) for s, _, lines in seen for line in lines) == [
        (0, "out"), (0, "unfinished"), (1, "err")
    ]  # fmt: skip
    assert (sys.stdout, vars(sys.stdout).get("write")) == before
    assert capsys.readouterr().out == "out\nunfinished after\n"


def test_shadowed_writes_are_bounded(capsys):
    """Printing faster than we fold drops and counts; it does not pile up."""
    gate = threading.Event()
    seen: list[str] = []

    def slow(stream, first, lines):
        gate.wait(20)
        seen.extend(lines)

    console = Console()
    console.start(slow)
    print("first")
    deadline = time.monotonic() + 60
    for _ in range(40):
        print("y" * 1_000_000)
    assert sum(len(text) for _, text in console._queue) < 12_000_000
    assert time.monotonic() < deadline
    gate.set()
    console.stop(20)
    capsys.readouterr()
    assert any("characters of output were not recorded" in line for line in seen)


def test_another_shadow_over_ours_is_not_torn_down(capsys):
    """Whoever shadowed later goes on working after our stop."""
    console = Console()
    console.start(lambda stream, first, lines: None)
    ours = sys.stdout.write
    calls = []

    def shadow(text):
        calls.append(text)
        return ours(text)

    sys.stdout.write = shadow  # type: ignore[method-assign]
    try:
        console.stop(10)
        print("x", end="")
    finally:
        del sys.stdout.write
    assert "".join(calls) == "x"
    assert capsys.readouterr().out == "x"


def test_a_second_start_is_refused(capsys):
    """A Console is used once."""
    console = Console()
    console.start(lambda stream, first, lines: None)
    with pytest.raises(Conflict, match="started before"):
        console.start(lambda stream, first, lines: None)
    console.stop(10)


def test_each_cell_of_a_notebook_is_followed(capsys, monkeypatch):
    """IPython 9 puts its own ``write`` on the streams in each cell, and takes it off again."""
    listeners = []
    events = types.SimpleNamespace(
        register=lambda _, call: listeners.append(call),
        unregister=lambda _, call: listeners.remove(call),
    )
    shell = types.SimpleNamespace(events=events)
    module = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    seen = []
    console = Console()
    console.start(lambda stream, first, lines: seen.extend(lines))
    plain = vars(sys.stdout).get("write")

    def run_cell(text, before):
        monkeypatch.setattr(sys.stdout, "write", functools.partial(before))
        for call in listeners:
            call(None)
        print(text)
        monkeypatch.setattr(sys.stdout, "write", before)

    ours = sys.stdout.write
    run_cell("over ours", ours)
    run_cell("without ours", type(sys.stdout).write.__get__(sys.stdout))
    run_cell("again", type(sys.stdout).write.__get__(sys.stdout))
    console.stop(10)
    assert seen == ["over ours", "without ours", "again"]
    assert listeners == []
    assert plain is ours
    assert capsys.readouterr().out == "over ours\nwithout ours\nagain\n"
