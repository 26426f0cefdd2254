"""Counting a model's backward passes, and being called after those that are to be recorded.

Hooks lie on at most 33 of the model's parameters, evenly spaced and the last among them; in a pass
that is not recorded they compare two numbers and do nothing else. They lie on leaves, outside of
what ``torch.compile`` compiles, and keep nothing of the graph alive. The call comes when the whole
backward pass has ended, after the reductions of DistributedDataParallel: all ``.grad`` are then
what an optimizer would see.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

SENTINELS = 32


class Passes:
    """The backward passes of one model.

    Args:
        torch: the imported module.
        every: the first pass is recorded, and each ``every``-th after it.
        ended: called after a pass that is to be recorded; must not raise.
    """

    def __init__(self, torch: Any, every: int, ended: Callable[[], None]) -> None:
        self.count = 0
        self._torch = torch
        self._every = every
        self._due = 1
        self._ended = ended
        self._handles: list[Any] = []
        self._hooked: dict[int, weakref.ref[Any]] = {}

    def hook(self, parameters: Iterable[Any]) -> None:
        """Lay hooks on parameters that can have a gradient and have none of ours yet."""
        found = list(parameters)
        spaced = found[:: max(1, -(-len(found) // SENTINELS))] + found[-1:]
        for parameter in spaced:
            known = self._hooked.get(id(parameter))
            if known is None or known() is not parameter:
                self._hooked[id(parameter)] = weakref.ref(parameter)
                hook = self._make_hook()
                self._handles.append(parameter.register_post_accumulate_grad_hook(hook))

    def remove(self) -> None:
        """Take all hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._hooked.clear()

    def _make_hook(self) -> Callable[[Any], None]:
        """A hook with a count of its own: the greatest of the counts is the number of passes.

        So a pass counts once, however many of the parameters take part in it.
        """
        seen = self.count

        def after_accumulation(_parameter: Any) -> None:
            nonlocal seen
            seen += 1
            if seen > self.count:
                self.count = seen
                if seen >= self._due:
                    self._due = seen + self._every
                    self._queue(lambda: self._queue(self._ended))

        return after_accumulation

    def _queue(self, call: Callable[[], None]) -> None:
        """Call at the end of this backward pass; from there, after what others have queued."""
        self._torch.autograd.Variable._execution_engine.queue_callback(call)  # noqa: SLF001
