"""Programs out of a live module: torch.export, TorchScript, ONNX.

The first axis of every tensor is the batch and stays free where the exporter allows it. The live
module is left as it was.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from epochal.errors import InvalidInput
from epochal.models.call import map_leaves
from epochal.models.optional import is_tensor, need
from epochal.models.quiet import device_of, quiet

LARGE = 1_500_000_000
"""Bytes of weights past which ONNX keeps them in a file of their own; protobuf ends at 2 GiB."""


def on_cpu(module: Any) -> Any:
    """The module, or a copy of it on the CPU."""
    return module if device_of(module).type == "cpu" else copy.deepcopy(module).cpu()


def export_program(module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """A ``torch.export.ExportedProgram`` of a module in eval mode.

    Raises:
        InvalidInput: the module does what torch.export cannot follow.
    """
    torch = need("torch", "exporting a module")
    module = on_cpu(module)
    args, kwargs = _twice(move_to_cpu(args)), _twice(move_to_cpu(dict(kwargs)))
    try:
        with quiet(module), _silence():
            program = torch.export.export(
                module, args, kwargs, dynamic_shapes=_shapes(module, args, kwargs)
            )
    except Exception as error:  # noqa: BLE001 - whatever the exporter stumbles over
        first = str(error).strip().partition("\n")[0]
        raise InvalidInput(
            f"torch.export cannot follow {type(module).__name__} "
            f"({type(error).__name__}: {first:.200})"
        ) from None
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    return program


def move_to_cpu(value: Any) -> Any:
    """Nested tensors, on the CPU."""
    return map_leaves(lambda leaf: leaf.cpu() if is_tensor(leaf) else leaf, value)


def _twice(value: Any) -> Any:
    """A batch of one becomes two, for exporters take a size of one for a constant."""

    def repeat(leaf: Any) -> Any:
        one = is_tensor(leaf) and leaf.ndim and leaf.shape[0] == 1
        return leaf.repeat(2, *([1] * (leaf.ndim - 1))) if one else leaf

    return map_leaves(repeat, value)


def _shapes(module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    torch = need("torch", "exporting a module")

    def free(leaf: Any) -> Any:
        return {0: torch.export.Dim.AUTO} if is_tensor(leaf) and leaf.ndim else None

    if not kwargs:
        return map_leaves(free, args)
    names = list(inspect.signature(module.forward).parameters)
    named = dict(zip(names, args, strict=False)) | dict(kwargs)
    return map_leaves(free, named)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def write_program(path: Path, program: Any) -> None:
    """Write a program with its weights."""
    torch = need("torch", "exporting a module")
    with _silence():
        torch.export.save(program, path)


def write_graph(path: Path, program: Any) -> None:
    """Write a program without its weights: they lie beside it, and are put in on loading."""
    torch = need("torch", "exporting a module")
    program._state_dict = {  # noqa: SLF001 - there is no public way to leave weights out
        key: _hollow(torch, value) for key, value in program.state_dict.items()
    }
    program._example_inputs = None  # noqa: SLF001 - nor the example
    write_program(path, program)


def _hollow(torch: Any, value: Any) -> Any:
    """A tensor of one element that claims the shape; what is a parameter stays one."""
    empty = torch.zeros(1, dtype=value.dtype).as_strided(value.shape, [0] * value.dim())
    if isinstance(value, torch.nn.Parameter):
        return torch.nn.Parameter(empty, requires_grad=value.requires_grad)
    return empty


def script(module: Any, args: tuple[Any, ...] | None, kwargs: Mapping[str, Any]) -> Any:
    """A TorchScript module: traced with an example, else scripted.

    Raises:
        InvalidInput: TorchScript cannot follow the module.
    """
    torch = need("torch", "TorchScript")
    if isinstance(module, torch.jit.ScriptModule):
        return module
    try:
        with quiet(module), _silence():
            if args is None:
                return torch.jit.script(module)
            if kwargs:
                return torch.jit.trace(
                    module, example_kwarg_inputs=dict(kwargs), check_trace=False, strict=False
                )
            return torch.jit.trace(module, args, check_trace=False, strict=False)
    except Exception as error:  # noqa: BLE001 - whatever the compiler stumbles over
        first = str(error).strip().partition("\n")[0]
        raise InvalidInput(
            f"TorchScript cannot follow {type(module).__name__} ({first:.300}); "
            f"try format='torch' or 'export'"
        ) from None


def write_script(path: Path, module: Any) -> None:
    """Write a TorchScript module."""
    torch = need("torch", "TorchScript")
    with _silence():
        torch.jit.save(module, path)


def write_onnx(path: Path, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Write a module as ONNX.

    Raises:
        InvalidInput: the exporter cannot follow the module.
    """
    torch = need("torch", "exporting to ONNX")
    need("onnxscript", "exporting to ONNX")
    module = on_cpu(module)
    args, kwargs = _twice(move_to_cpu(args)), _twice(move_to_cpu(dict(kwargs)))
    size = sum(value.numel() * value.element_size() for value in module.parameters())
    try:
        with quiet(module), _silence():
            program = torch.onnx.export(
                module,
                args,
                kwargs=kwargs,
                dynamo=True,
                dynamic_shapes=_shapes(module, args, kwargs),
                verbose=False,
            )
            program.save(path, external_data=size > LARGE)
    except Exception as error:  # noqa: BLE001 - whatever the exporter stumbles over
        first = str(error).strip().partition("\n")[0]
        raise InvalidInput(
            f"{type(module).__name__} cannot be written as ONNX "
            f"({type(error).__name__}: {first:.300})"
        ) from None
