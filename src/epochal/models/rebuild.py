"""Builds a module again: from its class here, else from its program, else from its own code.

The class of this process comes first, the exported program second; the code that lies with the
model is imported only with trust, from a private copy of the checked bytes.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from epochal.errors import EpochalWarning, InvalidInput, NotFound
from epochal.models import description as parts
from epochal.models.architecture import Find, build, find_installed
from epochal.models.backends import TorchBackend
from epochal.models.description import Description
from epochal.models.folder import Files
from epochal.models.optional import need
from epochal.models.programs import backend_of_program, open_program
from epochal.models.trust import Gate
from epochal.models.weights import fill, read_weights, share

_copies: list[tempfile.TemporaryDirectory[str]] = []
"""Private copies of trusted code, which go when the process does."""


def rebuild(files: Files, described: Description, gate: Gate, device: Any) -> TorchBackend:
    """The module with its weights, in eval mode.

    Raises:
        DamagedModel: the weights cannot be read.
        NotFound: the class cannot be imported, and the model brings no program and no code.
        UntrustedModel: only the code that came with the model defines the class.
    """
    tensors = read_weights(files.get(parts.WEIGHTS), files.root, parts.WEIGHTS)
    problem = described.problem
    for find in _finders(files, described, gate):
        try:
            return _from_class(described, find, device, tensors)
        except InvalidInput as error:
            problem = problem or error.message
    if parts.PROGRAM in files:
        if described.architecture is not None and "cannot be imported" not in problem:
            warnings.warn(
                f"the model at {files.root} runs as its exported program: {problem}",
                EpochalWarning,
                stacklevel=4,
            )
        program = open_program(files, parts.PROGRAM, gate, device)
        placed = {name: value.to(device) for name, value in tensors.items()}
        return backend_of_program(program, device, share(placed, described.tensors))
    if described.architecture is not None and described.code:
        gate.demand(f"{problem.rstrip('.')}, so its class has to come from the model's own code")
    raise NotFound(
        f"the model at {files.root} cannot be built: {problem}. Import or install what defines "
        f"{described.class_name}, or save the model with an input_example, so that a program "
        f"that needs no class is kept"
    )


def _finders(files: Files, described: Description, gate: Gate) -> list[Find]:
    if described.architecture is None:
        return []

    def find_kept(owner: str, qualname: str) -> Any:
        if owner not in described.code:
            return find_installed(owner, qualname)
        found: Any = import_code(files, described.code, owner)
        for part in qualname.split("."):
            found = getattr(found, part)
        return found

    trusted = gate.trusted and described.code
    return [find_installed, find_kept] if trusted else [find_installed]


def _from_class(
    described: Description, find: Find, device: Any, tensors: dict[str, Any]
) -> TorchBackend:
    torch = need("torch", "loading a model")
    with torch.random.fork_rng(devices=[]):
        module = build(described.architecture, find)
    fill(module, tensors, described.tensors)
    module.eval()
    module.to(torch.device(device))
    return TorchBackend(module, described.forward, device)


def import_code(files: Files, code: dict[str, str], name: str) -> Any:
    """Import a module from the model's code; modules of the process keep their names."""
    private = _copy(files, parts.CODE)
    stem = {each: path.removesuffix(".py").replace("/", ".") for each, path in code.items()}
    names = {each.removesuffix(".__init__") for each in stem.values()}
    before = {each: sys.modules.pop(each) for each in names if each in sys.modules}
    sys.path.insert(0, private)
    try:
        importlib.invalidate_caches()
        return importlib.import_module(stem[name].removesuffix(".__init__"))
    finally:
        sys.path.remove(private)
        sys.path.append(private)
        sys.modules.update(before)


def use_code(
    files: Files, described: Description | None, gate: Gate, folder: str = parts.CODE
) -> None:
    """Put a trusted model's code at the end of the import path."""
    if gate.trusted and (described is None or described.code) and files.under(folder):
        sys.path.append(_copy(files, folder))


def _copy(files: Files, folder: str) -> str:
    copy = tempfile.TemporaryDirectory(prefix="epochal-code-")
    _copies.append(copy)
    for path, data in files.under(folder).items():
        place = Path(copy.name, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return copy.name
