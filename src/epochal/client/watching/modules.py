"""The tree of a model's modules as plain data, for the page to draw.

Reads names, classes and shapes; runs nothing of the model and keeps nothing of it.
"""

from __future__ import annotations

import math
from typing import Any

WRAPPERS = ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_INSIDE = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
_WRAPPER_CLASSES = frozenset(
    {
        "OptimizedModule",
        "DistributedDataParallel",
        "DataParallel",
        "FullyShardedDataParallel",
        "CheckpointWrapper",
    }
)


def unwrap(model: Any) -> Any:
    """The model inside of what torch.compile and the parallel wrappers put around it."""
    while type(model).__name__ in _WRAPPER_CLASSES:
        inner = [getattr(model, name) for name in WRAPPERS if hasattr(model, name)]
        if not inner:
            break
        model = inner[0]
    return model


def plain_name(name: str) -> str:
    """A name within a model without the marks of wrappers inside of it."""
    for mark in _INSIDE:
        name = name.replace(mark, "")
    return name


def tree(model: Any) -> dict[str, Any]:
    """The modules of a model.

    Returns:
        ``nodes``: ``name`` (empty for the model), ``class``, ``parent`` (None for the model),
        ``parameters`` (each ``name, shape, dtype, count, trainable``; ``shared`` names the first
        place of a parameter met before; shape and count are None until a lazy module knows them)
        and ``detail`` (what the module's ``extra_repr`` says). ``parameters`` and ``trainable``:
        how many numbers, shared ones once.
    """
    seen: dict[int, str] = {}
    nodes, total, trainable = [], 0, 0
    for raw, module in model.named_modules():
        name = plain_name(raw)
        parameters = []
        for own, parameter in module.named_parameters(recurse=False):
            fact = _parameter(own, parameter)
            where = f"{name}.{own}".lstrip(".")
            if id(parameter) in seen:
                fact["shared"] = seen[id(parameter)]
            else:
                seen[id(parameter)] = where
                total += fact["count"] or 0
                trainable += (fact["count"] or 0) * parameter.requires_grad
            parameters.append(fact)
        nodes.append(
            {
                "name": name,
                "class": type(module).__name__,
                "parent": name.rpartition(".")[0] if name else None,
                "detail": str(module.extra_repr())[:500],
                "parameters": parameters,
            }
        )
    return {"nodes": nodes, "parameters": total, "trainable": trainable}


def is_lazy(parameter: Any) -> bool:
    """Whether a parameter of a lazy module has no shape yet."""
    return type(parameter).__name__ in {"UninitializedParameter", "UninitializedBuffer"}


def _parameter(name: str, parameter: Any) -> dict[str, Any]:
    shape = None if is_lazy(parameter) else [int(length) for length in parameter.shape]
    return {
        "name": name,
        "shape": shape,
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "count": None if shape is None else math.prod(shape),
        "trainable": bool(parameter.requires_grad),
    }
