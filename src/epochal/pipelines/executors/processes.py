"""Workers that can be killed: processes of their own groups, started when needed and used again.

A step that takes too long is killed with everything that it started. A worker that dies fails
its attempt, and nothing else. Workers hold nothing of the driver's memory: no fork, so that
threads and CUDA are no matter.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import msgspec

from epochal.pipelines.execution import Outcome, Task
from epochal.pipelines.executors.remote import OTHER_CODE_KIND, died, took_too_long
from epochal.pipelines.executors.wire import Hello, receive, send
from epochal.pipelines.signature import Signature

MAX_IDLE = 8


class Worker:
    """One process and the link to it.

    Attributes:
        fresh: whether its present task is, or its next will be, the first one.
    """

    def __init__(self) -> None:
        self.link, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "epochal.pipelines.executors.worker"]
            self.process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.fresh = True
        self._used = False
        send(self.link, Hello(list(sys.path)))

    def run(self, task: Task, timeout: float | None) -> Outcome:
        """Carry out a task; the outcome says so when the worker was killed or died."""
        self.link.settimeout(None)
        self.fresh, self._used = not self._used, True
        try:
            send(self.link, task)
            data = receive(self.link)
            if data is not None:  # it has begun
                self.link.settimeout(timeout)
                data = receive(self.link)
        except TimeoutError:
            self.kill()
            return took_too_long(timeout or 0.0)
        except OSError:
            data = None
        if data is None:
            return self._died()
        return msgspec.msgpack.decode(data, type=Outcome)

    def _died(self) -> Outcome:
        self.kill()
        code = self.process.returncode
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return died(f"its worker process (pid {self.process.pid}) died by {how}")

    @property
    def alive(self) -> bool:
        """Whether it can take another task."""
        return self.process.poll() is None and self.link.fileno() >= 0

    def kill(self) -> None:
        """End it and all that it started."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.link.close()


class Processes:
    """The executor. One for the process; pipelines share its idle workers."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._busy: dict[str, Worker] = {}
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def run(
        self,
        task: Task,
        signature: Signature,
        timeout: float | None,
        raised: Callable[[BaseException], None],
    ) -> Outcome:
        """See the package."""
        del signature, raised
        for _ in range(2):
            worker = self._take(task.run_id)
            try:
                outcome = worker.run(task, timeout)
            finally:
                self._give(task.run_id, worker)
            if OTHER_CODE_KIND not in outcome.kinds or worker.fresh:
                break
            worker.kill()
            self._forget_idle()
        return outcome

    def _forget_idle(self) -> None:
        """End idle workers: what they imported is older than what the driver knows."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def kill(self, run_ids: list[str]) -> None:
        """Kill the workers of some tasks; their ``run`` returns then."""
        with self._lock:
            workers = [self._busy[each] for each in run_ids if each in self._busy]
        for worker in workers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(worker.process.pid, signal.SIGKILL)

    def _take(self, run_id: str) -> Worker:
        with self._lock:
            if self._pid != os.getpid():
                self._idle, self._busy, self._pid = [], {}, os.getpid()
            worker = None
            while self._idle and worker is None:
                worker = self._idle.pop()
                worker = worker if worker.alive else None
        if worker is None:
            worker = Worker()
        with self._lock:
            self._busy[run_id] = worker
        return worker

    def _give(self, run_id: str, worker: Worker) -> None:
        with self._lock:
            self._busy.pop(run_id, None)
            keep = worker.alive and len(self._idle) < MAX_IDLE
            if keep:
                self._idle.append(worker)
        if not keep:
            worker.kill()

    def close(self) -> None:
        """End all workers. They are started anew when a task comes."""
        with self._lock:
            workers = [*self._idle, *self._busy.values()] if self._pid == os.getpid() else []
            self._idle, self._busy = [], {}
        for worker in workers:
            worker.kill()


processes = Processes()
atexit.register(processes.close)
