"""Writes a model in one of the formats, each a function over the same job."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from epochal.errors import EpochalWarning, InvalidInput
from epochal.models import description as parts
from epochal.models import exporting
from epochal.models.architecture import NotPlain, describe, name_of
from epochal.models.compare import difference
from epochal.models.description import Tensors
from epochal.models.optional import loaded, need
from epochal.models.programs import parameters_of
from epochal.models.quiet import quiet
from epochal.models.weights import collect, write_weights


class Job(msgspec.Struct):
    """One model to write.

    Attributes:
        folder: where to.
        model: the live one.
        call: positional and keyword arguments of the example; None without one.
        output: what the live model made of it.
        init_args: constructor arguments that the user gave.
        program: whether to keep an exported program beside the weights; None: when it succeeds.
    """

    folder: Path
    model: Any
    call: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    output: Any = None
    init_args: Mapping[str, Any] | tuple[Any, ...] | None = None
    program: bool | None = None

    def needed_call(self, format: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The example's arguments.

        Raises:
            InvalidInput: there is no example.
        """
        if self.call is None:
            raise InvalidInput(f"format={format!r} follows the model through an example; give one")
        return self.call


class Written(msgspec.Struct):
    """What a writer says about the model."""

    class_name: str
    architecture: dict[str, Any] | None = None
    problem: str = ""
    forward: list[str] = []
    tensors: Tensors = Tensors()
    parameters: int = 0


def unwrap(model: Any) -> Any:
    """The module inside of what ``torch.compile`` and data parallel training put around it."""
    torch = loaded("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        return model
    if isinstance(model, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
        return unwrap(model.module)
    inner = dict(model.named_children()).get("_orig_mod")
    return model if inner is None else unwrap(inner)


def choose(model: Any, format: str) -> str:
    """The format for a model.

    Raises:
        InvalidInput: there is none, or the given one does not fit.
    """
    torch, sklearn, onnx = loaded("torch"), loaded("sklearn"), loaded("onnx")
    fitting: tuple[str, ...] = ()
    if torch is not None and isinstance(model, torch.jit.ScriptModule):
        fitting = ("torchscript",)
    elif torch is not None and isinstance(model, torch.export.ExportedProgram):
        fitting = ("export",)
    elif torch is not None and isinstance(model, torch.nn.Module):
        fitting = ("torch", "torchscript", "export", "onnx")
    elif onnx is not None and isinstance(model, onnx.ModelProto):
        fitting = ("onnx",)
    elif sklearn is not None and isinstance(model, need("sklearn.base", "saving").BaseEstimator):
        fitting = ("sklearn",)
    if not fitting:
        raise InvalidInput(
            f"a {type(model).__name__} cannot be saved as a model; give a torch.nn.Module, a "
            f"TorchScript module, an exported program, an ONNX model or a scikit-learn estimator"
        )
    if format not in {"auto", *fitting}:
        raise InvalidInput(
            f"a {type(model).__name__} can be saved in the format "
            f"{' or '.join(map(repr, fitting))}, got {format!r}"
        )
    return fitting[0] if format == "auto" else format


def forward_names(model: Any) -> list[str]:
    """Names of the parameters that a model is called with, as far as they are known."""
    torch = loaded("torch")
    if torch is None:
        return []
    if isinstance(model, torch.export.ExportedProgram):
        positional, keywords = parameters_of(model)
        return positional + keywords
    if isinstance(model, torch.jit.ScriptModule):
        return [argument.name for argument in model.forward.schema.arguments[1:]]
    if not isinstance(model, torch.nn.Module):
        return []
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(model.forward).parameters.values()
    return [each.name for each in parameters if each.kind in kinds]


def write_torch(job: Job) -> Written:
    """Safetensors, the architecture as data, and an exported program without weights."""
    tensors, beside = collect(job.model)
    write_weights(job.folder / parts.WEIGHTS, tensors)
    problem, form = "", None
    try:
        form = describe(job.model, job.init_args)
    except NotPlain as error:
        problem = str(error)
    wanted = job.program is not False and job.call is not None
    failed = _write_graph(job) if wanted else "no input_example was given to export it with"
    if failed and job.program:
        raise InvalidInput(f"program=True, but {failed}")
    if form is None and failed:
        raise InvalidInput(
            f"the model could not be built again from what would be saved: {problem}; {failed}. "
            f"Give init_args={{...}} with the arguments of {name_of(type(job.model))}, or an "
            f"input_example"
        )
    if form is None:
        warnings.warn(
            f"the model will come back as its exported program, not as its class, for inference "
            f"only: {problem}",
            EpochalWarning,
            stacklevel=4,
        )
    return Written(
        class_name=name_of(type(job.model)),
        architecture=form,
        problem=problem,
        forward=forward_names(job.model),
        tensors=beside,
        parameters=sum(value.numel() for value in job.model.parameters()),
    )


def _write_graph(job: Job) -> str:
    """Write the program beside the weights; returns why it was not, else an empty string."""
    args, kwargs = job.needed_call("torch")
    try:
        program = exporting.export_program(job.model, args, kwargs)
    except InvalidInput as error:
        return error.message
    cpu = [exporting.move_to_cpu(args), exporting.move_to_cpu(kwargs)]
    module = program.module()
    with quiet():
        problem = difference(job.output, module(*cpu[0], **cpu[1]))
    if problem:
        warnings.warn(
            f"no exported program is kept: {problem} from the live model's",
            EpochalWarning,
            stacklevel=5,
        )
        return f"its exported program gives another output: {problem}"
    exporting.write_graph(job.folder / parts.PROGRAM, program)
    return ""


def write_script(job: Job) -> Written:
    """TorchScript."""
    args, kwargs = job.call or (None, {})
    module = exporting.script(job.model, args, kwargs)
    exporting.write_script(job.folder / parts.SCRIPT, module)
    names = forward_names(module)
    return Written(
        class_name=getattr(job.model, "original_name", name_of(type(job.model))),
        forward=names,
        parameters=sum(value.numel() for value in module.parameters()),
    )


def write_program(job: Job) -> Written:
    """An exported program with its weights."""
    torch = need("torch", "exporting a module")
    program, name = job.model, "torch.export:ExportedProgram"
    if not isinstance(program, torch.export.ExportedProgram):
        name = name_of(type(job.model))
        program = exporting.export_program(job.model, *job.needed_call("export"))
    exporting.write_program(job.folder / parts.PROGRAM, program)
    return Written(
        class_name=name,
        forward=forward_names(program),
        parameters=sum(value.numel() for value in program.parameters()),
    )


def write_onnx(job: Job) -> Written:
    """ONNX."""
    onnx = need("onnx", "an ONNX model")
    path = job.folder / parts.ONNX
    if isinstance(job.model, onnx.ModelProto):
        onnx.save_model(job.model, path)
        return Written(class_name="onnx:ModelProto")
    exporting.write_onnx(path, job.model, *job.needed_call("onnx"))
    return Written(
        class_name=name_of(type(job.model)),
        forward=forward_names(job.model),
        parameters=sum(value.numel() for value in job.model.parameters()),
    )


def write_estimator(job: Job) -> Written:
    """A scikit-learn estimator in skops' format, which is no pickle."""
    skops = need("skops.io", "a scikit-learn model")
    try:
        data = skops.dumps(job.model)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        raise InvalidInput(
            f"{type(job.model).__name__} holds something that skops cannot write: {error}"
        ) from None
    unknown = skops.get_untrusted_types(data=data)
    if unknown:
        warnings.warn(
            f"loading this model will ask for trust, because skops does not know objects of "
            f"{', '.join(unknown[:3])} to be harmless; load_model(path, trust=saved.digest)",
            EpochalWarning,
            stacklevel=4,
        )
    (job.folder / parts.ESTIMATOR).write_bytes(data)
    return Written(class_name=name_of(type(job.model)))


WRITERS: dict[str, Callable[[Job], Written]] = {
    "torch": write_torch,
    "torchscript": write_script,
    "export": write_program,
    "onnx": write_onnx,
    "sklearn": write_estimator,
}
PACKAGES = {
    "torch": ("torch", "numpy", "safetensors"),
    "torchscript": ("torch", "numpy"),
    "export": ("torch", "numpy"),
    "onnx": ("onnx", "onnxruntime", "numpy"),
    "sklearn": ("sklearn", "skops", "numpy"),
}
"""What must be installed to run each format."""
