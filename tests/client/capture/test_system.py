"""System metrics are true, cheap, and silent about what they cannot know."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from epochal.client.capture.cgroup import MemoryLimit, read_memory_limit
from epochal.client.capture.system import SystemMonitor

ALWAYS = {
    "system/cpu.percent",
    "system/cpu.process.percent",
    "system/memory.percent",
    "system/memory.used_gb",
    "system/memory.process_rss_gb",
    "system/disk.used_percent",
    "system/network.sent_mbps",
    "system/network.received_mbps",
    "system/process.threads",
    "system/process.open_files",
}


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_the_second_reading_has_every_key(tmp_path):
    """Rates and CPU percentages need something to refer to; the rest is there at once."""
    monitor = SystemMonitor(10.0, lambda values: None, path=str(tmp_path))
    first = monitor.sample()
    assert {key for key in ALWAYS if "percent" not in key and "mbps" not in key} <= set(first)
    assert "system/cpu.process.percent" not in first
    burn(0.1)
    second = monitor.sample()
    assert set(second) >= ALWAYS
    assert all(key.startswith("system/") and type(value) is float for key, value in second.items())
    assert all(0.0 <= value < 1e9 for value in second.values())


def test_values_agree_with_the_machine(tmp_path):
    """Compared with what psutil says at the same time."""
    monitor = SystemMonitor(10.0, lambda values: None, path=str(tmp_path))
    monitor.sample()
    burn(0.3)
    values = monitor.sample()
    me = psutil.Process()
    assert values["system/cpu.process.percent"] > 5.0
    assert 0.0 < values["system/cpu.percent"] <= 100.0
    resident = values["system/memory.process_rss_gb"] * 2**30
    assert resident == pytest.approx(me.memory_info().rss, rel=0.3)
    assert values["system/process.threads"] >= 1.0
    disk = psutil.disk_usage(str(tmp_path)).percent
    assert values["system/disk.used_percent"] == pytest.approx(disk, abs=2.0)


def test_children_count_as_the_process():
    """A busy grandchild is seen in CPU and threads, and is gone when it has ended."""
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    inner = "import sys; print('up', flush=True); x = bytearray(200_000_000); sys.stdin.read()"
    monitor = SystemMonitor(10.0, lambda values: None)
    alone = monitor.sample()
    with subprocess.Popen(
        [sys.executable, "-c", program, inner], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        deadline = time.monotonic() + 60
        key = "system/memory.process_rss_gb"
        while monitor.sample()[key] < alone[key] + 0.18 and time.monotonic() < deadline:
            time.sleep(0.02)
        together = monitor.sample()
        child.communicate()
    assert together[key] > alone[key] + 0.18
    assert together["system/process.threads"] >= alone["system/process.threads"] + 2
    assert monitor.sample()[key] < alone[key] + 0.1


def test_readings_come_at_once_and_then_by_the_interval():
    """A short interval: the early readings at 2 and 5 seconds do not apply."""
    seen: list[float] = []
    monitor = SystemMonitor(0.2, lambda values: seen.append(time.monotonic()))
    begun = time.monotonic()
    monitor.start()
    deadline = begun + 60
    while len(seen) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    monitor.stop(60.0)
    assert len(seen) >= 4
    assert seen[3] - begun >= 0.55
    count = len(seen)
    assert not any(thread.name == "epochal-system" for thread in threading.enumerate())
    assert len(seen) == count


@pytest.mark.parametrize(
    "interval, expected",
    [(10.0, [0.0, 2.0, 5.0, 10.0, 20.0]), (3.0, [0.0, 2.0, 3.0, 6.0]), (1.0, [0.0, 1.0, 2.0])],
)
def test_the_schedule_is_denser_at_the_beginning(interval, expected):
    """A run of a few seconds has readings, too."""
    schedule = SystemMonitor(interval, lambda values: None)._schedule()
    assert [next(schedule) for _ in expected] == expected


def test_stop_takes_a_last_reading_and_is_quick():
    """The end of a run is on the chart."""
    seen: list[dict[str, float]] = []
    monitor = SystemMonitor(3600.0, seen.append)
    monitor.start()
    deadline = time.monotonic() + 60
    while not seen and time.monotonic() < deadline:
        time.sleep(0.01)
    monitor._last_at -= 5.0
    begun = time.monotonic()
    monitor.stop(60.0)
    assert time.monotonic() - begun < 30.0
    assert len(seen) == 2
    monitor.stop(10.0)


def test_a_sink_that_raises_ends_the_readings(capfd):
    """The failure is kept, and nothing is printed."""

    def bad(values):
        raise RuntimeError("full")

    monitor = SystemMonitor(0.1, bad)
    monitor.start()
    deadline = time.monotonic() + 60
    while monitor.failure is None and time.monotonic() < deadline:
        time.sleep(0.01)
    monitor.stop(5.0)
    assert repr(monitor.failure) == "RuntimeError('full')"
    assert capfd.readouterr().err == ""


def test_a_path_that_is_gone_costs_one_key(tmp_path):
    """The other values are still read."""
    monitor = SystemMonitor(10.0, lambda values: None, path=str(tmp_path / "gone"))
    values = monitor.sample()
    assert "system/disk.used_percent" not in values
    assert "system/memory.percent" in values


def test_a_forked_child_reads_nothing_and_hangs_on_nothing():
    """Also when the fork hits the lock while it is held."""
    monitor = SystemMonitor(10.0, lambda values: None)
    monitor.sample()
    with monitor._lock:
        pid = os.fork()
        if pid == 0:
            empty = monitor.sample() == {}
            monitor.stop(5.0)
            os._exit(0 if empty else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_psutil_is_not_loaded_before_it_is_needed():
    """Nor is NVML's binding, by importing or by making a monitor."""
    program = (
        "import sys\n"
        "from epochal.client.capture import console, environment, git, redact, system\n"
        "system.SystemMonitor(10.0, print)\n"
        "heavy = {'psutil', 'pynvml', 'numpy', 'torch', 'importlib.metadata', 'ctypes'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert out == "[]\n"


# ---------------------------------------------------------------------------- control groups
def lay_out(root: Path, files: dict[str, object]) -> None:
    for name, value in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")


@pytest.mark.parametrize(
    "cgroup, files, expected",
    [
        (
            "0::/a/b",
            {"a/memory.max": 4000, "a/memory.current": 900, "a/b/memory.max": "max"},
            MemoryLimit(4000, 900),
        ),
        (
            "0::/a/b",
            {
                "a/memory.max": 4000,
                "a/memory.current": 3000,
                "a/b/memory.max": 2000,
                "a/b/memory.current": 1500,
                "a/b/memory.stat": "anon 5\ninactive_file 300",
            },
            MemoryLimit(2000, 1200),
        ),
        ("0::/", {"memory.max": 100, "memory.current": 60}, MemoryLimit(100, 60)),
        (
            "5:cpu,memory:/docker/x\n1:name=systemd:/y",
            {
                "memory/docker/x/memory.limit_in_bytes": 5000,
                "memory/docker/x/memory.usage_in_bytes": 700,
                "memory/docker/x/memory.stat": "total_inactive_file 200",
            },
            MemoryLimit(5000, 500),
        ),
        (
            "5:memory:/x",
            {
                "memory/x/memory.limit_in_bytes": 9223372036854771712,
                "memory/x/memory.usage_in_bytes": 700,
            },
            None,
        ),
        ("0::/../../other", {"other/memory.max": "garbage"}, None),
        ("", {}, None),
    ],
)
def test_the_memory_limit_of_a_container_is_found(cgroup, files, expected, tmp_path):
    """Version 1 and 2, the tightest on the way up, page cache taken off."""
    lay_out(tmp_path, {"proc/cgroup": cgroup})
    lay_out(tmp_path / "sys", files)
    assert read_memory_limit(str(tmp_path / "proc"), str(tmp_path / "sys")) == expected


def test_no_control_groups_is_no_limit(tmp_path):
    """Another system than Linux."""
    assert read_memory_limit(str(tmp_path / "no"), str(tmp_path / "no")) is None
