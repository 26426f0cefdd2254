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
from epochal.pipelines.execution import Outcome, Task, carry_out, failure
from epochal.pipelines.executors.wire import (
    OTHER_CODE,
    OTHER_CODE_KIND,
    Begun,
    Hello,
    receive,
    send,
)
from epochal.pipelines.fingerprint import fingerprint
from epochal.pipelines.named import find_definition, open_definitions
from epochal.pipelines.signature import Signature

_signatures: dict[str, Signature] = {}


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
            outcome = _work(task, link)
        sys.stdout.flush()
        sys.stderr.flush()
        send(link, outcome)


def _work(task: Task, link: socket.socket) -> Outcome:
    try:
        signature = _signature(task)
    except Exception as error:  # noqa: BLE001 - the user's module may raise anything
        send(link, Begun())
        return failure(error)
    send(link, Begun())
    if task.code and fingerprint(signature.function, task.pin).code != task.code:
        return Outcome(None, OTHER_CODE.format(task.step), "", [OTHER_CODE_KIND])
    return carry_out(task, signature)


def _signature(task: Task) -> Signature:
    known = _signatures.get(task.target)
    if known is None:
        if task.script:
            open_definitions(task.script)
        found = find_definition(task.target)
        function = getattr(found, "function", found)
        known = _signatures[task.target] = Signature(function)
    return known


def _listen(link: socket.socket, tasks: queue.SimpleQueue[bytes | None]) -> None:
    while (data := receive(link)) is not None:
        tasks.put(data)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
