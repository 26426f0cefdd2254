"""Saves models: a directory that appears whole, or not at all.

With an input example the model is loaded again before the directory appears, and its output is
held against the live model's. The live model's mode and all random states are as before.
"""

from __future__ import annotations

import os
import platform
import time
import uuid
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from epochal._version import __version__
from epochal.domain.artifact import Entry, digest_of
from epochal.errors import EpochalWarning, InvalidInput
from epochal.models import description as parts
from epochal.models import mlmodel
from epochal.models.call import split, to_tensors
from epochal.models.compare import difference
from epochal.models.description import Description
from epochal.models.example import write_example
from epochal.models.folder import digest_files, measure, new_folder
from epochal.models.infer import infer_signature
from epochal.models.load import load_model
from epochal.models.optional import loaded
from epochal.models.programs import backend_of_program
from epochal.models.quiet import device_of, quiet
from epochal.models.signature import Signature
from epochal.models.snapshot import gather, write_code
from epochal.models.snapshot import requirements as find_requirements
from epochal.models.summary import summarize
from epochal.models.writers import PACKAGES, WRITERS, Job, Written, choose, forward_names, unwrap

Check: TypeAlias = Literal["error", "warn", False]


class SavedModel(os.PathLike[str]):
    """A directory that `save_model` wrote; usable as a path.

    Args:
        path: the directory.
        description: what its ``model.json`` says.
        entries: its files.
    """

    def __init__(self, path: Path, description: Description, entries: dict[str, Entry]) -> None:
        self.path = path
        self.description = description
        self.digest = digest_files(entries)
        self.size = sum(entry.size or 0 for entry in entries.values())

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"<saved model {self.description.kind} at {self.path}, sha256:{self.digest[:12]}>"

    @property
    def signature(self) -> Signature | None:
        """What the model takes and gives."""
        return self.description.read_signature


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    *,
    signature: Signature | None = None,
    input_example: Any = None,
    format: str = "auto",
    init_args: Mapping[str, Any] | tuple[Any, ...] | None = None,
    requirements: Iterable[str] | None = None,
    code_paths: Iterable[str | os.PathLike[str]] = (),
    metadata: Mapping[str, Any] | None = None,
    check: Check = "error",
    program: bool | None = None,
) -> SavedModel:
    """Save a model as a directory.

    Args:
        model: ``torch.nn.Module``, TorchScript module, ``ExportedProgram``, ONNX ``ModelProto`` or
            scikit-learn estimator.
        path: a directory that does not exist, or is empty.
        signature: what the model takes and gives; read off the example when left out.
        input_example: a batch as the model takes it; tuple for several arguments, dict by name.
        format: ``torch`` (safetensors and the class), ``torchscript``, ``export``, ``onnx``,
            ``sklearn``, or ``auto``.
        init_args: arguments that the module's class was called with, where they cannot be read
            off it.
        requirements: lines for ``requirements.txt`` instead of those found.
        code_paths: further files and directories to keep beside the model.
        metadata: anything that is JSON.
        check: what to do when the saved model gives another output for the example.
        program: whether to keep an exported program beside the weights of a module; None: if
            there is an example and the export succeeds.

    Raises:
        InvalidInput: the model cannot be saved like this, or would not come back as it is.
        Conflict: something lies at ``path``.
    """
    model = unwrap(model)
    kind = choose(model, format)
    live = None if input_example is None else _run(model, input_example)
    if signature is None and input_example is not None:
        signature = infer_signature(input_example, None if live is None else live[1])
    extra = _check_metadata(metadata)
    with new_folder(path) as folder:
        job = Job(folder, model, init_args=init_args, program=program)
        if live is not None:
            job.call, job.output = live
        written = WRITERS[kind](job)
        code = _write_beside(folder, model, kind, requirements, code_paths)
        example = None if input_example is None else write_example(folder, input_example)
        described = _describe(kind, written, code, signature, extra, example)
        entries = _write_descriptions(folder, described, signature)
        if check and live is not None:
            _check(folder, input_example, model, live[1], check)
    return SavedModel(Path(os.path.abspath(path)), described, entries)


def _write_descriptions(
    folder: Path, described: Description, signature: Signature | None
) -> dict[str, Entry]:
    code = parts.CODE if (folder / parts.CODE).is_dir() else None
    text = mlmodel.write_mlmodel(
        signature, uuid.uuid4().hex, described.created_us, code, described.kind
    )
    (folder / mlmodel.FILE).write_text(text, encoding="utf-8")
    described.files.update(measure(folder))
    encoded = described.encode()
    (folder / parts.FILE).write_bytes(encoded)
    return {**described.files, parts.FILE: Entry(digest_of(encoded), len(encoded))}


def _check_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    given = dict(metadata or {})
    try:
        if msgspec.json.decode(msgspec.json.encode(given)) == given:
            return given
    except (TypeError, ValueError, msgspec.MsgspecError):
        pass
    raise InvalidInput(f"metadata must be plain JSON with strings as keys, got {given!r:.200}")


def _run(model: Any, example: Any) -> tuple[tuple[tuple[Any, ...], dict[str, Any]], Any] | None:
    """The example as arguments, and what the live model makes of it; None for an ONNX model."""
    torch = loaded("torch")
    if torch is not None and isinstance(model, torch.export.ExportedProgram):
        device = next((value.device for value in model.state_dict.values()), "cpu")
        backend = backend_of_program(model, device)
        with quiet():
            return ((), {}), backend.run(example, {})
    if torch is not None and isinstance(model, torch.nn.Module):
        device = device_of(model)
        args, kwargs = split(example, forward_names(model))
        args, kwargs = to_tensors(args, device), to_tensors(kwargs, device)
        try:
            with quiet(model):
                return (args, kwargs), model(*args, **kwargs)
        except Exception as error:
            raise InvalidInput(
                f"the model does not take the input example: {type(error).__name__}: {error}"
            ) from error
    if hasattr(model, "predict"):
        with quiet():
            return ((), {}), model.predict(example)
    return None


def _write_beside(
    folder: Path,
    model: Any,
    kind: str,
    given: Iterable[str] | None,
    code_paths: Iterable[str | os.PathLike[str]],
) -> dict[str, str]:
    torch = loaded("torch")
    classes: set[type] = {type(model)}
    if torch is not None and isinstance(model, torch.nn.Module):
        (folder / parts.SUMMARY).write_text(summarize(model), encoding="utf-8")
        classes |= {type(each) for each in model.modules()}
    keep = gather(classes) if kind in {"torch", "sklearn"} else {}
    code = write_code(folder / parts.CODE, keep, code_paths)
    found = find_requirements(folder / parts.CODE, PACKAGES[kind]) if given is None else ()
    lines = [f"epochal[models]=={__version__}", *found] if given is None else list(given)
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "python_env.yaml").write_text(mlmodel.python_env(), encoding="utf-8")
    return code


def _describe(
    kind: str,
    written: Written,
    code: dict[str, str],
    signature: Signature | None,
    metadata: dict[str, Any],
    example: parts.Example | None,
) -> Description:
    versions = {"epochal": __version__, "python": platform.python_version()}
    for name in PACKAGES[kind]:
        module = loaded(name)
        if module is not None:
            versions[name] = str(getattr(module, "__version__", ""))
    return Description(
        kind=kind,
        created_us=time.time_ns() // 1000,
        files={},
        signature=None if signature is None else signature.to_dict(),
        class_name=written.class_name,
        architecture=written.architecture,
        problem=written.problem,
        code=code,
        forward=written.forward,
        tensors=written.tensors,
        example=example,
        metadata=metadata,
        versions=versions,
        parameters=written.parameters,
    )


def _check(folder: Path, example: Any, model: Any, output: Any, how: Check) -> None:
    """Load what was written, and hold its output against the live model's."""
    with quiet():
        again = load_model(folder, trust=True).predict(example)
    problem = difference(output, again)
    if problem is None:
        return
    second = _run(model, example)
    if second is not None and difference(output, second[1]) is not None:
        warnings.warn(
            "the live model gives another output each time for the same example, so what was "
            "saved could not be checked",
            EpochalWarning,
            stacklevel=3,
        )
        return
    message = (
        f"the saved model does not give what the live one gives for the input example: {problem}"
    )
    if how == "warn":
        warnings.warn(message, EpochalWarning, stacklevel=3)
        return
    raise InvalidInput(
        f"{message}. Nothing was saved; give init_args, or another format, or check='warn'"
    )
