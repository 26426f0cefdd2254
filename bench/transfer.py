"""Artifacts between a script and a server on this machine, beside a plain copy + sha256.

A gibibyte in files of 64 KiB to 256 MiB, and 10,000 files of 4 KiB, each in one artifact. Every
round copies, uploads, downloads and copies again, into fresh directories; their medians
are told. The copy is made by one thread that reads, hashes and writes in pieces of 1 MiB; for the
upload, whose bytes are durable when it is answered, the copy is synced, too. The server and the
script share the machine's cores.

Called as ``python -m bench.transfer WORK ...`` for a script's part, in a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.stores import wait_for
from epochal.journal.home import read_server_address

KIB = 1024
MIB = 1024 * KIB
LARGE = ((256 * MIB, 1), (64 * MIB, 4), (16 * MIB, 12), (4 * MIB, 32), (MIB, 96),
         (256 * KIB, 256), (64 * KIB, 512))  # fmt: skip
SMALL = ((4 * KIB, 10_000),)
FORGET_S = 6.0
"""ext4 looks through the inodes that were freed in the last five seconds at every new file."""
SETTINGS = {"console": False, "system_interval": 0, "git": False, "environment": False}
Result = dict[str, Any]


def make_files(root: Path, sizes: tuple[tuple[int, int], ...], seed: int) -> int:
    """Files of random bytes in 16 directories; returns how many bytes."""
    source = random.Random(seed)
    total = 0
    for size, count in sizes:
        for number in range(count):
            path = root / f"{number % 16:02d}" / f"{size}-{number:05d}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for start in range(0, size, 4 * MIB):
                    file.write(source.randbytes(min(4 * MIB, size - start)))
            total += size
    return total


def cpu_of(server: psutil.Process) -> float:
    spent = server.cpu_times()
    return float(spent.user + spent.system)


def copy(source: Path, target: Path) -> Result:
    """Copy and hash each file in one pass; ``synced_s`` counts the sync as well."""
    room = memoryview(bytearray(MIB))
    begun, before = time.perf_counter(), time.process_time()
    for folder, _, names in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            hashing = hashlib.sha256()
            with (
                open(os.path.join(folder, name), "rb", buffering=0) as file,
                open(place / name, "wb", buffering=0) as copied,
            ):
                while got := file.readinto(room):
                    hashing.update(room[:got])
                    copied.write(room[:got])
            hashing.hexdigest()
    wall = time.perf_counter() - begun
    os.sync()
    spent = time.process_time() - before
    return {"wall_s": wall, "synced_s": time.perf_counter() - begun, "cpu_s": spent}


def log(source: str, home: str, url: str) -> Result:
    """Log a directory as an artifact, then wait until the server has all of it."""
    import epochal

    settings = {**SETTINGS, "silent": True, "home": home, "url": url}
    run = epochal.init(project="bench", id="up", settings=settings)
    begun, before = time.perf_counter(), time.process_time()
    artifact = run.log_artifact(source, name="files", type="dataset")
    logged = time.perf_counter()
    artifact.wait()
    done, spent = time.perf_counter(), time.process_time() - before
    if artifact.state != "committed":
        raise RuntimeError(f"the artifact is {artifact.state}")
    run.finish()
    return {"log_s": logged - begun, "send_s": done - logged, "cpu_s": spent}


def fetch(root: str, url: str) -> Result:
    """Download the artifact."""
    import epochal

    reader = epochal.connect(url=url)
    begun, before = time.perf_counter(), time.process_time()
    reader.artifact("bench/files:latest").download(root)
    return {"wall_s": time.perf_counter() - begun, "cpu_s": time.process_time() - before}


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    command = [sys.executable, "-m", "epochal", "server", "--home", str(home), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        address = wait_for(lambda: read_server_address(home), 30)
        yield address.url, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(30)


def script(work: str, *arguments: str) -> Result:
    """One part in a process of its own."""
    command = [sys.executable, "-m", "bench.transfer", work, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    told: Result = json.loads(done.stdout.splitlines()[-1])
    return told


def one_round(source: Path, work: Path) -> Result:
    """Copy, upload and download once, in fresh directories."""
    os.sync()
    copied = copy(source, work / "copied")
    with serving(work / "server") as (url, server):
        before = cpu_of(server)
        up = script("log", str(source), str(work / "home"), url)
        up["server_cpu_s"] = cpu_of(server) - before
        os.sync()
        before = cpu_of(server)
        down = script("fetch", str(work / "down"), url)
        down["server_cpu_s"] = cpu_of(server) - before
        os.sync()
    again = copy(source, work / "copied again")
    plain = (copied["wall_s"] + again["wall_s"]) / 2
    synced = (copied["synced_s"] + again["synced_s"]) / 2
    return {
        "copy_s": plain,
        "copy_synced_s": synced,
        "copy_cpu_s": (copied["cpu_s"] + again["cpu_s"]) / 2,
        "log_s": up["log_s"],
        "log_percent": 100 * plain / up["log_s"],
        "send_s": up["send_s"],
        "send_percent": 100 * synced / up["send_s"],
        "upload_s": up["log_s"] + up["send_s"],
        "upload_cpu_s": up["cpu_s"] + up["server_cpu_s"],
        "download_s": down["wall_s"],
        "download_percent": 100 * plain / down["wall_s"],
        "download_cpu_s": down["cpu_s"] + down["server_cpu_s"],
    }


def transfer(quick: bool) -> Result:
    """All shapes of files; the medians of some rounds."""
    found: Result = {}
    shapes = {"1 GiB, 64 KiB to 256 MiB": LARGE, "10,000 files of 4 KiB": SMALL}
    if quick:
        shapes = {"160 MiB": LARGE[4:], "1,000 files of 4 KiB": ((4 * KIB, 1_000),)}
    for shape, sizes in shapes.items():
        rounds = []
        for number in range(1 if quick else 3):
            with tempfile.TemporaryDirectory() as text:
                source = Path(text, "source")
                make_files(source, sizes, seed=number)
                print(f"round {number + 1}: {shape}", file=sys.stderr)
                rounds.append(one_round(source, Path(text)))
            time.sleep(FORGET_S)
        found[shape] = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    return found


if __name__ == "__main__":
    print(json.dumps({"log": log, "fetch": fetch}[sys.argv[1]](*sys.argv[2:])))
