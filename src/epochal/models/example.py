"""The input example beside a model: written without pickles, read back as what it was."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epochal.errors import DamagedModel, InvalidInput
from epochal.models.call import tensor_array
from epochal.models.description import EXAMPLE_ARRAYS, EXAMPLE_JSON, Example
from epochal.models.infer import dtype_of
from epochal.models.optional import is_array, is_frame, is_tensor, need


def write_example(folder: Path, example: Any) -> Example:
    """Write an example into a model's directory.

    Raises:
        InvalidInput: it is nothing that a signature can describe.
    """
    if is_frame(example):
        text = example.to_json(orient="split", date_format="iso", double_precision=15)
        (folder / EXAMPLE_JSON).write_text(text, encoding="utf-8")
        return Example("frame", {str(k): str(example[k].dtype) for k in example.columns})
    if is_tensor(example) or is_array(example):
        kind, items = "single", {"": example}
    elif isinstance(example, Mapping):
        kind, items = "dict", {str(name): value for name, value in example.items()}
    elif isinstance(example, tuple):
        kind, items = "tuple", {str(index): value for index, value in enumerate(example)}
    else:
        dtype_of(example, "the input example")
        (folder / EXAMPLE_JSON).write_text(json.dumps(example), encoding="utf-8")
        return Example("list")
    arrays = {}
    for number, (name, value) in enumerate(items.items()):
        dtype_of(value, f"the input example{f' {name!r}' if name else ''}")
        arrays[str(number)] = _array(value)
    need("numpy", "writing an example").savez(folder / EXAMPLE_ARRAYS, **arrays)
    tensors = {
        name: dtype_of(value, "the input example")[0] if is_tensor(value) else ""
        for name, value in items.items()
    }
    return Example(kind, tensors)


def _array(value: Any) -> Any:
    array = tensor_array(value) if is_tensor(value) else need("numpy", "examples").asarray(value)
    if array.dtype == object:
        raise InvalidInput("the input example holds an array of objects; give numbers or strings")
    return array


def read_example(data: bytes, example: Example, root: object) -> Any:
    """The example as it was given; tensors come back on the CPU.

    Raises:
        DamagedModel: it cannot be read.
    """
    try:
        if example.kind == "list":
            return json.loads(data)
        if example.kind == "frame":
            pandas = need("pandas", "reading the input example")
            text = io.StringIO(data.decode())
            return pandas.read_json(text, orient="split", dtype=False).astype(example.tensors)
        numpy = need("numpy", "reading the input example")
        with numpy.load(io.BytesIO(data), allow_pickle=False) as stored:
            arrays = [stored[str(number)] for number in range(len(example.tensors))]
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        raise DamagedModel(root, f"the input example cannot be read ({error})") from None
    values = {}
    for (name, dtype), array in zip(example.tensors.items(), arrays, strict=True):
        torch = need("torch", "reading the input example") if dtype else None
        values[name] = torch.from_numpy(array).to(getattr(torch, dtype)) if torch else array
    if example.kind == "tuple":
        return tuple(values.values())
    return values if example.kind == "dict" else values[""]
