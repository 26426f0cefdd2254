"""Plain values, and what holds tensors, arrays and other kept values at any depth.

``value.json`` is the tagged JSON of `epochal.pipelines.plain`. All tensors inside lie in one
``tensors.safetensors``, an array in ``<n>.npy``, anything else that has a serializer below
``<n>/``. Objects of the user's classes, of PyTorch's datasets and what these hold are kept by
class name and attributes, without calling any code of theirs but the import of the class.
"""

from __future__ import annotations

import collections
import io
import sys
from typing import Any

import msgspec

from epochal.errors import InvalidInput
from epochal.models.optional import is_array, need
from epochal.models.weights import read_weights
from epochal.pipelines import plain
from epochal.pipelines.fingerprint import is_user
from epochal.pipelines.harmless import find_harmless, harmless_name
from epochal.pipelines.named import find as find_named
from epochal.pipelines.named import name_of
from epochal.pipelines.serializers import registry
from epochal.pipelines.serializers.parts import Outbox, Parts

VALUE = "value.json"
TENSORS = "tensors.safetensors"
SEARCHED = 10_000
"""Items that are looked through to say where a value lies that is refused."""
_PICKLES_ITS_OWN_WAY = {"__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"}


class Tree:
    """See the module."""

    name = "tree"
    kind = "value"

    def matches(self, value: Any) -> bool:  # noqa: ARG002 - the contract
        """Everything else: it refuses when it writes."""
        return True

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        _Writer(out).write(value)

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        try:
            return _Reader(parts).read()
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InvalidInput(
                f"a stored value cannot be read ({type(error).__name__}: {error}); its class may "
                f"have changed since, or it is none that Epochal wrote"
            ) from error


class _Writer:
    def __init__(self, out: Outbox) -> None:
        self._out = out
        self._tensors: dict[str, Any] = {}
        self._known: dict[int, int] = {}
        self._alive: list[Any] = []
        self._count = 0
        self._path: list[str] = []
        self._top: Any = None

    def write(self, value: Any) -> None:
        self._top = value
        node = self._encode(value)
        self._out.put(VALUE, plain.text_of(node))
        if self._tensors:
            save = need("safetensors.torch", "keeping tensors").save
            self._out.put(TENSORS, save(self._tensors))

    def _encode(self, value: Any) -> Any:
        return plain.encode(value, self._leaf, self._out.classes, harmless_name)

    def _leaf(self, value: Any) -> Any:
        known = self._known.get(id(value))
        if known is not None:
            return {"$same": known}
        self._alive.append(value)
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return {"$tensor": [self._remember(value), *self._tensor(value)]}
        if torch is not None and isinstance(value, torch.Generator):
            key = self._keep_tensor(value.get_state())
            return {"$generator": [self._remember(value), key]}
        if is_array(value):
            return {"$array": [self._remember(value), self._array(value)]}
        serializer = registry.choose(value)
        if serializer is not None and not isinstance(serializer, Tree) and value is not self._top:
            number = self._remember(value)
            serializer.save(value, self._out.inner(str(number)))
            return {"$value": [number, serializer.name]}
        return self._object(value)

    def _remember(self, value: Any) -> int:
        self._known[id(value)] = self._count
        self._count += 1
        return self._count - 1

    def _tensor(self, value: Any) -> list[Any]:
        torch = sys.modules["torch"]
        if type(value) not in (torch.Tensor, torch.nn.Parameter) or value.layout != torch.strided:
            raise registry.unsafe(value, f" (layout {value.layout})")
        if value.device.type == "meta":
            raise InvalidInput("a tensor on the meta device holds no values; fill it first")
        wish = [value.requires_grad, isinstance(value, torch.nn.Parameter)]
        return [self._keep_tensor(value), *wish]

    def _keep_tensor(self, value: Any) -> str:
        key = f"t{len(self._tensors)}"
        data = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
        whole = data.untyped_storage().nbytes() == data.numel() * data.element_size()
        self._tensors[key] = data if whole and data is not value else data.clone()
        return key

    def _array(self, value: Any) -> str:
        numpy = sys.modules["numpy"]
        if value.dtype.hasobject or type(value) is not numpy.ndarray:
            raise registry.unsafe(value, f" of dtype {value.dtype}")
        buffer = io.BytesIO()
        numpy.save(buffer, value, allow_pickle=False)
        path = f"{self._count - 1}.npy"
        self._out.put(path, buffer.getvalue())
        return path

    def _object(self, value: Any) -> Any:
        """An object by its class and attributes."""
        kind = type(value)
        state = getattr(value, "__dict__", None)
        if not isinstance(state, dict) or not keeps_by_attributes(kind):
            raise registry.unsafe(value, self._where(value))
        number = self._remember(value)
        self._out.classes.add(name_of(kind))
        fields = {}
        for name, inner in state.items():
            self._path.append(f"{kind.__name__}.{name}")
            fields[name] = self._encode(inner)
            self._path.pop()
        return {"$object": [number, name_of(kind), fields]}

    def _where(self, value: Any) -> str:
        if self._path:
            return f" (in {' > '.join(self._path)})"
        place = _place(self._top, value)
        return f" (at {place})" if place else ""


def _place(top: Any, value: Any) -> str:
    """Where in nested containers a value lies, such as ``['optim'][0]``; empty when not found."""
    waiting = collections.deque([("", top)])
    for _ in range(SEARCHED):
        if not waiting:
            break
        place, each = waiting.popleft()
        if each is value:
            return place
        if isinstance(each, dict):
            waiting.extend((f"{place}[{key!r:.40}]", item) for key, item in each.items())
        elif isinstance(each, list | tuple):
            waiting.extend((f"{place}[{index}]", item) for index, item in enumerate(each))
    return ""


def keeps_by_attributes(kind: type) -> bool:
    """Whether an object of a class is nothing but its attributes."""
    for base in kind.__mro__[:-1]:
        if _PICKLES_ITS_OWN_WAY & set(vars(base)) or vars(base).get("__slots__"):
            return False
    top = kind.__module__.partition(".")[0]
    return is_user(kind) or top in ("torch", "torchvision", "torchaudio", "torchtext")


class _Reader:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._known: dict[int, Any] = {}
        self._tensors: dict[str, Any] = {}

    def read(self) -> Any:
        if TENSORS in self._parts:
            data = self._parts.read(TENSORS)
            self._tensors = read_weights(data, "a stored value", TENSORS)
        return self._decode(msgspec.json.decode(self._parts.read(VALUE)))

    def _decode(self, node: Any) -> Any:
        return plain.decode(node, self._leaf, find_harmless)

    def _leaf(self, tag: str, inner: Any) -> Any:
        if tag == "same":
            return self._known[inner]
        if tag == "object":
            return self._object(*inner)
        number, *rest = inner
        self._known[number] = made = self._make(tag, number, rest)
        return made

    def _make(self, tag: str, number: int, rest: list[Any]) -> Any:
        if tag == "tensor":
            torch = need("torch", "reading tensors")
            key, wants, is_parameter = rest
            value = self._tensors[key]
            if is_parameter:
                return torch.nn.Parameter(value, requires_grad=wants)
            return value.requires_grad_() if wants else value
        if tag == "generator":
            generator = need("torch", "reading tensors").Generator()
            generator.set_state(self._tensors[rest[0]])
            return generator
        if tag == "array":
            load = need("numpy", "reading arrays").load
            return load(io.BytesIO(self._parts.read(rest[0])), allow_pickle=False)
        if tag == "value":
            return registry.find(rest[0]).load(self._parts.inner(str(number)))
        raise InvalidInput(f"a stored value has the unknown tag ${tag}; upgrade Epochal")

    def _object(self, number: int, name: str, fields: dict[str, Any]) -> Any:
        kind: Any = find_named(name)
        if not isinstance(kind, type) or not keeps_by_attributes(kind):
            raise InvalidInput(f"a stored value names {name}, which it may not; it is not read")
        made: Any = object.__new__(kind)
        self._known[number] = made
        for field, node in fields.items():
            made.__dict__[field] = self._decode(node)
        return made
