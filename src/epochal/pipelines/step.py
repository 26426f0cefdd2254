"""`step`: a plain function that a pipeline can cache, track and run elsewhere.

Called outside of a pipeline it just runs. Called inside of one it gives futures.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, overload

from epochal.errors import InvalidInput
from epochal.pipelines.context import StepContext
from epochal.pipelines.engine import Engine, current_engine
from epochal.pipelines.futures import Unmapped
from epochal.pipelines.named import name_of
from epochal.pipelines.options import StepOptions, read_step_options
from epochal.pipelines.signature import Signature


class Step:
    """A step of pipelines. Made by `step`.

    Attributes:
        function: the user's function.
        signature: its parameters and outputs.
        options: how it runs.
    """

    def __init__(self, function: Callable[..., Any], options: StepOptions) -> None:
        self.function = function
        self.signature = Signature(function)
        self.options = options
        functools.update_wrapper(self, function)

    @property
    def name(self) -> str:
        """Its name in a pipeline."""
        return self.options.name or self.signature.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Inside of a pipeline: futures of the outputs. Else: what the function returns."""
        engine = current_engine.get()
        if engine is None:
            return self._plainly(args, kwargs)
        return self._submit(engine, args, kwargs)

    def map(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Call it once for each item of the lists among the arguments.

        Lists, tuples and ranges are taken apart and must be equally long; everything else, and
        what is wrapped in `unmapped`, is given to each call.

        Returns:
            What each call gives, in order.

        Raises:
            InvalidInput: no list was given, or lists of different lengths.
        """
        lengths = {len(value) for value in (*args, *kwargs.values()) if _is_mapped(value)}
        if len(lengths) != 1:
            found = " and ".join(map(str, sorted(lengths))) or "none"
            raise InvalidInput(
                f"{self.name}.map() needs lists of one length among its arguments, got {found}; "
                f"load() a future that is a list, and wrap what every call gets in unmapped()"
            )
        engine = current_engine.get()
        results = []
        for index in range(lengths.pop()):
            one = [_item(value, index) for value in args]
            named = {name: _item(value, index) for name, value in kwargs.items()}
            if engine is None:
                results.append(self._plainly(tuple(one), named))
            else:
                results.append(self._submit(engine, tuple(one), named, f"[{index}]"))
        return results

    def with_options(self, **options: Any) -> Step:
        """The same step with other options; see `epochal.pipelines.options.StepOptions`.

        Raises:
            InvalidInput: there is no such option.
        """
        return type(self)(self.function, read_step_options(self.options, options))

    def after(self, *futures: Any) -> Step:
        """The same step, which waits until others are done."""
        return self.with_options(after=futures)

    def __repr__(self) -> str:
        return f"<step {self.name!r}>"

    def _plainly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.signature.takes_context or self.signature.has_context(args, kwargs):
            return self.function(*args, **kwargs)
        names = tuple(slot.name for slot in self.signature.outputs.slots)
        bound = self.signature.bind(self.name, args, kwargs, {})
        return self.signature.call(bound, StepContext(self.name, names))

    def _submit(
        self, engine: Engine, args: tuple[Any, ...], kwargs: dict[str, Any], suffix: str = ""
    ) -> Any:
        given, options = engine.configured(self.name, self.options)
        return engine.submit(
            self.signature, options, _target(self.function), args, kwargs, given, suffix
        )


def _target(function: Callable[..., Any]) -> str:
    try:
        return name_of(function)
    except InvalidInput:
        return ""


def _is_mapped(value: Any) -> bool:
    return isinstance(value, list | range) or (
        isinstance(value, tuple) and not hasattr(value, "_fields")
    )


def _item(value: Any, index: int) -> Any:
    if isinstance(value, Unmapped):
        return value.value
    return value[index] if _is_mapped(value) else value


@overload
def step(function: Callable[..., Any], /) -> Step: ...
@overload
def step(**options: Any) -> Callable[[Callable[..., Any]], Step]: ...
def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a step of a function.

    Args:
        function: a plain function; its annotations tell the outputs.
        options: see `epochal.pipelines.options.StepOptions`: ``cache``, ``retries``, ``timeout``,
            ``resources``, ``executor``, ``deps``, ``env``, ``version``, ``name``, ...

    Raises:
        InvalidInput: an option or an output cannot be.

    Example:
        >>> @step(retries=2)
        ... def fit(lr: float) -> Annotated[float, "loss"]: ...
    """
    chosen = read_step_options(StepOptions(), options)
    if function is not None:
        return Step(function, chosen)
    return lambda each: Step(each, chosen)
