"""Columns as data frames of pandas, Arrow and Polars, each imported only when asked for.

A value that is absent becomes null where the library has one (Arrow, Polars) and NaN in pandas; a
NaN that was logged stays a NaN. Times are microseconds since 1970 UTC and become timestamps with
the zone UTC. This is the one module of the reading API that imports optional packages.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from epochal.errors import MissingExtra

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Kind = Literal["value", "time", "object"]
Array = npt.NDArray[Any]


class Column(msgspec.Struct, frozen=True):
    """One column of a table.

    Attributes:
        values: a NumPy array; for the kind ``object`` any Python values with None for absent ones.
        present: True where there is a value; None when all are there.
        kind: ``time`` holds int64 microseconds.
    """

    values: Any
    present: Any = None
    kind: Kind = "value"


def load_optional(package: str, extra: str) -> Any:
    """Import a module that an extra brings.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtra(f"this use of {package}", extra) from error


def to_pandas(columns: Mapping[str, Column]) -> pandas.DataFrame:
    """A `pandas.DataFrame`. Needs the extra ``pandas``.

    Raises:
        MissingExtra: pandas is not installed.
    """
    pd = load_optional("pandas", "pandas")
    data = {}
    for name, column in columns.items():
        if column.kind == "time":
            stamps = column.values.astype("datetime64[us]")
            if column.present is not None:
                stamps[~column.present] = np.datetime64("NaT")
            data[name] = pd.Series(stamps).dt.tz_localize("UTC")
        elif column.kind == "object":
            data[name] = pd.Series(column.values, dtype=_plain_dtype(column.values))
        else:
            data[name] = pd.Series(column.values)
    frame: pandas.DataFrame = pd.DataFrame(data)
    return frame


def _plain_dtype(values: list[Any]) -> Any:
    """float64 for numbers with gaps, int64 and bool for columns without, else object."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return bool if None not in values else object
    if kinds == {int} and None not in values:
        return np.int64 if all(-(2**63) <= value < 2**63 for value in values) else object
    return np.float64 if kinds and kinds <= {int, float} else object


def to_arrow(columns: Mapping[str, Column]) -> pyarrow.Table:
    """A `pyarrow.Table`. Needs the extra ``arrow``.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    pa = load_optional("pyarrow", "arrow")
    return pa.table({name: _arrow_array(pa, column) for name, column in columns.items()})


def _arrow_array(pa: Any, column: Column) -> Any:
    if column.kind == "object":
        kinds = {type(value) for value in column.values if value is not None}
        if len(kinds) > 1 and not kinds <= {int, float}:
            return pa.array([None if value is None else str(value) for value in column.values])
        if kinds == {int, float}:
            return pa.array([None if value is None else float(value) for value in column.values])
        return pa.array(column.values)
    mask = None if column.present is None else ~column.present
    # from_pandas=False: a NaN is a value, not a null.
    array = pa.array(column.values, mask=mask, from_pandas=False)
    return array.cast(pa.timestamp("us", tz="UTC")) if column.kind == "time" else array


def to_polars(columns: Mapping[str, Column]) -> polars.DataFrame:
    """A `polars.DataFrame`. Needs the extra ``polars``.

    Raises:
        MissingExtra: polars is not installed.
    """
    pl = load_optional("polars", "polars")
    frame: polars.DataFrame = pl.DataFrame(
        [_polars_series(pl, name, column) for name, column in columns.items()]
    )
    return frame


def _polars_series(pl: Any, name: str, column: Column) -> Any:
    if column.kind == "object":
        return pl.Series(name, column.values, strict=False)
    series = pl.Series(name, column.values)
    if column.kind == "time":
        series = series.cast(pl.Datetime("us", "UTC"))
    if column.present is not None:
        mask = pl.Series(column.present)
        series = pl.select(pl.when(mask).then(series).otherwise(None).alias(name)).to_series()
    return series
