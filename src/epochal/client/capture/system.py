"""How busy the machine is, and this process with its children: one reading now and then.

Promise: a reading costs a few milliseconds in a thread of its own and never raises; what cannot be
read is left out. Memory in percent refers to the container's limit where there is one. Nothing is
read in a forked child.

Units: ``percent`` is 0 to 100 of the whole machine, but ``cpu.process.percent`` counts 100 for
each busy core. ``_gb`` is 2^30 bytes. ``_mbps`` is 10^6 bytes a second since the last reading.
Disk and network are those of the whole machine, loopback left out.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from epochal.client.capture.cgroup import read_memory_limit
from epochal.client.capture.gpu import Gpus, open_gpus

_GB: Final = 2**30
_MB: Final = 10**6
_EARLY_S: Final = (2.0, 5.0)
_LAST_AFTER_S: Final = 1.0


class SystemMonitor:
    """Reads the machine's state every ``interval`` seconds, and sooner at the beginning.

    Args:
        interval: seconds between readings, at least 0.1. The first comes at once, then one after
            2 and one after 5 seconds where the interval is longer.
        sink: takes each reading, in a thread of ours. An exception of it ends the readings.
        path: a file or directory on the disk whose fill level counts.

    Attributes:
        failure: what ended the readings, or None.
    """

    def __init__(
        self,
        interval: float,
        sink: Callable[[dict[str, float]], None],
        path: str = ".",
    ) -> None:
        self.failure: BaseException | None = None
        self._interval = max(0.1, interval)
        self._sink = sink
        self._path = os.path.abspath(path)
        self._pid = os.getpid()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._psutil: Any = None
        self._gpus: Gpus | None = None
        self._is_open = False
        self._last: dict[str, float] = {}
        self._last_cpu: dict[int, float] = {}
        self._last_at = 0.0

    def start(self) -> None:
        """Begin to read in a daemon thread. It returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="epochal-system", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Take a last reading, and end. In a forked child this does nothing.

        Args:
            timeout: seconds after which to return in any case.
        """
        self._wake.set()
        thread = self._thread
        if thread is None or os.getpid() != self._pid or thread is threading.current_thread():
            return
        thread.join(timeout)

    def sample(self) -> dict[str, float]:
        """One reading, at once.

        Returns:
            Key to value. Rates and CPU percentages need an earlier reading to refer to; the first
            reading has none of them. Nothing in a forked child.
        """
        if os.getpid() != self._pid:
            return {}
        with self._lock:
            self._open()
            return self._read()

    # ------------------------------------------------------------------------------ our thread
    def _run(self) -> None:
        begun = time.monotonic()
        times = self._schedule()
        try:
            for due in times:
                if self._wake.wait(max(0.0, begun + due - time.monotonic())):
                    break
                self._sink(self.sample())
            if time.monotonic() - self._last_at >= _LAST_AFTER_S:
                self._sink(self.sample())
        except Exception as error:  # noqa: BLE001 - no traceback of ours on the user's stderr
            self.failure = error
        finally:
            self._close()

    def _schedule(self) -> Iterator[float]:
        """Seconds after the start at which to read."""
        yield 0.0
        yield from (early for early in _EARLY_S if early < self._interval)
        due = self._interval
        while True:
            yield due
            due += self._interval

    def _open(self) -> None:
        if not self._is_open:
            self._is_open = True
            with contextlib.suppress(ImportError):
                self._psutil = importlib.import_module("psutil")
            self._gpus = open_gpus()

    def _close(self) -> None:
        with self._lock:
            if self._gpus is not None:
                self._gpus.close()
            self._gpus = None
            self._is_open = False

    def _read(self) -> dict[str, float]:
        now = time.monotonic()
        elapsed = now - self._last_at if self._last_at else 0.0
        pids = [os.getpid()]
        values: dict[str, float] = {}
        if self._psutil is not None:
            pids += _descendants(self._psutil)
            parts: tuple[Callable[[], dict[str, float]], ...] = (
                self._cpu,
                lambda: self._processes(pids, elapsed),
                self._memory,
                self._disk,
                lambda: self._rates(elapsed),
            )
            for part in parts:
                with contextlib.suppress(self._psutil.Error, OSError, ValueError, RuntimeError):
                    values |= part()
        if self._gpus is not None:
            values |= self._gpus.sample(set(pids))
        self._last_at = now
        return values

    # ----------------------------------------------------------------------------- the readings
    def _since_last(self, name: str, count: float) -> float | None:
        """How much a counter has grown, or None when there is nothing to compare."""
        before = self._last.get(name)
        self._last[name] = count
        return None if before is None or count < before else count - before

    def _cpu(self) -> dict[str, float]:
        times = self._psutil.cpu_times()
        # Linux counts the time of guests in user and nice, too.
        all_time = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = self._since_last("idle", times.idle + getattr(times, "iowait", 0.0))
        passed = self._since_last("time", all_time)
        if idle is None or not passed:
            return {}
        return {"system/cpu.percent": min(100.0, max(0.0, 100.0 * (1.0 - idle / passed)))}

    def _processes(self, pids: list[int], elapsed: float) -> dict[str, float]:
        """Own process and its descendants, summed."""
        resident = threads = files = busy = 0.0
        cpu: dict[int, float] = {}
        for pid in pids:
            with contextlib.suppress(self._psutil.Error, OSError):
                process = self._psutil.Process(pid)
                with process.oneshot():
                    resident += process.memory_info().rss
                    threads += process.num_threads()
                    files += process.num_fds()
                    times = process.cpu_times()
                cpu[pid] = times.user + times.system
                if elapsed:
                    busy += max(0.0, cpu[pid] - self._last_cpu.get(pid, 0.0))
        self._last_cpu = cpu
        values = {
            "system/memory.process_rss_gb": resident / _GB,
            "system/process.threads": threads,
            "system/process.open_files": files,
        }
        if elapsed:
            values["system/cpu.process.percent"] = 100.0 * busy / elapsed
        return values

    def _memory(self) -> dict[str, float]:
        memory = self._psutil.virtual_memory()
        used, total = memory.total - memory.available, memory.total
        group = read_memory_limit()
        if group is not None and group.limit < total:
            used, total = group.used, group.limit
        return {
            "system/memory.percent": 100.0 * used / total,
            "system/memory.used_gb": used / _GB,
        }

    def _disk(self) -> dict[str, float]:
        return {"system/disk.used_percent": float(self._psutil.disk_usage(self._path).percent)}

    def _rates(self, elapsed: float) -> dict[str, float]:
        counts: dict[str, float] = {}
        disk = self._psutil.disk_io_counters()
        if disk is not None:
            counts["system/disk.read_mbps"] = disk.read_bytes
            counts["system/disk.write_mbps"] = disk.write_bytes
        cards = [
            card
            for name, card in self._psutil.net_io_counters(pernic=True).items()
            if name not in {"lo", "lo0"}
        ]
        counts["system/network.sent_mbps"] = sum(card.bytes_sent for card in cards)
        counts["system/network.received_mbps"] = sum(card.bytes_recv for card in cards)
        grown = {name: self._since_last(name, count) for name, count in counts.items()}
        if not elapsed:
            return {}
        return {name: more / _MB / elapsed for name, more in grown.items() if more is not None}


def _descendants(psutil: Any) -> list[int]:
    """Process ids of children and their children.

    Linux lists the children of each thread in procfs; asking there does not read every process of
    the machine, which takes long on a large one.
    """
    found: list[int] = []
    try:
        todo = [os.getpid()]
        while todo:
            children = _children(todo.pop())
            found += children
            todo += children
    except OSError:
        try:
            found = [child.pid for child in psutil.Process().children(recursive=True)]
        except psutil.Error:
            found = []
    return found


def _children(pid: int) -> list[int]:
    """Children of one process, none when it has ended.

    Raises:
        OSError: this system has no such lists.
    """
    tasks = f"/proc/{pid}/task"
    found: list[int] = []
    try:
        threads = os.listdir(tasks)
    except FileNotFoundError:
        if pid == os.getpid():
            raise
        return []
    for thread in threads:
        try:
            with open(f"{tasks}/{thread}/children", "rb") as file:
                found += [int(word) for word in file.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            if not os.path.exists(f"{tasks}/{threads[0]}/children") and pid == os.getpid():
                raise
    return found
