"""Tables: Parquet for pandas and polars, Arrow's file format for Arrow tables.

``table.parquet`` or ``table.arrow``; a pandas frame that Parquet cannot hold exactly is refused by
the reason that Arrow gives.
"""

from __future__ import annotations

import io
import sys
from typing import Any

from epochal.errors import InvalidInput, MissingExtra
from epochal.models.optional import need
from epochal.pipelines.serializers.parts import Outbox, Parts

PARQUET = "table.parquet"
ARROW = "table.arrow"


class PandasFrame:
    """DataFrames of pandas with their index and dtypes."""

    name = "pandas"
    kind = "dataset"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        pandas = sys.modules.get("pandas")
        return pandas is not None and type(value) is pandas.DataFrame

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        out.put(PARQUET, self._write(value))

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        return need("pandas", "reading a table").read_parquet(io.BytesIO(parts.read(PARQUET)))

    def _write(self, value: Any) -> bytes:
        pandas = sys.modules["pandas"]
        try:
            data: bytes = value.to_parquet(None, engine="pyarrow")
            same = pandas.read_parquet(io.BytesIO(data)).equals(value)
        except ImportError:
            raise MissingExtra("keeping a pandas table", "arrow") from None
        except (TypeError, ValueError, NotImplementedError, KeyError) as error:
            raise _refusal(value, str(error)) from None
        if not same:
            raise _refusal(value, "Parquet gives other values or dtypes back")
        return data


class PandasSeries:
    """Series of pandas, as a table of one column."""

    name = "pandas_series"
    kind = "dataset"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        pandas = sys.modules.get("pandas")
        return pandas is not None and type(value) is pandas.Series

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        if value.name is not None and not isinstance(value.name, str):
            raise _refusal(value, f"its name {value.name!r} is no text")
        name = "\0unnamed" if value.name is None else value.name
        PandasFrame().save(value.to_frame(name), out)

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        frame = PandasFrame().load(parts)
        series = frame[frame.columns[0]]
        return series.rename(None) if series.name == "\0unnamed" else series


class PolarsFrame:
    """DataFrames of polars."""

    name = "polars"
    kind = "dataset"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        polars = sys.modules.get("polars")
        return polars is not None and type(value) is polars.DataFrame

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        buffer = io.BytesIO()
        value.write_parquet(buffer)
        out.put(PARQUET, buffer.getvalue())

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        return need("polars", "reading a table").read_parquet(io.BytesIO(parts.read(PARQUET)))


class ArrowTable:
    """Tables of Arrow."""

    name = "arrow"
    kind = "dataset"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        pyarrow = sys.modules.get("pyarrow")
        return pyarrow is not None and isinstance(value, pyarrow.Table)

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        pyarrow = sys.modules["pyarrow"]
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_file(sink, value.schema) as writer:
            writer.write_table(value)
        out.put(ARROW, sink.getvalue().to_pybytes())

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        ipc = need("pyarrow.ipc", "reading a table")
        return ipc.open_file(io.BytesIO(parts.read(ARROW))).read_all()


def _refusal(value: Any, reason: str) -> InvalidInput:
    return InvalidInput(
        f"a {type(value).__module__}.{type(value).__name__} cannot be kept as Parquet: "
        f"{reason:.300}; convert such columns to texts or numbers"
    )
