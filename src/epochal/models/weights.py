"""A module's state as safetensors and back, bit by bit.

Shared tensors are written once and shared again afterwards. Buffers, half precision, bfloat16 and
tensors that are not contiguous come through; what cannot be held (meta tensors, sparse tensors,
subclasses with their own storage, state that is neither tensor nor JSON) is refused by name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from epochal.errors import DamagedModel, InvalidInput
from epochal.models.description import Tensors
from epochal.models.optional import need

MAX_HEADER = 100_000_000
"""Bytes of JSON that a safetensors file may begin with."""


def collect(module: Any) -> tuple[dict[str, Any], Tensors]:
    """Contiguous CPU tensors by key, and what goes beside them.

    Raises:
        InvalidInput: some state cannot be written.
    """
    torch = need("torch", "saving a module")
    tensors: dict[str, Any] = {}
    same: dict[str, str] = {}
    extra: dict[str, Any] = {}
    seen: dict[tuple[Any, ...], str] = {}
    for key, value in module.state_dict().items():
        if not isinstance(value, torch.Tensor):
            extra[key] = _check_extra(key, value)
            continue
        _check_tensor(torch, key, value)
        place = (
            value.untyped_storage().data_ptr(),
            value.storage_offset(),
            tuple(value.shape),
            value.stride(),
            value.dtype,
        )
        if value.numel() and place in seen:
            same[key] = seen[place]
            continue
        seen[place] = key
        tensors[key] = _own_storage(value)
    frozen = [name for name, value in module.named_parameters() if not value.requires_grad]
    return tensors, Tensors(same, frozen, extra)


def _own_storage(value: Any) -> Any:
    plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    whole = plain.untyped_storage().nbytes() == plain.numel() * plain.element_size()
    return plain if whole else plain.clone()


def _check_extra(key: str, value: Any) -> Any:
    try:
        again = msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError):
        again = None
    if again != value:
        raise InvalidInput(
            f"the state {key!r} is a {type(value).__name__}, which is neither a tensor nor JSON; "
            f"let get_extra_state() return a tensor or plain data, or save the model with "
            f"format='torchscript', 'export' or 'onnx'"
        )
    return again


def _check_tensor(torch: Any, key: str, value: Any) -> None:
    if isinstance(value, torch.nn.parameter.UninitializedTensorMixin):
        raise InvalidInput(
            f"parameter {key!r} has no shape yet: its lazy module has seen no input; "
            f"give input_example=, or call the model once before saving"
        )
    if value.device.type == "meta":
        raise InvalidInput(
            f"tensor {key!r} is on the meta device and holds no values; "
            f"load the weights before saving the model"
        )
    plain = type(value) in {torch.Tensor, torch.nn.Parameter, torch.nn.Buffer}
    if value.layout != torch.strided or value.is_quantized or not plain:
        kind = type(value).__name__ if not plain else f"{value.layout} tensor"
        raise InvalidInput(
            f"tensor {key!r} is a {kind}, which safetensors cannot hold; "
            f"turn it into a plain dense tensor first"
        )


def write_weights(path: Path, tensors: dict[str, Any]) -> None:
    """Write a safetensors file.

    Raises:
        InvalidInput: a dtype is none that safetensors knows.
    """
    library = need("safetensors.torch", "saving a module")
    try:
        library.save_file(tensors, path, metadata={"format": "pt"})
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidInput(f"the weights cannot be written as safetensors: {error}") from None


def read_weights(data: bytes, root: object, name: str) -> dict[str, Any]:
    """Tensors by key, from the bytes of a safetensors file.

    Raises:
        DamagedModel: the header is too large, or names a tensor twice, or its tensors overlap,
            leave gaps or lie outside of the file.
    """
    library = need("safetensors", "loading a model")
    if len(data) < 8 or not 0 < (size := int.from_bytes(data[:8], "little")) <= len(data) - 8:
        raise DamagedModel(root, f"{name} is no safetensors file, or was cut off")
    if size > MAX_HEADER:
        raise DamagedModel(
            root, f"the header of {name} has {size} bytes, {MAX_HEADER} are allowed"
        )
    _check_unique(data[8 : 8 + size], root, name)
    try:
        found: dict[str, Any] = need("safetensors.torch", "loading a model").load(data)
    except (library.SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise DamagedModel(root, f"{name} is no sound safetensors file ({error})") from None
    return found


def _check_unique(header: bytes, root: object, name: str) -> None:
    """JSON readers differ in which of two equal keys they take; here neither is."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            raise DamagedModel(root, f"the header of {name} names a tensor twice")
        return found

    try:
        json.loads(header.decode(), object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise DamagedModel(root, f"the header of {name} cannot be read ({error})") from None


def share(tensors: dict[str, Any], beside: Tensors) -> dict[str, Any]:
    """The whole state: tensors under all their keys, and the extra state."""
    shared = {key: tensors[kept] for key, kept in beside.same.items() if kept in tensors}
    return {**tensors, **shared, **beside.extra}


def fill(module: Any, tensors: dict[str, Any], beside: Tensors) -> None:
    """Put the state into a module that was just built.

    Raises:
        InvalidInput: the module has other keys or shapes than the state.
    """
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        kept = tensors.get(beside.same.get(name, name))
        if kept is not None and value.dtype != kept.dtype:
            value.data = value.data.to(kept.dtype)
    try:
        module.load_state_dict(share(tensors, beside))
    except (RuntimeError, AttributeError, KeyError) as error:
        raise InvalidInput(f"the class does not fit the saved weights: {error}") from None
    frozen = set(beside.frozen)
    for name, value in module.named_parameters():
        value.requires_grad_(name not in frozen and value.requires_grad)
