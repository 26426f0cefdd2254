"""P8 and F34: the program's streams stay what they were, byte for byte, and are recorded."""

from __future__ import annotations

import hashlib
import os
import subprocess

from tests.client.capture.conftest import STOP


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
for _ in range(600):
    print("x", flush=True)
    time.sleep(0.002)
"""
    result = run_script(body + STOP)
    times = [batch[0] for batch in result.batches]
    assert len(times) <= (times[-1] - times[0]) * 10 + 3
    assert len(result.lines) == 600


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
        process.wait(60)
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
