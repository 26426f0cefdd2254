"""Which calls may run now: a number of threads, and tokens of named resources.

A call that needs more tokens than are free waits; one behind it that fits goes first.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Final

from epochal.errors import InvalidInput
from epochal.pipelines.node import Node
from epochal.pipelines.options import PipelineOptions

LEAST_PARALLEL: Final = 4
IDLE_S: Final = 0.2


class Tokens:
    """The threads and resources of one pipeline run.

    Args:
        options: how many there are.
        go: runs a call; called in a thread of the pool.
    """

    def __init__(self, options: PipelineOptions, go: Callable[[Node], None]) -> None:
        self._go = go
        self._limit = options.parallel or max(LEAST_PARALLEL, os.cpu_count() or 1)
        self._all = {"cpu": float(os.cpu_count() or 1), **options.resources}
        self._free = dict(self._all)
        self._queue: list[Node] = []
        self._threads = self._idle = 0
        self._closed = False
        self._changed = threading.Condition()

    def check(self, step: str, wanted: Mapping[str, float]) -> None:
        """Refuse what could never run.

        Raises:
            InvalidInput: there are not as many tokens.
        """
        for name, count in wanted.items():
            if count > self._all.get(name, 0.0):
                raise InvalidInput(
                    f"step {step!r} needs {count:g} {name}, and the pipeline has "
                    f"{self._all.get(name, 0.0):g}; give it @pipeline(resources={{{name!r}: ...}})"
                )

    def start(self, node: Node) -> None:
        """Run a call as soon as there is a thread and room for it."""
        with self._changed:
            self._queue.append(node)
            if self._idle < len(self._queue) and self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._work, name="epochal-step", daemon=True).start()
            self._changed.notify()

    def drop(self) -> list[Node]:
        """Take back the calls that have not begun."""
        with self._changed:
            dropped, self._queue = self._queue, []
            return dropped

    def close(self) -> None:
        """Let the threads end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (node := self._next()) is not None:
            try:
                self._go(node)
            finally:
                with self._changed:
                    for name, count in node.options.resources.items():
                        self._free[name] += count
                    self._changed.notify_all()

    def _next(self) -> Node | None:
        """The first call that fits, with its tokens taken; None at the end."""
        with self._changed:
            self._idle += 1
            try:
                while True:
                    for node in self._queue:
                        wanted = node.options.resources
                        if all(self._free[name] >= count for name, count in wanted.items()):
                            self._queue.remove(node)
                            for name, count in wanted.items():
                                self._free[name] -= count
                            return node
                    if self._closed:
                        self._threads -= 1
                        return None
                    self._changed.wait()
            finally:
                self._idle -= 1
