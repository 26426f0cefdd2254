"""What a code object does, as text that depends on nothing else.

Two code objects give the same text exactly when they do the same: lines, comments, docstrings,
formatting and file names leave no trace. Taken from the bytecode, so it is what will run, whatever
the file says by now. Texts of different Python versions are not comparable.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType
from typing import Final, NamedTuple

_SILENT: Final = frozenset({"RESUME", "NOP", "CACHE", "EXTENDED_ARG", "PRECALL"})
_GLOBALS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_ATTRIBUTES: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


class Reference(NamedTuple):
    """A global name that code reads, and the attributes that it reads of it at once."""

    name: str
    attributes: tuple[str, ...]


class Import(NamedTuple):
    """An import inside of a function."""

    module: str
    level: int
    names: tuple[str, ...]


def text_of(code: CodeType) -> str:
    """The text of a code object and of all that are inside."""
    parts = [
        code.co_name,
        f"{code.co_argcount},{code.co_posonlyargcount},{code.co_kwonlyargcount}",
        f"{code.co_flags & ~0x4000000:x}",  # not whether it has a docstring
        repr((code.co_varnames, code.co_freevars, code.co_cellvars)),
    ]
    instructions = [each for each in dis.get_instructions(code) if each.opname not in _SILENT]
    places = {each.offset: index for index, each in enumerate(instructions)}
    for each in instructions:
        if isinstance(each.argval, CodeType):
            argument = text_of(each.argval)
        elif each.opcode in dis.hasconst:
            argument = _constant(each.argval)
        elif each.opcode in dis.hasjrel or each.opcode in dis.hasjabs:
            argument = str(_place(places, each.argval))
        else:
            argument = each.argrepr
        parts.append(f"{each.opname} {len(argument)} {argument}")
    parts.append(repr([(tuple(entry)[3:]) for entry in _handlers(code)]))
    return "\n".join(parts)


def _place(places: dict[int, int], offset: int) -> int:
    """The number of the first instruction that counts at or after an offset."""
    if offset in places:
        return places[offset]
    return min((index for at, index in places.items() if at >= offset), default=len(places))


def _handlers(code: CodeType) -> list[tuple[int, ...]]:
    """Depth and kind of exception handlers; their places follow from the instructions."""
    parse = getattr(dis, "_parse_exception_table", None)
    return [] if parse is None else [tuple(map(int, entry)) for entry in parse(code)]


def _constant(value: object) -> str:
    kind = type(value).__name__
    if isinstance(value, tuple):
        return f"{kind}({','.join(_constant(item) for item in value)})"
    if isinstance(value, frozenset):
        return f"{kind}({','.join(sorted(_constant(item) for item in value))})"
    return f"{kind}:{value!r}"


def references(code: CodeType) -> Iterator[Reference]:
    """The global names that a code object and those inside of it read, in order."""
    instructions = [each for each in dis.get_instructions(code) if each.opname not in _SILENT]
    for index, each in enumerate(instructions):
        if isinstance(each.argval, CodeType):
            yield from references(each.argval)
        elif each.opname in _GLOBALS:
            attributes: list[str] = []
            for after in instructions[index + 1 :]:
                if after.opname not in _ATTRIBUTES:
                    break
                attributes.append(str(after.argval))
            yield Reference(str(each.argval), tuple(attributes))


def imports(code: CodeType) -> Iterator[Import]:
    """The imports inside of a code object and those inside of it."""
    level = 0
    instructions = list(dis.get_instructions(code))
    for index, each in enumerate(instructions):
        if isinstance(each.argval, CodeType):
            yield from imports(each.argval)
        elif each.opname == "IMPORT_NAME":
            before = [i.argval for i in instructions[max(0, index - 4) : index]]
            level = next((v for v in before if type(v) is int and v >= 0), 0)
            names: list[str] = []
            for after in instructions[index + 1 :]:
                if after.opname == "IMPORT_FROM":
                    names.append(str(after.argval))
                elif not after.opname.startswith(("STORE", "EXTENDED", "CACHE")):
                    break
            yield Import(str(each.argval), level, tuple(names))
