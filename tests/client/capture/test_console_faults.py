"""P8 and F34: trouble in the record, and streams of other kinds, cost the record only."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import threading
import time
import types

import pytest

from epochal.client.capture.console import Console
from epochal.errors import Conflict
from tests.client.capture.conftest import STOP


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
begun = time.monotonic(); again.stop(0.5); print(time.monotonic() - begun < 30, file=sys.stderr)
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
        gate.wait(60)
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
