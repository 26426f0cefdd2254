"""The command line of a trial: W&B's macros, filled with its parameters."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from epochal.errors import InvalidInput
from epochal.search.parse import MACROS
from epochal.search.places import nearest


def build_command(
    words: Sequence[str],
    program: str,
    params: Mapping[str, Any],
    config: Mapping[str, Any],
    file: Path,
) -> list[str]:
    """Fill in the macros.

    Args:
        words: the sweep's command.
        program: for ``${program}``.
        params: values by name, for flags; names of nested parameters have dots.
        config: values nested, for JSON.
        file: where ``${args_json_file}`` is written.

    Raises:
        InvalidInput: a macro is unknown, or a program is missing.
    """
    if "${program}" in words and not program:
        raise InvalidInput(
            "the sweep names no program; write program: train.py in its configuration, "
            "or give agent() a function"
        )
    found: list[str] = []
    for word in words:
        found += _filled(word, program, params, config, file)
    return found


def _filled(
    word: str, program: str, params: Mapping[str, Any], config: Mapping[str, Any], file: Path
) -> list[str]:
    if not (word.startswith("${") and word.endswith("}")):
        return [word]
    macro = word[2:-1]
    if macro.startswith("envvar:"):
        return [os.environ.get(macro.removeprefix("envvar:"), "")]
    if macro == "args_json_file":
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(json.dumps(config), "utf-8")
        return [str(file)]
    made: dict[str, list[str]] = {
        "env": ["/usr/bin/env"] if os.name == "posix" else [],
        "interpreter": [sys.executable],
        "program": [program],
        "args": [f"--{name}={text_of(value)}" for name, value in params.items()],
        "args_no_hyphens": [f"{name}={text_of(value)}" for name, value in params.items()],
        "args_no_boolean_flags": [
            flag for name, value in params.items() for flag in _flags(name, value)
        ],
        "args_json": [json.dumps(config)],
    }
    if macro not in made:
        raise InvalidInput(f"unknown macro {word!r} in the command{nearest(macro, MACROS)}")
    return made[macro]


def text_of(value: Any) -> str:
    """A value as an argument: lists and mappings as JSON, the rest as Python writes it."""
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def _flags(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}"] if value else []
    return [f"--{name}={text_of(value)}"]
