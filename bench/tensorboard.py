"""Event files beside TensorBoard's own reader and server: CPU seconds, and until the page has all.

Each measurement runs in a process of its own. The files hold one scalar per event
under 20 tags, as `SummaryWriter` writes them.
"""

from __future__ import annotations

import json
import resource
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

TAGS = 20
NAME = "events.out.tfevents.1700000000.bench.1.0"
ROOT = Path(__file__).parents[1]


def write_events(path, count):
    """An event file; its own writer, so that both sides read the same bytes."""
    from epochal.imports.tensorboard.checksum import crc32c, masked

    heads = {}

    def frame(data):
        head = heads.get(len(data))
        if head is None:
            size = struct.pack("<Q", len(data))
            head = heads[len(data)] = size + struct.pack("<I", masked(crc32c(size)))
        return head + data + struct.pack("<I", masked(crc32c(data)))

    def varint(number):
        found = b""
        while number > 127:
            found += bytes([number & 127 | 128])
            number >>= 7
        return found + bytes([number])

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(frame(b"\x09" + struct.pack("<d", 1.7e9) + b"\x1a\x0dbrain.Event:2"))
        for number in range(count):
            tag = f"train/metric_{number % TAGS}".encode()
            value = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", number / 7)
            summary = b"\x0a" + bytes([len(value)]) + value
            step = b"\x10" + varint(number // TAGS) if number >= TAGS else b""
            wall = b"\x09" + struct.pack("<d", 1.7e9 + number / 1000)
            file.write(frame(wall + step + b"\x2a" + bytes([len(summary)]) + summary))


def cpu(who=resource.RUSAGE_SELF):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def read_by_epochal(logdir):
    """The parser alone: every record found, checked and decoded."""
    from epochal.imports.tensorboard.dense import read_dense
    from epochal.imports.tensorboard.records import read_records

    points = 0
    for path in Path(logdir).rglob("*tfevents*"):
        with path.open("rb") as file:
            rest = b""
            while part := file.read(8 << 20):
                buffer = rest + part
                records = read_records(buffer)
                points += len(read_dense(buffer, records)[0].order)
                rest = buffer[records.end :]
    return points


def import_by_epochal(logdir):
    """Parsed and written to journals of a home."""
    from epochal.imports.tensorboard import import_directory

    with tempfile.TemporaryDirectory() as home:
        return import_directory(Path(home), logdir).counts["scalars"]


def read_by_tensorboard(logdir):
    """Its own reader with nothing left out, over every run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    points = 0
    for place in {path.parent for path in Path(logdir).rglob("*tfevents*")}:
        reader = EventAccumulator(str(place), size_guidance={"scalars": 0})
        reader.Reload()
        points += sum(len(reader.Scalars(tag)) for tag in reader.Tags()["scalars"])
    return points


READERS = {
    "epochal, read": ("epochal", "read_by_epochal"),
    "epochal, import": ("epochal", "import_by_epochal"),
    "tensorboard, EventAccumulator": ("tensorboard", "read_by_tensorboard"),
}


def work(function, logdir):
    """One process: prints a line of JSON."""
    with tempfile.TemporaryDirectory() as place:  # imports are not what is measured
        write_events(Path(place, "warm", NAME), 100) if "epochal" in function else None
        globals()[function](place)
    before = cpu()
    points = globals()[function](logdir)
    used = cpu() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"points": points, "cpu_s": used, "per_cpu_s": points / used, "peak_mb": peak}
    print(json.dumps(found))


def read(peer, function, logdir):
    from bench import environments

    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
        f"from bench import tensorboard; tensorboard.work({function!r}, {str(logdir)!r})"
    )
    command = [environments.python_of(peer), "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.loads(answer.read())
    except (OSError, ValueError):
        return None


def seen_by_epochal(url, runs, count):
    """The points of a tag, once the page would show each point of every run."""
    from epochal.api import connect
    from epochal.errors import EpochalError

    try:
        found = list(connect(url).runs("experiments", limit=1000))
    except EpochalError:
        return 0
    last = (count - 1) // TAGS
    whole = len(found) == runs and all(run.last_step == last for run in found)
    points = len(found[0].series("train/metric_0")) if whole else 0
    return points if points > last else 0


def seen_by_tensorboard(url, runs, count):
    tags = ask(f"{url}/data/plugin/scalars/tags") or {}
    if len(tags) < runs or any(len(found) < TAGS for found in tags.values()):
        return 0
    run = max(tags)
    query = urllib.parse.urlencode({"run": run, "tag": "train/metric_0"})
    points = ask(f"{url}/data/plugin/scalars/scalars?{query}") or []
    return len(points) if points and points[-1][1] == (count - 1) // TAGS else 0


def page(peer, logdir, runs, count):
    """Seconds from the start of the server until all is there, and what one tag has then."""
    from bench import environments

    with tempfile.TemporaryDirectory() as home:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        python = environments.python_of(peer)
        if peer == "epochal":
            command = [python, "-m", "epochal", "server", "--home", home, "--port", str(port)]
        else:
            command = [python, "-m", "tensorboard.main", "--port", str(port)]
        begun = time.perf_counter()
        server = subprocess.Popen(
            [*command, "--logdir", str(logdir)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            seen = seen_by_epochal if peer == "epochal" else seen_by_tensorboard
            while not (points := seen(url, runs, count)):
                if time.perf_counter() - begun > 300:
                    break
                time.sleep(0.05)
            return {
                "visible_s": time.perf_counter() - begun,
                "points_of_a_tag": points,
                "memory_mb": sum(map(memory_of, family(server.pid))),
            }
        finally:
            server.terminate()
            server.wait(30)


def free_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def family(pid):
    """The process and its children; TensorBoard reads in one of its own."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def memory_of(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    line = next((line for line in text.splitlines() if line.startswith("VmRSS")), "VmRSS: 0 kB")
    return int(line.split()[1]) / 1024


def tensorboard(quick):
    """A long run, and many short ones."""
    sizes = {"one run": (1, 50_000 if quick else 1_000_000)}
    sizes["many runs"] = (20, 2000) if quick else (300, 2000)
    found = {}
    for name, (runs, count) in sizes.items():
        with tempfile.TemporaryDirectory() as place:
            logdir = Path(place, "experiments", "logs")
            for number in range(runs):
                write_events(logdir / f"run{number:03}" / NAME, count)
            shape = found[name] = {"runs": runs, "points": runs * count, "read": {}, "page": {}}
            for variant, (peer, function) in READERS.items():
                print(f"tensorboard: {name} {variant}", file=sys.stderr)
                shape["read"][variant] = read(peer, function, logdir)
            for peer in ("epochal", "tensorboard"):
                print(f"tensorboard: {name} page {peer}", file=sys.stderr)
                shape["page"][peer] = page(peer, logdir, runs, count)
    return found
