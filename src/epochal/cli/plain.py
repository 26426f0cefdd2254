"""Words of a command line that have nothing unusual in them, read from a function's signature.

Typer checks every option with a library for data models, whose loading is a fifth of what a short
command costs, and whose memory stays for as long as a server runs. `read_plain` knows only
what a signature says of flags, numbers, texts, paths and words to choose from. Help, mistakes and
everything else it leaves to Typer, which then has the last word.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import typer
from typer.models import ArgumentInfo, OptionInfo

_NUMBERS = {
    int: re.compile("0|[1-9][0-9]{0,17}"),
    float: re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?"),
}
_TEXTS = (str, Path)


class Parameter(NamedTuple):
    """What is typed for one parameter: the type of its value, and the bounds of that."""

    name: str
    kind: Any
    many: bool
    required: bool
    info: OptionInfo | ArgumentInfo

    def read(self, text: str) -> Any:
        """The value; None for one that Typer has to judge."""
        if not text or text.startswith("-"):
            return None
        if self.kind in _TEXTS:
            return self.kind(text)
        if get_origin(self.kind) is Literal:
            return text if text in get_args(self.kind) else None
        if self.kind not in _NUMBERS or not _NUMBERS[self.kind].fullmatch(text):
            return None
        value, low, high = self.kind(text), self.info.min, self.info.max
        return value if (low is None or low <= value) and (high is None or value <= high) else None


def read_plain(command: Callable[..., object], words: Sequence[str]) -> dict[str, Any] | None:
    """The arguments to call a command with; None when Typer has to read them.

    Args:
        command: a function whose parameters are `Annotated` options and arguments.
        words: what was typed behind its name.
    """
    parameters = parameters_of(command)
    if parameters is None:
        return None
    options = {flag: one for one in parameters for flag in flags_of(one)}
    places = [one for one in parameters if isinstance(one.info, ArgumentInfo)]
    found: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        flag, equals, text = word.partition("=")
        if not word.startswith("-"):
            one, text = next((p for p in places if p.many or p.name not in found), None), word
        else:
            one = options.get(flag if flag.startswith("--") else word)
            if one is None or (one.kind is bool and equals):
                return None
            text = text if equals or one.kind is bool else next(rest, "")
        value = None if one is None else one.kind is bool or one.read(text)
        if one is None or value is None:
            return None
        found[one.name] = [*found.get(one.name, []), value] if one.many else value
    return found if all(one.name in found for one in parameters if one.required) else None


def parameters_of(command: Callable[..., object]) -> list[Parameter] | None:
    """What may be typed for a command; None for one that only Typer can call."""
    found = []
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        kind, *infos = get_args(parameter.annotation) or (None,)
        if len(infos) != 1 or not isinstance(infos[0], OptionInfo | ArgumentInfo):
            return None
        if get_origin(kind) in (Union, UnionType):
            kind = next(one for one in get_args(kind) if one is not NoneType)
        many = get_origin(kind) is list
        kind = get_args(kind)[0] if many else kind
        required = parameter.default is inspect.Parameter.empty
        found.append(Parameter(name, kind, many, required, infos[0]))
    return found


def flags_of(parameter: Parameter) -> tuple[str, ...]:
    """What is typed in front of an option's value; nothing for arguments and `--this/--that`."""
    if isinstance(parameter.info, ArgumentInfo):
        return ()
    info = parameter.info
    first = () if info.default is ... else (str(info.default),)  # which it is in `Annotated`
    flags = (*first, *(info.param_decls or ())) or (f"--{parameter.name.replace('_', '-')}",)
    return tuple(flag for flag in flags if "/" not in flag)


def command_of(app: typer.Typer, name: str) -> Callable[..., object] | None:
    """The command of a group; None where Typer has to find it, or has something to do before."""
    if app.registered_callback is not None:
        return None
    for one in app.registered_commands:
        called = getattr(one.callback, "__name__", "").lower().replace("_", "-")
        if (one.name or called) == name:
            return None if one.context_settings else one.callback
    return None
