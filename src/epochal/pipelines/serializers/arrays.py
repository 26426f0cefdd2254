"""A tensor, a state dict or an array alone: one file that other programs read.

``tensors.safetensors`` and ``array.npy``.
"""

from __future__ import annotations

import io
import sys
from typing import Any

from epochal.models.optional import need
from epochal.models.weights import read_weights
from epochal.pipelines.serializers.parts import Outbox, Parts

TENSORS = "tensors.safetensors"
ARRAY = "array.npy"


class StateDict:
    """Flat dicts of plain tensors, in order; no two may share memory."""

    name = "state_dict"
    kind = "value"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        torch = sys.modules.get("torch")
        if torch is None or type(value) is not dict or not value:
            return False
        plain = all(
            type(key) is str and type(item) is torch.Tensor and item.layout == torch.strided
            and item.device.type != "meta" and not item.requires_grad
            for key, item in value.items()
        )  # fmt: skip
        return plain and len({item.data_ptr() for item in value.values()}) == len(value)

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        library = need("safetensors.torch", "keeping tensors")
        tensors = {key: item.cpu().contiguous().clone() for key, item in value.items()}
        out.put(TENSORS, library.save(tensors, {"order": "\n".join(value)}))

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        data = parts.read(TENSORS)
        tensors = read_weights(data, "a stored state dict", TENSORS)
        with need("safetensors", "reading tensors").safe_open(parts.path(TENSORS), "pt") as file:
            order = file.metadata()["order"].split("\n")
        return {key: tensors[key] for key in order}


class Array:
    """NumPy arrays of numbers, texts and records; no objects."""

    name = "array"
    kind = "value"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        numpy = sys.modules.get("numpy")
        return numpy is not None and type(value) is numpy.ndarray and not value.dtype.hasobject

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        buffer = io.BytesIO()
        need("numpy", "keeping arrays").save(buffer, value, allow_pickle=False)
        out.put(ARRAY, buffer.getvalue())

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        load = need("numpy", "reading arrays").load
        return load(io.BytesIO(parts.read(ARRAY)), allow_pickle=False)
