"""How a module is built again without unpickling: its class by name, and plain arguments.

Arguments come from the user (``init_args``) or are read off the module: an attribute with the name
of a parameter holds its value, as it does in every layer of PyTorch and in most user code. A guess
counts only when the module built from it has the same state as the original.

Form, as JSON: ``{"class": "module:Class", "args": {...}}`` or, for containers,
``{"class": ..., "children": {name: form}}``. Values are JSON, or one of ``{"tuple": [...]}``,
``{"dtype": "float32"}``, ``{"function": "torch.nn.functional:relu"}``, ``{"module": form}``,
``{"dict": {...}}``.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from epochal.errors import DamagedModel, InvalidInput
from epochal.models.optional import need

Find: TypeAlias = Callable[[str, str], Any]
"""From module and qualified name to a class; raises ImportError or AttributeError."""

_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
_FUNCTIONS = ("torch.nn.functional", "torch", "torch._C._nn")
_SKIPPED = {"device", "dtype"}


class NotPlain(Exception):
    """A module or argument has no plain form; the message says which and why."""


def name_of(kind: type) -> str:
    """``module:Class``."""
    return f"{kind.__module__}:{kind.__qualname__}"


def describe(module: Any, init_args: Mapping[str, Any] | tuple[Any, ...] | None) -> dict[str, Any]:
    """The form of a module.

    Args:
        module: what was built.
        init_args: keyword arguments (a mapping) or positional ones (a tuple) of its class.

    Raises:
        NotPlain: it has none.
        InvalidInput: ``init_args`` do not build this module.
    """
    if init_args is None:
        form = _describe(module)
    else:
        args = _given(type(module), init_args)
        form = {"class": _importable(type(module)), "args": args}
    try:
        again = _build_empty(form, module)
    except InvalidInput as error:
        problem = error.message
        if init_args is None:
            raise NotPlain(problem) from None
        raise InvalidInput(f"init_args do not build the model: {problem}") from None
    difference = _difference(module, again)
    if difference and init_args is None:
        raise NotPlain(f"{name_of(type(module))}{_shown(form)} builds another model: {difference}")
    if difference:
        raise InvalidInput(f"init_args build another model: {difference}")
    return form


def build(form: Any, find: Find) -> Any:
    """Build a module from its form.

    Args:
        form: what `describe` gave.
        find: gets classes by name.

    Raises:
        InvalidInput: a class cannot be found, or does not take its arguments.
        DamagedModel: the form names something that is no module.
    """
    torch = need("torch", "building a module")
    try:
        owner, _, qualname = form["class"].partition(":")
        kind = find(owner, qualname)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidInput(f"the class {form['class']} cannot be imported: {error}") from None
    except (TypeError, KeyError):
        raise DamagedModel("model.json", "the architecture cannot be read") from None
    if not (isinstance(kind, type) and issubclass(kind, torch.nn.Module)):
        raise DamagedModel("model.json", f"{form['class']!r:.80} is no torch.nn.Module")
    if "children" in form:
        return _build_container(torch, kind, form["children"], find)
    args = {name: _decode(torch, value, find) for name, value in form["args"].items()}
    many = args.pop("*", ())
    try:
        return kind(*many, **args)
    except Exception as error:  # noqa: BLE001 - a constructor may raise anything
        raise InvalidInput(
            f"{form['class']} does not take its arguments ({type(error).__name__}: {error})"
        ) from None


def find_installed(owner: str, qualname: str) -> Any:
    """A class by name, from modules that this process can import anyway."""
    if not all(part.isidentifier() for part in f"{owner}.{qualname}".split(".")):
        raise ImportError(f"{owner}:{qualname} is no name of a class")
    found: Any = importlib.import_module(owner)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


# -- reading a module
def _describe(module: Any) -> dict[str, Any]:
    kind = type(module)
    torch = need("torch", "describing a module")
    if kind.__module__ == "torch.nn.modules.container" and kind.__name__ in _CONTAINERS:
        children = {name: _describe(child) for name, child in module._modules.items()}  # noqa: SLF001
        return {"class": name_of(kind), "children": children}
    if getattr(module, "parametrizations", None) and torch.nn.utils.parametrize.is_parametrized(
        module
    ):
        raise NotPlain(f"{name_of(kind)} was parametrized after it was built")
    name = _importable(kind)
    args = {}
    for parameter in list(inspect.signature(kind.__init__).parameters.values())[1:]:
        if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            continue
        if parameter.name in _SKIPPED:
            continue
        value, found = _read_argument(torch, module, parameter)
        if found:
            args[parameter.name] = value
        elif parameter.default is parameter.empty:
            raise NotPlain(
                f"{name} needs {parameter.name!r}, and the module has no such attribute; "
                f"give init_args={{{parameter.name!r}: ...}}"
            )
    return {"class": name, "args": args}


def _read_argument(torch: Any, module: Any, parameter: inspect.Parameter) -> tuple[Any, bool]:
    missing = object()
    value = getattr(module, parameter.name, getattr(module, f"_{parameter.name}", missing))
    if value is missing:
        return None, False
    default = parameter.default
    if isinstance(default, bool) and (value is None or isinstance(value, torch.Tensor)):
        return value is not None, True  # bias=True leaves a parameter
    if isinstance(value, torch.nn.Module) and isinstance(default, int | float | str):
        return None, False
    try:
        return _encode(torch, value, parameter.name), True
    except NotPlain:
        if default is parameter.empty:
            raise
        return None, False


def _given(kind: type, init_args: Mapping[str, Any] | tuple[Any, ...]) -> dict[str, Any]:
    torch = need("torch", "describing a module")
    many = isinstance(init_args, tuple | list)
    items: Mapping[str, Any] = {"*": tuple(init_args)} if many else dict(init_args)
    try:
        return {
            str(name): _encode(torch, value, str(name))["tuple"]
            if name == "*"
            else _encode(torch, value, str(name))
            for name, value in items.items()
        }
    except NotPlain as error:
        raise InvalidInput(
            f"init_args of {name_of(kind)} cannot be written down: {error}; give plain values"
        ) from None


def _importable(kind: type) -> str:
    if "<locals>" in kind.__qualname__:
        raise NotPlain(
            f"{name_of(kind)} is defined inside a function; move it to the top of its module"
        )
    return name_of(kind)


def _encode(torch: Any, value: Any, name: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, tuple):
        return {"tuple": [_encode(torch, item, name) for item in value]}
    if type(value) is list:
        return [_encode(torch, item, name) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encode(torch, item, name) for key, item in value.items()}}
    if isinstance(value, torch.nn.Module):
        return {"module": _describe(value)}
    owner, label = getattr(value, "__module__", None), getattr(value, "__name__", "")
    for place in _FUNCTIONS:
        known = label in _ACTIVATIONS and getattr(importlib.import_module(place), label, None)
        if known is value:
            return {"function": f"{place}:{label}"}
    raise NotPlain(f"argument {name!r} is a {type(value).__name__} ({owner or 'no plain value'})")


# -- building
def _build_container(torch: Any, kind: type, children: dict[str, Any], find: Find) -> Any:
    if kind.__module__ != "torch.nn.modules.container" or kind.__name__ not in _CONTAINERS:
        raise DamagedModel("model.json", f"{name_of(kind)!r:.80} is no container")
    module: Any = kind()
    for name, form in children.items():
        torch.nn.Module.add_module(module, str(name), build(form, find))
    return module


def _decode(torch: Any, value: Any, find: Find) -> Any:
    if isinstance(value, list):
        return [_decode(torch, item, find) for item in value]
    if not isinstance(value, dict):
        return value
    tag, inner = _tag(value)
    if tag == "tuple":
        return tuple(_decode(torch, item, find) for item in inner)
    if tag == "dict":
        return {key: _decode(torch, item, find) for key, item in inner.items()}
    if tag == "module":
        return build(inner, find)
    if tag == "dtype" and isinstance(getattr(torch, str(inner), None), torch.dtype):
        return getattr(torch, inner)
    owner, _, label = str(inner).partition(":")
    if tag == "function" and owner in _FUNCTIONS and label.isidentifier():
        function = getattr(importlib.import_module(owner), label, None)
        if inspect.isroutine(function) and label in _ACTIVATIONS:
            return function
    raise DamagedModel("model.json", f"the argument {value!r:.80} cannot be read")


def _tag(value: dict[str, Any]) -> tuple[str, Any]:
    if len(value) != 1:
        raise DamagedModel("model.json", f"the argument {value!r:.80} cannot be read")
    return next(iter(value.items()))


_ACTIVATIONS = frozenset(
    {
        *("celu", "elu", "gelu", "glu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu"),
        *("logsigmoid", "log_softmax", "mish", "prelu", "relu", "relu6", "rrelu", "selu", "silu"),
        *("sigmoid", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh"),
        *("tanhshrink", "threshold", "sin", "cos", "exp", "abs", "square", "identity"),
    }
)


# -- checking a guess
def _build_empty(form: dict[str, Any], module: Any) -> Any:
    torch = need("torch", "building a module")

    def find(owner: str, qualname: str) -> Any:
        kind = type(module)
        if (kind.__module__, kind.__qualname__) == (owner, qualname):
            return kind
        return find_installed(owner, qualname)

    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return build(form, find)
        except InvalidInput:  # some constructors read their tensors
            return build(form, find)


def _difference(module: Any, again: Any) -> str:
    kept, built = (dict(_shapes(each)) for each in (module, again))
    missing = sorted(set(kept) - set(built))
    unknown = sorted(set(built) - set(kept))
    if missing or unknown:
        return f"its state has {missing[:3] or 'nothing'} but not {unknown[:3] or 'more'}"
    for key, shape in kept.items():
        if built[key] not in {None, shape}:
            return f"{key!r} has shape {shape}, built was {built[key]}"
    for (name, one), (_, other) in zip(
        module.named_modules(), again.named_modules(), strict=False
    ):
        if type(one) is not type(other) and not hasattr(other, "cls_to_become"):
            return f"{name!r} is a {type(one).__name__}, built was {type(other).__name__}"
    return ""


def _shapes(module: Any) -> Iterator[tuple[str, Any]]:
    torch = need("torch", "describing a module")
    for key, value in module.state_dict().items():
        lazy = isinstance(value, torch.nn.parameter.UninitializedTensorMixin)
        plain = isinstance(value, torch.Tensor) and not lazy
        yield key, tuple(value.shape) if plain else None


def _shown(form: dict[str, Any]) -> str:
    with contextlib.suppress(KeyError):
        return f"({', '.join(f'{name}={value!r:.40}' for name, value in form['args'].items())})"
    return ""
