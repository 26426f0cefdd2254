"""Holds what is given to ``predict`` against the signature.

Values pass as they are, or cast where no value can change: int32 to int64, float32 to float64,
numbers of plain lists to what is asked for. Everything else is an error that names the input, what
was given and what was expected. Columns that the model does not ask for are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.errors import InvalidInput
from epochal.models.infer import dtype_of, list_array
from epochal.models.optional import is_array, is_frame, is_series, is_tensor, need
from epochal.models.signature import ColumnSpec, ParamSpec, Schema, TensorSpec

_COLUMN_DTYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
}
_FLOATS = {"float16": 16, "bfloat16": 16, "float32": 32, "float64": 64}


def enforce(schema: Schema, data: Any) -> Any:
    """Check inputs, and cast them where that is safe.

    Returns:
        For tensors the same container with tensors or arrays; for columns a DataFrame with
        exactly the columns of the schema, in its order.

    Raises:
        InvalidInput: an input is missing, unknown, or of another dtype or shape.
    """
    return _tensors(schema, data) if schema.is_tensors else _columns(schema, data)


def enforce_params(specs: tuple[ParamSpec, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with their defaults filled in.

    Raises:
        InvalidInput: a setting is unknown or of another type.
    """
    known = {spec.name: spec for spec in specs}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InvalidInput(
            f"the model has no setting {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(map(repr, known)) or 'none'}"
        )
    types = {"boolean": bool, "integer": int, "long": int, "string": str, "binary": bytes}
    for name, value in given.items():
        spec = known[name]
        values = value if spec.shape else [value]
        expected: Any = types.get(spec.type, (int, float))
        if not isinstance(values, list | tuple) or not all(
            isinstance(item, expected) and (expected is bool or not isinstance(item, bool))
            for item in values
        ):
            wanted = f"a list of {spec.type}" if spec.shape else spec.type
            raise InvalidInput(f"setting {name!r} must be {wanted}, got {value!r:.80}")
    return {spec.name: given.get(spec.name, spec.default) for spec in specs}


# -- tensors
def _tensors(schema: Schema, data: Any) -> Any:
    specs: list[TensorSpec] = [spec for spec in schema.specs if isinstance(spec, TensorSpec)]
    if len(specs) == 1 and specs[0].name is None:
        if isinstance(data, Mapping):
            raise InvalidInput(
                f"the model takes one tensor without a name ({specs[0]}), got a dict with "
                f"{', '.join(map(repr, data)) or 'nothing'}; give the tensor itself"
            )
        return _tensor(specs[0], _frame_array(data, specs[0]))
    if isinstance(data, tuple) or (isinstance(data, list) and _holds_tensors(data)):
        if len(data) != len(specs):
            raise InvalidInput(f"the model takes {len(specs)} inputs ({schema}), got {len(data)}")
        return tuple(_tensor(spec, item) for spec, item in zip(specs, data, strict=True))
    if is_frame(data):
        data = {str(name): data[name].to_numpy() for name in data.columns}
    if not isinstance(data, Mapping):
        if len(specs) == 1:
            return {specs[0].name: _tensor(specs[0], data)}
        raise InvalidInput(
            f"the model takes inputs by name ({schema}), got a {type(data).__name__}; "
            f"give a dict such as {{{specs[0].name!r}: ...}}"
        )
    _check_names(schema, [str(name) for name in data])
    return {spec.name: _tensor(spec, data[spec.name]) for spec in specs}


def _holds_tensors(data: list[Any]) -> bool:
    return bool(data) and all(is_array(item) or is_tensor(item) for item in data)


def _check_names(schema: Schema, given: list[str]) -> None:
    missing = [name for name in schema.names if name not in given]
    unknown = [name for name in given if name not in schema.names]
    if missing or unknown:
        problems = [f"{', '.join(map(repr, missing))} missing"] if missing else []
        problems += [f"{', '.join(map(repr, unknown))} unknown"] if unknown else []
        raise InvalidInput(f"inputs are {' and '.join(problems)}; the model takes {schema}")


def _frame_array(data: Any, spec: TensorSpec) -> Any:
    """Tables come from MLflow's door; their numbers are those of a list."""
    if not is_frame(data) and not is_series(data):
        return data
    array = data.to_numpy()
    if array.dtype == object:
        raise InvalidInput(
            f"the model takes one tensor {spec}, and the table has columns of several types; "
            f"give an array"
        )
    if array.dtype.name != spec.dtype and array.dtype.kind in "fiu" and spec.dtype in _FLOATS:
        return array.astype("float32" if spec.dtype == "bfloat16" else spec.dtype)
    return array


def _tensor(spec: TensorSpec, value: Any) -> Any:
    who = "the input" if spec.name is None else f"input {spec.name!r}"
    plain = not (is_tensor(value) or is_array(value))
    if plain:
        value = _from_list(spec, value, who)
    dtype, shape = dtype_of(value, who)
    if len(shape) != len(spec.shape) or any(
        want not in {-1, got} for want, got in zip(spec.shape, shape, strict=True)
    ):
        raise InvalidInput(
            f"{who} has shape {list(shape)}, expected {list(spec.shape)} (-1 is any size); "
            f"{_shape_advice(spec, shape)}"
        )
    if dtype == spec.dtype or (spec.dtype == "object" and dtype in {"str", "bytes"}):
        return value
    if not _safe(dtype, spec.dtype):
        raise InvalidInput(
            f"{who} has dtype {dtype}, expected {spec.dtype}; a cast could change values, so "
            f"do it yourself: {_cast_advice(value, spec.dtype)}"
        )
    return cast(value, spec.dtype)


def _from_list(spec: TensorSpec, value: Any, who: str) -> Any:
    array = list_array(value, who)
    kinds = {"f": "fiub", "i": "iub", "u": "iub", "b": "b"}
    wanted = "f" if spec.dtype in _FLOATS else {"bool": "b", "str": "s"}.get(spec.dtype, "i")
    if array.dtype.kind not in kinds.get(wanted, ""):
        return array
    if wanted != "i":
        return cast(need("numpy", "reading lists").asarray(value), spec.dtype)
    narrow = array.astype(spec.dtype)
    return narrow if (narrow == array).all() else array


def _safe(given: str, wanted: str) -> bool:
    if given == "bfloat16" or wanted == "bfloat16":
        return given == "bfloat16" and _FLOATS.get(wanted, 0) >= 32
    numpy = need("numpy", "casting")
    try:
        return bool(numpy.can_cast(given, wanted, "safe"))
    except TypeError:
        return False


def cast(value: Any, dtype: str) -> Any:
    """A tensor or array with another dtype, which NumPy may not know."""
    if is_tensor(value):
        return value.to(getattr(need("torch", "casting tensors"), dtype))
    if dtype == "bfloat16":
        torch = need("torch", "bfloat16")
        return torch.as_tensor(value).to(torch.bfloat16)
    return value.astype(dtype)


def _shape_advice(spec: TensorSpec, shape: tuple[int, ...]) -> str:
    if len(shape) + 1 == len(spec.shape):
        return "is the batch axis missing? add it with value[None]"
    return "reshape it, or give a signature with -1 where sizes may differ"


def _cast_advice(value: Any, dtype: str) -> str:
    return f"value.to(torch.{dtype})" if is_tensor(value) else f"value.astype({dtype!r})"


# -- columns
def _columns(schema: Schema, data: Any) -> Any:
    pandas = need("pandas", "a model that takes a table")
    frame = _to_frame(pandas, schema, data)
    specs = [spec for spec in schema.specs if isinstance(spec, ColumnSpec)]
    if len(specs) == 1 and specs[0].name is None:
        return frame
    given = {str(name): name for name in frame.columns}
    missing = [str(spec.name) for spec in specs if spec.required and spec.name not in given]
    if missing:
        raise InvalidInput(
            f"columns are missing: {', '.join(map(repr, missing))}; the model takes {schema}, "
            f"got {', '.join(map(repr, given)) or 'none'}"
        )
    kept = {
        str(spec.name): _column(spec, frame[given[str(spec.name)]])
        for spec in specs
        if spec.name in given
    }
    return pandas.DataFrame(kept, index=frame.index)


def _to_frame(pandas: Any, schema: Schema, data: Any) -> Any:
    if is_frame(data):
        return data
    if is_series(data):
        return data.to_frame()
    if is_tensor(data):
        data = data.detach().cpu().numpy()
    names = schema.names or None
    if is_array(data) or (isinstance(data, list) and data and not isinstance(data[0], Mapping)):
        width = len(schema.specs)
        array = data if is_array(data) else need("numpy", "reading lists").asarray(data)
        if array.ndim == 1 and width == 1:
            array = array[:, None]
        if array.ndim != 2 or array.shape[1] != width:
            raise InvalidInput(
                f"the model takes {width} columns ({schema}), got an array of shape "
                f"{list(array.shape)}; give a DataFrame, or rows of {width} values"
            )
        return pandas.DataFrame(array, columns=names)
    if isinstance(data, Mapping | list):
        scalars = isinstance(data, Mapping) and all(
            isinstance(value, str | int | float | bool) for value in data.values()
        )
        return pandas.DataFrame([data] if scalars else data)
    raise InvalidInput(f"the model takes a table ({schema}), got a {type(data).__name__}")


def _column(spec: ColumnSpec, series: Any) -> Any:
    if spec.required and bool(series.isna().any()):
        raise InvalidInput(
            f"column {spec.name!r} has missing values, and the model needs all of them; "
            f"fill them in, or leave these rows out"
        )
    dtype = _COLUMN_DTYPES.get(spec.type)
    given = str(series.dtype).lower()
    if dtype is None or given == dtype:
        _check_text(spec, series)
        return series
    numeric = given.removesuffix("[pyarrow]")
    if not _safe(numeric, dtype):
        raise InvalidInput(
            f"column {spec.name!r} has dtype {given}, expected {spec.type} ({dtype}); a cast "
            f"could change values, so do it yourself: frame[{spec.name!r}].astype({dtype!r})"
        )
    return series.astype(dtype)


def _check_text(spec: ColumnSpec, series: Any) -> None:
    wanted = {"string": str, "binary": bytes, "array": (list, tuple), "object": dict, "map": dict}
    if spec.type not in wanted or str(series.dtype) == "category":
        return
    expected: Any = wanted[spec.type]
    numpy = need("numpy", "reading columns")
    if spec.type == "array":
        expected = (list, tuple, numpy.ndarray)
    for value in series.dropna():
        if not isinstance(value, expected):
            raise InvalidInput(
                f"column {spec.name!r} holds {value!r:.60} ({type(value).__name__}), "
                f"expected {spec.type}"
            )
