"""What logging costs the training process, peer by peer."""

from __future__ import annotations

import json
import os
import signal
import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.environments import HERE, python_of

WORKER = str(HERE / "worker.py")
"""Started with ``-P``: modules of this folder may have the names of packages."""
STEERING = ("EPOCHAL_", "WANDB_", "MLFLOW_", "TRACKIO_", "PYTHONDONTWRITEBYTECODE")
Result = dict[str, Any]


def _environment() -> dict[str, str]:
    """The caller's environment without what would steer a tracker; bytecode is cached."""
    return {key: value for key, value in os.environ.items() if not key.startswith(STEERING)}


def _run(peer: str, work: str, directory: str, count: int = 0, width: int = 0) -> Result:
    done = subprocess.run(
        [python_of(peer), "-P", WORKER, peer, work, directory, str(count), str(width)],
        capture_output=True,
        text=True,
        timeout=600,
        env=_environment(),
        cwd=directory,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    return {"failed": (done.stderr.strip().splitlines() or ["no output"])[-1][:200]}


def size_of(directory: Path) -> int:
    """Bytes on disk as the file system counts them, preallocated space included."""
    return sum(f.stat().st_blocks * 512 for f in directory.rglob("*") if f.is_file())


def scale_of(peer: str) -> float:
    text = (HERE / "peers" / f"{peer}.py").read_text()
    return float(next(x.split("=")[1] for x in text.splitlines() if x.startswith("SCALE")))


def calls(peer: str, count: int, width: int, work: str = "calls") -> Result:
    """Times per call, CPU per point, bytes per point once a reader has been there."""
    count = max(20, int(count * scale_of(peer))) if work == "calls" else count
    with tempfile.TemporaryDirectory() as root:
        directory = Path(root, "data")
        directory.mkdir()
        result = _run(peer, work, str(directory), count, width)
        if "failed" in result or peer == "list_append":
            return result
        result["read"] = _run(peer, "points", str(directory))
        result["bytes_per_point"] = size_of(directory) / result["points"]
        if "points" in result["read"]:
            result["missing"] = count - result["read"]["points"]
        return result


def start(peer: str) -> Result:
    """CPU of import + open a run + close it."""
    with tempfile.TemporaryDirectory() as root:
        return _run(peer, "start", root)


def killed(peer: str, seconds: float, width: int = 5) -> Result:
    """SIGKILL everything in mid-logging; count the accepted calls that no reader finds."""
    with tempfile.TemporaryDirectory() as root:
        directory = os.path.join(root, "data")
        os.mkdir(directory)
        accepted = Path(root, "accepted")
        accepted.write_bytes(b"\0" * 8)
        process = subprocess.Popen(
            [python_of(peer), "-P", WORKER, peer, "killed", directory, "0", str(width)],
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=directory,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not _count(accepted):
            time.sleep(0.02)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        count = _count(accepted)
        read = _run(peer, "points", directory)
        if "failed" in read:
            return {"accepted": count, "failed": read["failed"]}
        return {"accepted": count, "lost": max(0, count - read["points"])}


def _count(accepted: Path) -> int:
    return struct.unpack("<Q", accepted.read_bytes())[0]


def median(results: list[Result]) -> Result:
    """Field by field over repetitions; what is no number comes from the first."""
    good = [result for result in results if "failed" not in result] or results[:1]
    merged: Result = {}
    for field, value in good[0].items():
        if isinstance(value, dict):
            merged[field] = median([result[field] for result in good])
        elif isinstance(value, (int, float)):
            merged[field] = statistics.median(result[field] for result in good)
        else:
            merged[field] = value
    return merged
