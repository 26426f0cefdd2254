"""The engines that run a loaded model, one method each: ``run(inputs, settings)``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from epochal.errors import InvalidInput
from epochal.models.call import split, to_array, to_tensors
from epochal.models.optional import is_frame, is_tensor, need


class Backend(Protocol):
    """Runs a model."""

    def run(self, inputs: Any, settings: Mapping[str, Any]) -> Any:
        """Outputs for inputs that the signature has passed.

        Raises:
            InvalidInput: the model cannot be called like this.
        """


class TorchBackend:
    """A module, a TorchScript program or an exported one, without gradients.

    Args:
        module: in eval mode, on ``device``.
        forward: names of its parameters.
        device: where its tensors lie.
        by_position: whether it takes no keywords, as exported programs do that were exported so.
    """

    def __init__(
        self, module: Any, forward: Sequence[str], device: Any, by_position: bool = False
    ) -> None:
        self.module = module
        self._forward = list(forward)
        self._device = device
        self._by_position = by_position

    def run(self, inputs: Any, settings: Mapping[str, Any]) -> Any:
        """Call the module; settings are keyword arguments."""
        torch = need("torch", "calling the model")
        args, kwargs = split(inputs, self._forward)
        args, kwargs = to_tensors(args, self._device), to_tensors(kwargs, self._device)
        if self._by_position and kwargs:
            args, kwargs = tuple(kwargs[n] for n in self._forward if n in kwargs), {}
        with torch.no_grad():
            return self.module(*args, **kwargs, **settings)


class OnnxBackend:
    """An onnxruntime session.

    Args:
        session: of the model.
        outputs: what to call the outputs; those of the graph when they are not as many.
    """

    def __init__(self, session: Any, outputs: Sequence[str] = ()) -> None:
        self.session = session
        self._inputs = [node.name for node in session.get_inputs()]
        names = [node.name for node in session.get_outputs()]
        self._outputs = list(outputs) if len(outputs) == len(names) else names

    def run(self, inputs: Any, settings: Mapping[str, Any]) -> Any:
        """One array for one output, a dict by name or a tuple for several."""
        if settings:
            raise InvalidInput(f"an ONNX model takes no settings, got {sorted(settings)}")
        args, kwargs = split(inputs, self._inputs)
        feed = dict(zip(self._inputs, args, strict=False)) | kwargs
        if len(args) > len(self._inputs) or set(feed) != set(self._inputs):
            raise InvalidInput(
                f"the model takes the inputs {', '.join(map(repr, self._inputs))}, "
                f"got {', '.join(map(repr, feed)) or 'none'}"
            )
        arrays = {name: to_array(value) for name, value in feed.items()}
        refused = need("onnxruntime.capi.onnxruntime_pybind11_state", "an ONNX model")
        try:
            found = self.session.run(None, arrays)
        except refused.InvalidArgument as error:
            first = str(error).strip().rpartition(" : ")[2]
            raise InvalidInput(f"the model does not take these inputs: {first}") from None
        if self._outputs == [str(number) for number in range(len(found))]:
            return tuple(found)
        return found[0] if len(found) == 1 else dict(zip(self._outputs, found, strict=True))


class EstimatorBackend:
    """A scikit-learn estimator."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def run(self, inputs: Any, settings: Mapping[str, Any]) -> Any:
        """The estimator's ``predict``; tables stay tables."""
        if isinstance(inputs, Mapping):
            inputs = need("pandas", "inputs by name").DataFrame(dict(inputs))
        elif is_tensor(inputs):
            inputs = to_array(inputs)
        if is_frame(inputs) and not hasattr(self.estimator, "feature_names_in_"):
            inputs = inputs.to_numpy()
        return self.estimator.predict(inputs, **settings)
