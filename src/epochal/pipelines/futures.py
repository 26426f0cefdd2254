"""What a step call gives inside of a pipeline: an output that may not be there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from epochal.errors import InvalidInput

if TYPE_CHECKING:
    from epochal.pipelines.node import Node


class Future:
    """One output of a step that was called.

    Pass it to other steps; call `load` to wait for its value.

    Attributes:
        step: name of the step in the pipeline.
        output: name of the output; empty for a step without outputs.
    """

    def __init__(self, node: Node, index: int | None, output: str) -> None:
        self.node = node
        self.index = index
        self.step = node.name
        self.output = output

    def load(self, *, pickle: bool = False) -> Any:
        """Wait for the step, and read the value. Each call gives a fresh one.

        Args:
            pickle: read it even if it is a pickle, which runs the code in it.

        Raises:
            StepFailed: the step, or one that it needs, failed.
        """
        return self.node.load(self.index, pickle=pickle)

    def wait(self) -> None:
        """Wait until the step is done.

        Raises:
            StepFailed: it failed.
        """
        self.node.wait()

    def __repr__(self) -> str:
        return f"<future {self.step}.{self.output or 'done'} {self.node.state}>"

    def _refuse(self, *_: Any) -> NoReturn:
        raise InvalidInput(
            f"the output {self.output!r} of step {self.step!r} is a future; pass it to a step, or "
            f"call .load() to wait for its value"
        )

    __bool__ = __len__ = __float__ = __int__ = __iter__ = _refuse
    __getitem__ = __add__ = __sub__ = __mul__ = __truediv__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse


class Unmapped:
    """See `unmapped`."""

    def __init__(self, value: Any) -> None:
        self.value = value


def unmapped(value: Any) -> Unmapped:
    """Give a list to every call of ``map`` as it is, instead of one item to each."""
    return Unmapped(value)
