"""A loaded model: checks inputs against its signature, runs, and answers in the caller's kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epochal.errors import InvalidInput
from epochal.models.backends import Backend, TorchBackend
from epochal.models.call import kind_of, to_kind
from epochal.models.enforce import enforce, enforce_params
from epochal.models.optional import is_frame, is_series
from epochal.models.signature import Signature


class Model:
    """Made by `load_model`; as thread-safe as what it runs.

    Args:
        backend: what runs it.
        path: the directory it came from.
        digest: of all its files, 64 hex digits.
        kind: ``torch``, ``torchscript``, ``export``, ``onnx`` or ``sklearn``.
        signature: what it takes and gives, when known.
        metadata: what the user saved with it.
        input_example: what the user saved as an example, or None.
    """

    def __init__(
        self,
        backend: Backend,
        path: Path,
        digest: str,
        kind: str,
        signature: Signature | None = None,
        metadata: Mapping[str, Any] | None = None,
        input_example: Any = None,
    ) -> None:
        self._backend = backend
        self.path = path
        self.digest = digest
        self.kind = kind
        self.signature = signature
        self.metadata = dict(metadata or {})
        self.input_example = input_example

    def __repr__(self) -> str:
        takes = f", takes {self.signature.inputs}" if self.signature else ""
        return f"<epochal model {self.kind}, sha256:{self.digest[:12]}{takes}>"

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Run the model without gradients, in eval mode.

        Args:
            data: array, tensor, list of numbers, DataFrame, or a dict or tuple of these.
            params: settings, see the signature.

        Returns:
            The same kind as ``data``: tensors, arrays, lists, or a table with its index.

        Raises:
            InvalidInput: the inputs do not fit the signature.
        """
        signature = self.signature or Signature()
        settings = enforce_params(signature.params, params) if params else {}
        if not params and signature.params:
            settings = {spec.name: spec.default for spec in signature.params}
        checked = data if signature.inputs is None else enforce(signature.inputs, data)
        output = self._backend.run(checked, settings)
        index = data.index if is_frame(data) or is_series(data) else None
        return to_kind(output, kind_of(data), index)

    def torch(self) -> Any:
        """The ``torch.nn.Module`` in eval mode; of an exported program its graph module.

        Raises:
            InvalidInput: the model is no PyTorch model.
        """
        if not isinstance(self._backend, TorchBackend):
            raise InvalidInput(f"this is a model of kind {self.kind!r}, not a PyTorch module")
        return self._backend.module

    def native(self) -> Any:
        """What the model runs on: module, onnxruntime session or estimator."""
        for name in ("module", "session", "estimator"):
            if hasattr(self._backend, name):
                return getattr(self._backend, name)
        return self._backend
