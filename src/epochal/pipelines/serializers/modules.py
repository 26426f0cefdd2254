"""PyTorch modules without a pickle: the weights, and how to build the class again.

``weights.safetensors`` and ``module.json``, by the same means as `epochal.models`. A module comes
back with its class, weights, tied weights, modes, and the plain attributes that were set on it;
hooks, and attributes that cannot be written down, are refused by name.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from epochal.errors import InvalidInput
from epochal.models.architecture import NotPlain, build, describe
from epochal.models.description import Tensors
from epochal.models.optional import need
from epochal.models.weights import collect, fill, read_weights
from epochal.pipelines import plain
from epochal.pipelines.fingerprint import is_user
from epochal.pipelines.harmless import find_harmless, harmless_name
from epochal.pipelines.named import find_split, module_name, name_of
from epochal.pipelines.serializers.parts import Outbox, Parts

WEIGHTS = "weights.safetensors"
FORM = "module.json"
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_OWN = frozenset(
    {"_parameters", "_buffers", "_modules", "training", "_non_persistent_buffers_set"}
)


class _Kept(msgspec.Struct):
    """What ``module.json`` says."""

    architecture: dict[str, Any]
    tensors: Tensors
    evaluating: list[str]
    attributes: dict[str, dict[str, Any]]
    buffers: dict[str, str]


class Module:
    """See the module."""

    name = "module"
    kind = "model"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        torch = sys.modules.get("torch")
        return (
            torch is not None
            and isinstance(value, torch.nn.Module)
            and not isinstance(value, torch.jit.ScriptModule)
        )

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        tensors, beside = collect(value)
        try:
            form = describe(value, None)
        except NotPlain as error:
            raise InvalidInput(
                f"a {type(value).__name__} cannot be built again without a pickle: {error}. Keep "
                f"the constructor's arguments as attributes, or return its state_dict()"
            ) from None
        again = _built(form)
        kept = _Kept(
            architecture=_renamed(form),
            tensors=beside,
            evaluating=[name for name, each in value.named_modules() if not each.training],
            attributes=_attributes(value, again),
            buffers=_loose_buffers(value, tensors),
        )
        for each in value.modules():
            if is_user(type(each)):
                out.classes.add(name_of(type(each)))
        out.put(WEIGHTS, need("safetensors.torch", "keeping a module").save(tensors))
        out.put(FORM, msgspec.json.encode(kept))

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        kept = msgspec.json.decode(parts.read(FORM), type=_Kept)
        tensors = read_weights(parts.read(WEIGHTS), "a stored module", WEIGHTS)
        module = _built(kept.architecture)
        loose = {key: tensors.pop(name) for key, name in kept.buffers.items()}
        fill(module, tensors, kept.tensors)
        _tie(module, kept.tensors.same)
        modules = dict(module.named_modules())
        for path, value in loose.items():
            owner, _, name = path.rpartition(".")
            modules[owner].register_buffer(name, value, persistent=False)
        for path, fields in kept.attributes.items():
            for name, node in fields.items():
                setattr(modules[path], name, plain.decode(node, None, find_harmless))
        evaluating = set(kept.evaluating)
        for name, each in modules.items():
            each.training = name not in evaluating
        return module


def _tie(module: Any, same: dict[str, str]) -> None:
    """Let parameters be one that were one, also where the constructor did not make them so."""
    for key, kept in same.items():
        owner, _, name = key.rpartition(".")
        place = module.get_submodule(owner)
        source, _, label = kept.rpartition(".")
        wanted = module.get_submodule(source)._parameters.get(label)  # noqa: SLF001 - see below
        if wanted is not None and name in place._parameters:  # noqa: SLF001 - no other way
            setattr(place, name, wanted)


def _built(form: dict[str, Any]) -> Any:
    torch = need("torch", "reading a module")
    with torch.random.fork_rng(devices=[]):
        return build(form, find_split)


def _renamed(node: Any) -> Any:
    """Classes of scripts under the name of the script, so that any process finds them."""
    if isinstance(node, list):
        return [_renamed(item) for item in node]
    if not isinstance(node, dict):
        return node
    renamed = {key: _renamed(item) for key, item in node.items()}
    if isinstance(node.get("class"), str):
        owner, _, qualname = node["class"].partition(":")
        renamed["class"] = f"{module_name(owner)}:{qualname}"
    return renamed


def _attributes(module: Any, again: Any) -> dict[str, dict[str, Any]]:
    """Plain attributes in which a module differs from one that was just built."""
    fresh = dict(again.named_modules())
    found: dict[str, dict[str, Any]] = {}
    for path, each in module.named_modules():
        if any(getattr(each, hooks, None) for hooks in _HOOKS):
            raise InvalidInput(
                f"module {path or type(each).__name__!r} has hooks, which cannot be kept; "
                f"remove them before the step returns"
            )
        other = vars(fresh[path]) if path in fresh else {}
        for name, value in vars(each).items():
            if name in _OWN or name.startswith("_") or _same(value, other.get(name, _OWN)):
                continue
            try:
                found.setdefault(path, {})[name] = plain.encode(value, named=harmless_name)
            except InvalidInput:
                if type(value) is type(other.get(name)):
                    continue
                raise InvalidInput(
                    f"attribute {name!r} of module {path or type(each).__name__!r} is a "
                    f"{type(value).__name__}, which its constructor does not make and which "
                    f"cannot be written down; remove it before the step returns"
                ) from None
    return {path: fields for path, fields in found.items() if fields}


def _same(one: Any, other: Any) -> bool:
    try:
        return plain.text_of(plain.encode(one)) == plain.text_of(plain.encode(other))
    except InvalidInput:
        return one is other


def _loose_buffers(module: Any, tensors: dict[str, Any]) -> dict[str, str]:
    """Buffers that are not in the state dict, put among the tensors."""
    kept: dict[str, str] = {}
    for path, each in module.named_modules():
        for name in each._non_persistent_buffers_set:  # noqa: SLF001 - PyTorch has no other way
            value = each._buffers.get(name)  # noqa: SLF001
            if value is not None:
                key = f"{path}.{name}" if path else name
                kept[key] = f"loose {key}"
                tensors[kept[key]] = value.detach().cpu().contiguous().clone()
    return kept
