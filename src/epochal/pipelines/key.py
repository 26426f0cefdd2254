"""The key of a step: equal exactly when nothing that its result may depend on has changed.

It covers the code below the step's function, the parameters with their types, the content of the
inputs and the code of their classes, declared files, variables and versions, and the outputs. Each
part goes in with its length, so that no two sets of parts can look alike. Where the home lies,
what the machine is called and the time are left out.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.domain.pipeline import Facts, Stored
from epochal.errors import InvalidInput, NotFound
from epochal.pipelines.fingerprint import Fingerprint, fingerprint
from epochal.pipelines.named import find
from epochal.pipelines.options import StepOptions
from epochal.pipelines.outputs import Outputs

FORMAT: Final = "1"
SHOWN: Final = 200
_PYTHON: Final = f"{sys.version_info[0]}.{sys.version_info[1]}"


class Keyed(msgspec.Struct, frozen=True):
    """A key, what it was made of, and the code that it saw."""

    key: str
    facts: Facts
    code: Fingerprint


def make_key(
    function: Callable[..., Any],
    options: StepOptions,
    outputs: Outputs,
    arguments: Mapping[str, bytes],
    inputs: Mapping[str, list[Stored]],
) -> Keyed:
    """The key of a call.

    Args:
        function: the step's.
        options: of the step.
        outputs: of the step.
        arguments: canonical text of each argument.
        inputs: the stored values that each argument refers to.

    Raises:
        InvalidInput: a declared dependency cannot be used.
        NotFound: a declared file does not exist.
    """
    code = fingerprint(function, options.pin)
    used = sorted({name for each in inputs.values() for one in each for name in one.classes})
    facts = Facts(
        code=code.digest,
        parameters={name: (_digest(text), _shown(text)) for name, text in arguments.items()},
        inputs={name: [one.digest for one in each] for name, each in inputs.items() if each},
        classes={name: _class_digest(name, options.pin) for name in used},
        more=_more(options, outputs),
    )
    return Keyed(_key_of(facts), facts, code)


def _key_of(facts: Facts) -> str:
    hashing = hashlib.blake2b(digest_size=32, person=b"epochal-step")
    for section in (
        [FORMAT, facts.code],
        [part for name, (digest, _) in facts.parameters.items() for part in (name, digest)],
        [part for name, each in facts.inputs.items() for part in (name, str(len(each)), *each)],
        [part for pair in facts.classes.items() for part in pair],
        [part for pair in sorted(facts.more.items()) for part in pair],
    ):
        hashing.update(len(section).to_bytes(8, "little"))
        for part in section:
            data = part.encode("utf-8", "surrogatepass")
            hashing.update(len(data).to_bytes(8, "little") + data)
    return hashing.hexdigest()


def _more(options: StepOptions, outputs: Outputs) -> dict[str, str]:
    more = {"python": _PYTHON, "outputs": _outputs_text(outputs)}
    if options.version:
        more["version"] = options.version
    for name in options.env:
        value = os.environ.get(name)
        more[f"env {name}"] = "not set" if value is None else f"={_digest(value.encode())}"
    for each in options.deps:
        name, digest = _declared(each, options.pin)
        more[f"dep {name}"] = digest
    return more


@lru_cache(maxsize=1024)
def _outputs_text(outputs: Outputs) -> str:
    return ", ".join(f"{slot.name}: {slot.shown}" for slot in outputs.slots)


def _declared(target: Any, pin: str) -> tuple[str, str]:
    """Name and digest of something that was declared with ``deps=``."""
    if isinstance(target, str | os.PathLike):
        return os.fspath(target), path_digest(Path(target))
    if callable(target) or hasattr(target, "__spec__"):
        name = getattr(target, "__qualname__", getattr(target, "__name__", "?"))
        if hasattr(target, "__spec__") and getattr(target, "__file__", None):
            return str(name), path_digest(Path(target.__file__))
        return str(name), fingerprint(getattr(target, "__wrapped__", target), pin).digest
    raise InvalidInput(f"deps= takes paths, functions, classes and modules, got {target!r:.80}")


def path_digest(path: Path) -> str:
    """The content of a file, or of all files below a directory.

    Raises:
        NotFound: there is nothing.
    """
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()[:64]
    if not path.is_dir():
        raise NotFound(f"deps= names {str(path)!r}, which does not exist; check the path")
    hashing = hashlib.blake2b(digest_size=32)
    for each in sorted(path.rglob("*")):
        if each.is_file():
            name = each.relative_to(path).as_posix().encode()
            hashing.update(len(name).to_bytes(8, "little") + name + path_digest(each).encode())
    return hashing.hexdigest()


def _class_digest(name: str, pin: str) -> str:
    try:
        return fingerprint(find(name), pin).digest
    except NotFound:
        return "missing"


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _shown(text: bytes) -> str:
    return text[:SHOWN].decode("utf-8", "replace")
