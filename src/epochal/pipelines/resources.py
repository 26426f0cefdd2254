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

LEAST_PARALLEL: Final = 4


class Tokens:
    """The threads and resources of one pipeline run.

    Args:
        declared: how many tokens of each kind the pipeline says that there are.
        parallel: how many calls run at the same time; 0 leaves it to the machine.
        go: runs a call; called in a thread of the pool.
    """

    def __init__(
        self, declared: Mapping[str, float], parallel: int, go: Callable[[Node], None]
    ) -> None:
        self._go = go
        self._limit = parallel or max(LEAST_PARALLEL, os.cpu_count() or 1)
        self._declared = declared
        self._all = {"cpu": float(os.cpu_count() or 1), **declared}
        self._free = dict(self._all)
        self._queue: list[Node] = []
        self._threads = self._idle = 0
        self._closed = False
        self._changed = threading.Condition()

    def needed(
        self, step: str, wanted: Mapping[str, float], *, is_here: bool
    ) -> Mapping[str, float]:
        """The tokens that a call holds while it runs.

        A cluster knows itself what it has: there only what the pipeline declares is counted.

        Raises:
            InvalidInput: there are not as many tokens.
        """
        if not is_here:
            wanted = {name: n for name, n in wanted.items() if name in self._declared}
        for name, count in wanted.items():
            if count > self._all.get(name, 0.0):
                raise InvalidInput(
                    f"step {step!r} needs {count:g} {name}, and the pipeline has "
                    f"{self._all.get(name, 0.0):g}; give it @pipeline(resources={{{name!r}: ...}})"
                )
        return wanted

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
                    for name, count in node.tokens.items():
                        self._free[name] += count
                    self._changed.notify_all()

    def _next(self) -> Node | None:
        """The first call that fits, with its tokens taken; None at the end."""
        with self._changed:
            self._idle += 1
            try:
                while True:
                    for node in self._queue:
                        wanted = node.tokens
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
