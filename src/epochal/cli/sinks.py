"""Files that an export can become: Parquet, CSV and JSON lines.

CSV writes floats so that they read back to the same bits (``nan``, ``inf``, ``-0.0``), leaves
absent values empty and times in ISO 8601 with microseconds. JSON lines leave absent values out and
write NaN and infinities as strings, as the wire does. Parquet keeps bits, types and nulls.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import IO, Any, Protocol

import msgspec
import numpy as np

from epochal.api.frames import Column, load_optional, to_arrow
from epochal.cli.sheet import Layout
from epochal.domain.values import number_to_json

ROW_GROUP = 1_048_576


class Sink(Protocol):
    """Takes parts of a table, each with all columns of the layout, in order."""

    def add(self, sheet: Mapping[str, Column]) -> None:
        """Write rows."""
        ...

    def close(self) -> None:
        """Write what ends the file; the file itself stays open."""
        ...


class CsvSink:
    """Comma-separated text in UTF-8 with a head line."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._names = layout.columns
        self._writer.writerow(self._names)

    def add(self, sheet: Mapping[str, Column]) -> None:
        """Write rows."""
        lists = [_python_values(sheet[name]) for name in self._names]
        self._writer.writerows(zip(*lists, strict=True))

    def close(self) -> None:
        """Write out what is buffered."""
        self._text.flush()
        self._text.detach()


class JsonlSink:
    """One JSON object per line."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        self._file = file
        self._names = layout.columns

    def add(self, sheet: Mapping[str, Column]) -> None:
        """Write rows."""
        encode = msgspec.json.Encoder().encode
        lists = [_json_values(sheet[name]) for name in self._names]
        for row in zip(*lists, strict=True):
            named = zip(self._names, row, strict=True)
            content = {name: value for name, value in named if value is not None}
            self._file.write(encode(content) + b"\n")

    def close(self) -> None:
        """Write out what is buffered."""
        self._file.flush()


class ParquetSink:
    """Parquet with the encodings that fit: deltas for steps and times, split bytes for floats."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        pa: Any = load_optional("pyarrow", "arrow")
        pq: Any = load_optional("pyarrow.parquet", "arrow")
        self._schema = pa.schema(
            [(name, _arrow_type(pa, name, layout)) for name in layout.columns]
        )
        texts = [name for name in ("run", "key") if name in layout.columns]
        encodings = {
            field.name: "BYTE_STREAM_SPLIT"
            if field.type == pa.float64()
            else "DELTA_BINARY_PACKED"
            for field in self._schema
            if field.name not in texts
        }
        self._writer = pq.ParquetWriter(
            file,
            self._schema,
            compression="zstd",
            use_dictionary=texts,
            column_encoding=encodings,
        )

    def add(self, sheet: Mapping[str, Column]) -> None:
        """Write rows, as row groups of up to 1,048,576."""
        ordered = {name: sheet[name] for name in self._schema.names}
        table = to_arrow(ordered).cast(self._schema, safe=False)
        self._writer.write_table(table, row_group_size=ROW_GROUP)

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


SINKS: Mapping[str, Callable[[IO[bytes], Layout], Sink]] = {
    "parquet": ParquetSink,
    "csv": CsvSink,
    "jsonl": JsonlSink,
}
"""By the name of the format, which is also the usual suffix."""


def _arrow_type(pa: Any, name: str, layout: Layout) -> Any:
    if name in ("run", "key"):
        return pa.string()
    if name == "time":
        return pa.timestamp("us", tz="UTC")
    return pa.int64() if name == "step" or name in layout.integers else pa.float64()


def _python_values(column: Column) -> list[Any]:
    """Python values with None where there is none; times as ISO 8601 text."""
    if column.kind == "object":
        return list(column.values)
    if column.kind == "time":
        stamps = column.values.astype("datetime64[us]")
        values: list[Any] = np.datetime_as_string(stamps, unit="us", timezone="UTC").tolist()
    else:
        values = column.values.tolist()
    if column.present is not None:
        for index in np.flatnonzero(~column.present).tolist():
            values[index] = None
    return values


def _json_values(column: Column) -> list[Any]:
    values = _python_values(column)
    if column.kind == "value" and column.values.dtype == np.float64:
        for index in np.flatnonzero(~np.isfinite(column.values)).tolist():
            if values[index] is not None:
                values[index] = number_to_json(values[index])
    return values
