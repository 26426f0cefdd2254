"""What a step gives: how many outputs, their names and types.

Read off the return annotation once; checked against every returned value. ``-> T`` is one output
named ``output``, ``-> Annotated[T, "name"]`` one with a name, ``-> tuple[...]``, a `NamedTuple` or
``Output(a=T, b=T)`` several, ``-> None`` none.
"""

from __future__ import annotations

import collections
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Union

import msgspec

from epochal.domain.artifact import check_artifact_name
from epochal.errors import InvalidInput

SINGLE: Final = "output"


class _Pickled:
    """See `pickled`."""

    def __repr__(self) -> str:
        return "pickled"


pickled: Final = _Pickled()
"""Marks an output that may be kept as a pickle: ``-> Annotated[T, pickled]``."""


class Output:
    """Named outputs as a return annotation: ``-> Output(model=nn.Module, accuracy=float)``.

    Raises:
        InvalidInput: no output was named.
    """

    def __init__(self, **outputs: Any) -> None:
        if not outputs:
            raise InvalidInput("Output() names no output; write Output(name=type, ...)")
        self.outputs = outputs

    def __repr__(self) -> str:
        return f"Output({', '.join(f'{n}={_shown(t)}' for n, t in self.outputs.items())})"


class Slot(msgspec.Struct, frozen=True):
    """One output.

    Attributes:
        name: unique in the step.
        kind: the type that it must have; ``typing.Any`` when the annotation says nothing.
        named: whether the user chose the name.
        pickle: whether it may be kept as a pickle.
    """

    name: str
    kind: Any
    named: bool = False
    pickle: bool = False

    @property
    def shown(self) -> str:
        """The type as text, for keys and errors."""
        return _shown(self.kind)


class Outputs(msgspec.Struct, frozen=True):
    """All outputs of a step.

    Attributes:
        slots: in order.
        many: whether the step returns a tuple of them.
        make: builds what a call gives its caller from one value for each slot.
    """

    slots: tuple[Slot, ...]
    many: bool
    make: Callable[[Iterable[Any]], Any] = tuple

    def split(self, value: Any, step: str) -> list[Any]:
        """A returned value as one value for each slot, checked.

        Raises:
            InvalidInput: wrong count or type; names step and output.
        """
        if not self.slots:
            if value is not None:
                raise InvalidInput(
                    f"step {step!r} is annotated '-> None' and returned a "
                    f"{type(value).__name__}; annotate what it returns"
                )
            return []
        if not self.many:
            values: list[Any] = [value]
        elif isinstance(value, tuple | list) and len(value) == len(self.slots):
            values = list(value)
        else:
            given = f"{len(value)}" if isinstance(value, tuple | list) else type(value).__name__
            names = ", ".join(slot.name for slot in self.slots)
            raise InvalidInput(
                f"step {step!r} returned {given} where {len(self.slots)} outputs were expected "
                f"({names}); return a tuple with one value for each"
            )
        for slot, each in zip(self.slots, values, strict=True):
            if not fits(each, slot.kind):
                raise InvalidInput(
                    f"step {step!r}: output {slot.name!r} must be {slot.shown}, got "
                    f"{type(each).__name__}; return that, or change the annotation"
                )
        return values


def read_outputs(function: Callable[..., Any]) -> Outputs:
    """The outputs of a function.

    Raises:
        InvalidInput: a name cannot be, or comes twice.
    """
    annotation = hints_of(function).get("return", Any)
    outputs = _read(annotation, function.__name__)
    names = [slot.name for slot in outputs.slots]
    for name in names:
        check_artifact_name(name)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"step {function.__name__!r} has two outputs named {twice[0]!r}")
    return outputs


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function; one that cannot be evaluated means any type."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - annotations are code of the user
        raw = inspect.get_annotations(function)
        return {name: Any if isinstance(kind, str) else kind for name, kind in raw.items()}


def _read(annotation: Any, step: str) -> Outputs:
    if annotation is None or annotation is type(None):
        return Outputs((), many=False)
    if isinstance(annotation, Output):
        slots = tuple(_slot(kind, name) for name, kind in annotation.outputs.items())
        if len(slots) == 1:
            return Outputs(slots, many=False)
        return Outputs(slots, many=True, make=_tuple_type(step, [slot.name for slot in slots]))
    if _is_named_tuple(annotation):
        hints = typing.get_type_hints(annotation, include_extras=True)
        slots = tuple(_slot(hints.get(name, Any), name) for name in annotation._fields)
        return Outputs(slots, many=True, make=annotation._make)
    parts = typing.get_args(annotation) if typing.get_origin(annotation) is tuple else ()
    if len(parts) > 1 and parts[-1] is not Ellipsis:
        slots = tuple(_slot(kind, None, f"{SINGLE}_{i}") for i, kind in enumerate(parts))
        return Outputs(slots, many=True)
    return Outputs((_slot(annotation, None),), many=False)


def _slot(kind: Any, name: str | None, default: str = SINGLE) -> Slot:
    marks: tuple[Any, ...] = ()
    if typing.get_origin(kind) is typing.Annotated:
        kind, *rest = typing.get_args(kind)
        marks = tuple(rest)
    name = name or next((mark for mark in marks if isinstance(mark, str)), None)
    return Slot(
        name=name or default,
        kind=kind,
        named=name is not None,
        pickle=any(mark is pickled for mark in marks),
    )


def _tuple_type(step: str, names: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    if all(name.isidentifier() and not name.startswith("_") for name in names):
        made: Any = collections.namedtuple  # noqa: PYI024 - the names are known at run time
        kind = made(f"{step}_outputs", names, rename=True)
        make: Callable[[Iterable[Any]], Any] = kind._make
        return make
    return tuple


def _is_named_tuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def fits(value: Any, kind: Any) -> bool:
    """Whether a value has the annotated type; what cannot be decided fits."""
    if kind is Any or isinstance(kind, str | typing.TypeVar):
        return True
    if kind is None:
        return value is None
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return fits(value, typing.get_args(kind)[0])
    if origin is Union or origin is types.UnionType:
        return any(fits(value, each) for each in typing.get_args(kind))
    if origin is typing.Literal:
        return value in typing.get_args(kind)
    plain = origin if isinstance(origin, type) else kind
    if not isinstance(plain, type) or getattr(plain, "_is_protocol", False):
        return True
    if plain in (float, complex) and type(value) is int:
        return True
    if typing.is_typeddict(plain):
        return isinstance(value, dict)
    try:
        return isinstance(value, plain)
    except TypeError:
        return True


def _shown(kind: Any) -> str:
    if isinstance(kind, type) and not typing.get_args(kind):
        return kind.__qualname__
    return str(kind).replace("typing.", "")
