"""Steps with arguments that a pipeline is given as its own, and how they are written down.

So a run of such a pipeline can be resumed by its id: the step is found again by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from epochal.errors import InvalidInput, NotFound
from epochal.pipelines import plain
from epochal.pipelines.named import find_definition, name_of
from epochal.pipelines.step import Step

TAG: Final = "call"


class StepCall:
    """A step with some of its arguments.

    Attributes:
        step: the step.
        args: arguments of the call.
        kwargs: the named ones.
    """

    def __init__(self, step: Step, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.step = step
        self.args = args
        self.kwargs = kwargs


def write_argument(value: Any) -> Any:
    """An argument of a pipeline as tagged JSON.

    Raises:
        InvalidInput: it cannot be written down.
    """
    return plain.encode(value, _write_call)


def read_argument(node: Any) -> Any:
    """What `write_argument` wrote.

    Raises:
        NotFound: a step is not there any more.
    """
    return plain.decode(node, _read_call)


def _write_call(value: Any) -> Any:
    if not isinstance(value, StepCall):
        return plain.refuse(value)
    name = name_of(value.step.function)
    if _found(name) is not value.step:
        raise InvalidInput(f"step {value.step.name!r} was changed after its definition")
    return {
        f"${TAG}": {
            "step": name,
            "args": [write_argument(each) for each in value.args],
            "kwargs": {key: write_argument(each) for key, each in value.kwargs.items()},
        }
    }


def _found(name: str) -> Any:
    try:
        return find_definition(name)
    except NotFound:
        return None


def _read_call(tag: str, inner: Mapping[str, Any]) -> Any:
    if tag != TAG:
        raise InvalidInput(f"an argument has the unknown tag ${tag}")
    args = [read_argument(each) for each in inner["args"]]
    kwargs = {key: read_argument(each) for key, each in inner["kwargs"].items()}
    return find_definition(inner["step"])(*args, **kwargs)
