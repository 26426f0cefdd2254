"""A step's function as its callers see it: parameters, outputs, and where the context goes."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from epochal.errors import InvalidInput
from epochal.pipelines.context import StepContext
from epochal.pipelines.outputs import Outputs, hints_of, pickled, read_outputs

_CONTEXTS: Final = ("StepContext",)


class Signature:
    """What can be read off a function.

    Attributes:
        function: the user's.
        name: its name.
        outputs: what it gives.
        pickles: parameters that accept pickles.

    Raises:
        InvalidInput: it is no plain function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not inspect.isfunction(function):
            raise InvalidInput(
                f"a step is a plain function, got a {type(function).__name__}; write it with 'def'"
            )
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise InvalidInput(
                f"step {function.__name__!r} is a coroutine or generator; write it with a plain "
                f"'def' and 'return'"
            )
        self.function = function
        self.name: str = function.__name__
        self.outputs: Outputs = read_outputs(function)
        self.hints = hints_of(function)
        parameters = inspect.signature(function).parameters
        self._context = next((n for n in parameters if _is_context(self.hints.get(n))), None)
        self._parameters = {n: p for n, p in parameters.items() if n != self._context}
        self._signature = inspect.Signature(list(self._parameters.values()))
        self.pickles = frozenset(
            name for name in parameters if _accepts_pickle(self.hints.get(name))
        )
        self.required = [
            name
            for name, each in self._parameters.items()
            if each.default is each.empty
            and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        ]

    @property
    def takes_context(self) -> bool:
        """Whether one parameter is the context."""
        return self._context is not None

    def has_context(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Whether a call gives the context by itself."""
        given = (*args, *kwargs.values())
        return any(isinstance(each, StepContext) for each in given)

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters, without the context's."""
        return list(self._parameters)

    def bind(
        self, step: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], more: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Arguments by name: those of a call, then ``more``, then defaults.

        Raises:
            InvalidInput: one is missing or unknown.
        """
        unknown = sorted(set(more) - set(self._parameters))
        if unknown:
            raise InvalidInput(
                f"step {step!r} has no parameter {unknown[0]!r}; it has "
                f"{', '.join(self._parameters) or 'none'}"
            )
        try:
            bound = self._signature.bind_partial(*args, **kwargs)
        except TypeError as error:
            raise InvalidInput(f"step {step!r} cannot be called like this: {error}") from None
        for name, value in more.items():
            bound.arguments.setdefault(name, convert(value, self.hints.get(name), name))
        missing = [name for name in self.required if name not in bound.arguments]
        if missing:
            raise InvalidInput(
                f"step {step!r} is called without {', '.join(map(repr, missing))}; give a value, "
                f"or the output of another step"
            )
        bound.apply_defaults()
        return dict(bound.arguments)

    def call(self, arguments: dict[str, Any], context: StepContext) -> Any:
        """Call the function with bound arguments."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, each in self._parameters.items():
            if name not in arguments:
                continue
            value = arguments[name]
            if each.kind is each.VAR_POSITIONAL:
                args += value
            elif each.kind is each.VAR_KEYWORD:
                kwargs |= value
            elif each.kind is each.KEYWORD_ONLY or self._context is not None:
                kwargs[name] = value
            else:
                args.append(value)
        if self._context is not None:
            kwargs[self._context] = context
        return self.function(*args, **kwargs)


def convert(value: Any, kind: Any, name: str) -> Any:
    """A value of a file or command line as the annotated type.

    Raises:
        InvalidInput: it cannot be one.
    """
    if kind is None or kind is Any or kind is inspect.Parameter.empty:
        return value
    plain = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    try:
        return msgspec.convert(value, plain, strict=False)
    except (msgspec.ValidationError, TypeError) as error:
        if isinstance(error, TypeError):
            return value  # a type that cannot be told from text, such as a module
        raise InvalidInput(f"parameter {name!r} must be {plain}, got {value!r:.80}") from None


def _is_context(hint: Any) -> bool:
    return hint is StepContext or getattr(hint, "__name__", hint) in _CONTEXTS


def _accepts_pickle(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Annotated and any(
        mark is pickled for mark in typing.get_args(hint)
    )
