"""Tables with typed columns; cells may be media."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from epochal.domain.table import MAX_COLUMNS, encode_table, join_types, preview
from epochal.errors import InvalidInput
from epochal.media.cells import CellParts, read_cell, type_of
from epochal.media.draft import Draft, Part
from epochal.media.optional import numpy

COLUMNS = ("Input", "Output", "Expected")
MAX_ROWS = 10_000_000


class Table:
    """A table to log.

    A column's type follows from its cells; see `epochal.domain.table`.

    Args:
        columns: names; ``Input, Output, Expected`` by default.
        data: rows, a list of lists; or a 2-d array; or a pandas DataFrame.
        rows: the same as ``data``.
        dataframe: a pandas DataFrame, whose columns are taken.
        dtype: accepted for compatibility, as are the others that W&B has.

    Raises:
        InvalidInput: a row has not one cell per column, or a name stands twice.

    Example:
        >>> table = epochal.Table(columns=["image", "label"])
        >>> table.add_data(epochal.Image(x), 7)
        >>> run.log({"predictions": table})
    """

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        data: Any = None,
        rows: Any = None,
        dataframe: Any = None,
        dtype: Any = None,
        **more: Any,
    ) -> None:
        del dtype, more
        given = data if data is not None else rows
        if dataframe is None and hasattr(given, "iloc"):
            dataframe, given = given, None
        self.columns: list[str] = []
        self.data: list[list[Any]] = []
        self._cells: list[list[Any]] = []
        self._types: list[str | None] = []
        if dataframe is not None:
            self._set_columns(list(dataframe.columns))
            given = zip(*(_column(dataframe[name]) for name in dataframe.columns), strict=True)
        else:
            self._set_columns(list(COLUMNS if columns is None else columns))
        for row in () if given is None else given:
            self.add_data(*_row(row))

    def add_data(self, *cells: Any) -> None:
        """Add a row.

        Raises:
            InvalidInput: it has not one cell per column, or a cell is media that cannot be shown.
        """
        if len(cells) != len(self.columns):
            raise InvalidInput(
                f"a row of this table has {len(self.columns)} cells "
                f"({', '.join(self.columns)[:120]}), got {len(cells)}"
            )
        if len(self._cells) >= MAX_ROWS:
            raise InvalidInput(f"a table has at most {MAX_ROWS:,} rows")
        kept = [read_cell(cell) for cell in cells]
        self._types = [
            join_types(known, type_of(cell)) for known, cell in zip(self._types, kept, strict=True)
        ]
        self._cells.append(kept)
        self.data.append(list(cells))

    def add_row(self, *cells: Any) -> None:
        """The same as `add_data`."""
        self.add_data(*cells)

    def add_column(self, name: str, data: Any, optional: bool = False) -> None:
        """Add a column.

        Args:
            name: a new name.
            data: one cell per row.
            optional: accepted for compatibility.

        Raises:
            InvalidInput: the name is taken, or there is not one cell per row.
        """
        del optional
        cells = list(data)
        if self.columns and len(cells) != len(self._cells):
            raise InvalidInput(
                f"column {name!r} needs one cell per row, {len(self._cells)}, got {len(cells)}"
            )
        kept = [read_cell(cell) for cell in cells]
        if not self.columns:
            self.data, self._cells = [[] for _ in cells], [[] for _ in cells]
        types = self._types
        self._set_columns([*self.columns, name])
        kind: str | None = None
        for index, cell in enumerate(kept):
            kind = join_types(kind, type_of(cell))
            self._cells[index].append(cell)
            self.data[index].append(cells[index])
        self._types = [*types, kind]

    def get_column(self, name: str, convert_to: str | None = None) -> Any:
        """The cells of a column as they were given.

        Args:
            name: the column.
            convert_to: ``"numpy"`` for an array.

        Raises:
            InvalidInput: there is no such column.
        """
        if name not in self.columns:
            raise InvalidInput(f"there is no column {name!r}; there are {', '.join(self.columns)}")
        index = self.columns.index(name)
        cells = [row[index] for row in self.data]
        return numpy().array(cells) if convert_to == "numpy" else cells

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """Number and cells of every row."""
        yield from enumerate(self.data)

    def __len__(self) -> int:
        return len(self._cells)

    def __epochal_media__(self) -> list[Draft]:
        """See `epochal.media.draft`."""
        places = CellParts()
        types = [kind or "mixed" for kind in self._types]
        if any(isinstance(cell, Draft) for row in self._cells for cell in row):
            rows = [[places.place(cell) for cell in row] for row in self._cells]
        else:
            rows = self._cells
        meta = {"columns": self.columns, "types": types, "rows": len(rows)}
        data = Part("copy.jsonl", encode_table(self.columns, types, rows))
        return [Draft("table", {**meta, "preview": preview(rows)}, {"data": data, **places.parts})]

    def _set_columns(self, names: Iterable[Any]) -> None:
        columns = [str(name)[:1024] for name in names]
        unlike = dict.fromkeys(columns)
        if len(unlike) < len(columns) or len(columns) > MAX_COLUMNS:
            raise InvalidInput(
                f"a table has at most {MAX_COLUMNS:,} columns with different names, got "
                f"{len(columns):,} with {len(unlike):,} names: {', '.join(unlike)[:200]}"
            )
        self.columns = columns
        self._types = [None] * len(columns)


def _column(series: Any) -> list[Any]:
    """The cells of a pandas column; missing ones are None, but NaN among floats is a number."""
    if getattr(series.dtype, "kind", "O") == "f":
        return list(series)
    pairs = zip(series, series.isna(), strict=True)
    return [None if missing else cell for cell, missing in pairs]


def _row(row: Any) -> Iterable[Any]:
    if isinstance(row, (str, bytes)) or not isinstance(row, Iterable):
        raise InvalidInput(f"data is a list of rows, and a row a list of cells, got {row!r:.80}")
    return list(row)
