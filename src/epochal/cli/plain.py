"""Options read from a command line that has nothing unusual in it.

Typer checks every option with a library for data models, whose loading takes a tenth of a
server's start and whose memory stays for as long as the server runs. `read_plain` knows only what
a function's own signature says of flags, numbers, texts and paths. Help, mistakes and everything
else it leaves to Typer, which then has the last word.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NamedTuple, get_args, get_origin

from typer.models import OptionInfo


class Option(NamedTuple):
    """One option: the parameter that it sets, the type of its value, and the bounds of that."""

    name: str
    kind: type
    many: bool
    info: OptionInfo

    def read(self, text: str) -> Any:
        """The value; None for one that Typer has to judge."""
        if not text or text.startswith("-"):
            return None
        if self.kind is not int:
            return self.kind(text) if self.kind in (str, Path) else None
        if not (text.isascii() and text.isdecimal()):
            return None
        low, high = self.info.min or 0, self.info.max
        return int(text) if low <= int(text) and (high is None or int(text) <= high) else None


def read_plain(command: Callable[..., object], words: Sequence[str]) -> dict[str, Any] | None:
    """The arguments to call a command with; None when Typer has to read them.

    Args:
        command: a function whose parameters are `Annotated` options, all with defaults.
        words: what was typed behind its name.
    """
    options = options_of(command)
    found: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        flag, equals, text = word.partition("=")
        option = options.get(flag)
        if option is None or (option.kind is bool and equals):
            return None
        value = option.kind is bool or option.read(text if equals else next(rest, ""))
        if value is None:
            return None
        found[option.name] = [*found.get(option.name, []), value] if option.many else value
    return found


def options_of(command: Callable[..., object]) -> dict[str, Option]:
    """The options of a command by what is typed for them."""
    found: dict[str, Option] = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        kind, info = get_args(parameter.annotation)
        if isinstance(kind, UnionType):
            kind = next(one for one in get_args(kind) if one is not NoneType)
        many = get_origin(kind) is list
        option = Option(name, get_args(kind)[0] if many else kind, many, info)
        for flag in info.param_decls or (f"--{name.replace('_', '-')}",):
            found[flag] = option
    return found
