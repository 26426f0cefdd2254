"""A worker process: carries out tasks from its driver, one after the other.

It ends with its driver, however that ends: a thread watches the link, and a driver that is gone
takes the whole process group along.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading

import msgspec

from epochal.pipelines.console import routed
from epochal.pipelines.execution import Task
from epochal.pipelines.executors.remote import carry_out_by_name
from epochal.pipelines.executors.wire import Begun, Hello, receive, send


def main(descriptor: int) -> None:
    """Serve the driver at the other end of a socket until it lets go.

    Args:
        descriptor: of the socket.
    """
    link = socket.socket(fileno=descriptor)
    hello = msgspec.msgpack.decode(receive(link) or b"", type=Hello)
    sys.path[:] = hello.path
    tasks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(link, tasks), daemon=True).start()
    while (data := tasks.get()) is not None:
        task = msgspec.msgpack.decode(data, type=Task)
        with routed():
            outcome = carry_out_by_name(task, lambda: send(link, Begun()))
        sys.stdout.flush()
        sys.stderr.flush()
        send(link, outcome)


def _listen(link: socket.socket, tasks: queue.SimpleQueue[bytes | None]) -> None:
    while (data := receive(link)) is not None:
        tasks.put(data)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
