"""What goes into a model and what comes out of it, as values that can be compared and written.

The JSON is MLflow's own, so either program reads what the other wrote. A size of -1 in a shape
stands for any size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from epochal.errors import InvalidInput

COLUMN_TYPES = frozenset(
    {
        *("boolean", "integer", "long", "float", "double", "string", "binary", "datetime"),
        *("array", "object", "map", "any"),
    }
)
TENSOR_TYPES = frozenset(
    {
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "bfloat16", "complex64", "complex128"),
        *("str", "bytes", "object", "datetime64", "datetime64[ns]", "timedelta64[ns]"),
    }
)


class TensorSpec(msgspec.Struct, frozen=True):
    """One tensor.

    Args:
        dtype: its name in NumPy, such as ``float32``, or ``bfloat16``.
        shape: sizes; -1 stands for any.
        name: key or parameter; None when the model takes or gives a single tensor.
    """

    dtype: str
    shape: tuple[int, ...]
    name: str | None = None

    def __post_init__(self) -> None:
        if self.dtype not in TENSOR_TYPES and not self.dtype.startswith(("float8", "datetime64")):
            raise InvalidInput(
                f"a tensor's dtype is named as in NumPy, such as 'float32', got {self.dtype!r}"
            )
        if any(type(size) is not int or size < -1 for size in self.shape):
            raise InvalidInput(f"a shape has sizes >= 0, or -1 for any, got {self.shape!r}")

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    def to_dict(self) -> dict[str, Any]:
        """MLflow's form."""
        named = {} if self.name is None else {"name": self.name}
        spec = {"dtype": self.dtype, "shape": list(self.shape)}
        return {**named, "type": "tensor", "tensor-spec": spec}


class ColumnSpec(msgspec.Struct, frozen=True):
    """One column of a table.

    Args:
        type: ``boolean``, ``integer`` (32 bit), ``long``, ``float``, ``double``, ``string``,
            ``binary``, ``datetime``, ``array``, ``object``, ``map`` or ``any``.
        name: of the column; None when the model takes a single one without a name.
        required: whether the column must be there.
        inner: what lies in an array, object or map, in MLflow's form.
    """

    type: str
    name: str | None = None
    required: bool = True
    inner: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if self.type not in COLUMN_TYPES:
            raise InvalidInput(
                f"a column's type is one of {', '.join(sorted(COLUMN_TYPES))}, got {self.type!r}"
            )

    def __str__(self) -> str:
        return self.type if self.required else f"{self.type} (optional)"

    def to_dict(self) -> dict[str, Any]:
        """MLflow's form."""
        named = {} if self.name is None else {"name": self.name}
        return {"type": self.type, **self.inner, **named, "required": self.required}


class ParamSpec(msgspec.Struct, frozen=True):
    """A setting of ``predict`` with its default; ``shape`` is ``(-1,)`` for a list."""

    name: str
    type: str
    default: Any = None
    shape: tuple[int, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """MLflow's form."""
        shape = None if self.shape is None else list(self.shape)
        return {"name": self.name, "type": self.type, "default": self.default, "shape": shape}


Spec: TypeAlias = TensorSpec | ColumnSpec


class Schema(msgspec.Struct, frozen=True):
    """Tensors or columns, never both; their names are unique."""

    specs: tuple[Spec, ...]

    def __post_init__(self) -> None:
        kinds = {type(spec) for spec in self.specs}
        if len(kinds) != 1:
            raise InvalidInput("a schema holds one or more tensors, or one or more columns")
        names = [spec.name for spec in self.specs]
        if len(names) > 1 and (None in names or len(set(names)) < len(names)):
            raise InvalidInput(f"inputs and outputs need names of their own, got {names}")

    @property
    def is_tensors(self) -> bool:
        """Whether it describes tensors, not columns."""
        return isinstance(self.specs[0], TensorSpec)

    @property
    def names(self) -> list[str]:
        """The names that there are, in order."""
        return [spec.name for spec in self.specs if spec.name is not None]

    def __str__(self) -> str:
        return ", ".join(f"{spec.name}: {spec}" if spec.name else str(spec) for spec in self.specs)

    def to_json(self) -> str:
        """MLflow's form: a JSON list."""
        return json.dumps([spec.to_dict() for spec in self.specs])

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Read MLflow's form.

        Raises:
            InvalidInput: it is none.
        """
        return cls(tuple(_read_spec(item) for item in _read_list(text)))


class Signature(msgspec.Struct, frozen=True):
    """Inputs, outputs and settings of ``predict``; None where nothing is known."""

    inputs: Schema | None = None
    outputs: Schema | None = None
    params: tuple[ParamSpec, ...] = ()

    def to_dict(self) -> dict[str, str | None]:
        """MLflow's form, as it stands in an ``MLmodel`` file."""
        params = json.dumps([spec.to_dict() for spec in self.params]) if self.params else None
        return {
            "inputs": self.inputs.to_json() if self.inputs else None,
            "outputs": self.outputs.to_json() if self.outputs else None,
            "params": params,
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Signature:
        """Read MLflow's form.

        Raises:
            InvalidInput: it is none.
        """
        inputs, outputs = given.get("inputs"), given.get("outputs")
        params = [_read_param(item) for item in _read_list(given.get("params") or "[]")]
        return cls(
            inputs=Schema.from_json(inputs) if inputs else None,
            outputs=Schema.from_json(outputs) if outputs else None,
            params=tuple(params),
        )


def _read_list(text: object) -> Sequence[dict[str, Any]]:
    try:
        return msgspec.json.decode(str(text), type=list[dict[str, Any]])
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"this is no list of inputs or outputs: {error}") from None


def _read_spec(item: dict[str, Any]) -> Spec:
    name, kind = item.get("name"), item.get("type")
    try:
        if kind == "tensor":
            spec = item["tensor-spec"]
            return TensorSpec(spec["dtype"], tuple(spec["shape"]), name)
        known = {"name", "type", "required", "optional"}
        inner = {key: value for key, value in item.items() if key not in known}
        required = item.get("required", not item.get("optional", False))
        return ColumnSpec(str(kind), name, bool(required), inner)
    except (KeyError, TypeError, AttributeError):
        raise InvalidInput(f"this is no input or output of a model: {item!r:.200}") from None


def _read_param(item: dict[str, Any]) -> ParamSpec:
    shape = item.get("shape")
    try:
        kind = item.get("type", item.get("dtype"))
        return ParamSpec(
            name=str(item["name"]),
            type=str(kind),
            default=item.get("default"),
            shape=None if shape is None else tuple(shape),
        )
    except (KeyError, TypeError):
        raise InvalidInput(f"this is no setting of a model: {item!r:.200}") from None
