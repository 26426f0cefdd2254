"""Many runs, found by a condition, read page by page as they are needed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, overload

import msgspec
import numpy as np

from epochal.api import frames
from epochal.api.frames import Column
from epochal.api.question import GetRun, ListKeys, QueryRuns, Source
from epochal.api.runview import RunView
from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.view import RunDetail, RunPage, RunQuery, RunRow
from epochal.errors import NotFound

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

PAGE = 500
DETAILS = 32
COLUMNS_PER_REQUEST = 400
_TIMES = ("created", "ended")
_PLAIN = ("id", "name", "state", "group", "job_type", "host", "exit_code", "last_step", "uid")


def quoted(scope: str, key: str) -> str:
    """The column ``scope.key`` as the ``where`` grammar spells it, whatever the key holds."""
    text = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{scope}["{text}"]'


class Runs:
    """The runs of a project that meet a condition, in order; a sequence of `RunView`.

    ``len(runs)`` is the number of matching runs. Pages that were read are kept; ask again with
    `epochal.runs` for what is new.

    Args:
        source: where to read.
        query: project, condition and order.
        limit: how many runs at most; None for all.
    """

    def __init__(self, source: Source, query: RunQuery, limit: int | None = None) -> None:
        self._source = source
        self._query = query
        self._limit = limit
        self._rows: list[RunRow] = []
        self._cursor: str | None = None
        self._matched = -1
        self._details: dict[str, RunDetail] = {}

    def __repr__(self) -> str:
        where = f" where {self._query.where}" if self._query.where else ""
        return f"<{len(self)} runs of {self._query.project}{where}>"

    def __len__(self) -> int:
        if self._matched < 0:
            self._read_page()
        return self._matched if self._limit is None else min(self._matched, self._limit)

    def __iter__(self) -> Iterator[RunView]:
        index = 0
        while self._reach(index):
            yield self._view(index)
            index += 1

    @overload
    def __getitem__(self, index: int) -> RunView: ...
    @overload
    def __getitem__(self, index: slice) -> list[RunView]: ...
    def __getitem__(self, index: int | slice) -> RunView | list[RunView]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if place < 0 or not self._reach(place):
            raise IndexError(f"there are {len(self)} runs; there is none at {index}")
        return self._view(place)

    def to_pandas(self, columns: Iterable[str] | None = None) -> pandas.DataFrame:
        """One row per run, see `table`; needs the extra ``pandas``."""
        return frames.to_pandas(self.table(columns))

    def to_arrow(self, columns: Iterable[str] | None = None) -> pyarrow.Table:
        """One row per run, see `table`; needs the extra ``arrow``."""
        return frames.to_arrow(self.table(columns))

    def to_polars(self, columns: Iterable[str] | None = None) -> polars.DataFrame:
        """One row per run, see `table`; needs the extra ``polars``."""
        return frames.to_polars(self.table(columns))

    def table(self, columns: Iterable[str] | None = None) -> dict[str, Column]:
        """The columns of the frames: facts of each run, then what was asked for; absent is None.

        Args:
            columns: as ``where`` and the page spell them, such as ``config.lr`` and
                ``min(val/loss)``; by default all of ``config.*`` and ``summary.*``.

        Raises:
            QuerySyntaxError: a column does not follow the grammar.
        """
        if columns is not None:
            chosen = list(dict.fromkeys(columns))
            rows, values = self._read_columns(chosen)
            found = _facts(rows)
            for name in chosen:  # a fact keeps its kind: a time is a time
                found.setdefault(name, Column(values[name], kind="object"))
            return found
        with self._source.session():
            keys = self._source.ask(ListKeys(self._query.entity, self._query.project))
            summary = {use.key for use in keys.summary} | {
                use.key for use in keys.metrics if not use.key.startswith(SYSTEM_PREFIX)
            }
            names = {f"config.{use.key}": quoted("config", use.key) for use in keys.config}
            names |= {f"summary.{key}": quoted("summary", key) for key in sorted(summary)}
            rows, values = self._read_columns(list(names.values()))
        found = _facts(rows)
        for name, asked_as in names.items():
            if any(value is not None for value in values[asked_as]):
                found[name] = Column(values[asked_as], kind="object")
        return found

    def _read_columns(self, asked: list[str]) -> tuple[list[RunRow], dict[str, list[Any]]]:
        """Read these columns for all runs; every part of them asks for the same pages."""
        rows: list[RunRow] = []
        values: dict[str, list[Any]] = {name: [] for name in asked}
        cursor: str | None = None
        while self._limit is None or len(rows) < self._limit:
            page = self._ask(cursor, asked[:COLUMNS_PER_REQUEST])
            for start in range(COLUMNS_PER_REQUEST, len(asked), COLUMNS_PER_REQUEST):
                part = asked[start : start + COLUMNS_PER_REQUEST]
                page.columns.update(self._ask_again(page, part))
            take = len(page.runs) if self._limit is None else self._limit - len(rows)
            rows += page.runs[:take]
            for name in asked:
                values[name] += page.columns[name][:take]
            cursor = page.cursor
            if cursor is None or not page.runs:
                break
        return rows, values

    def _ask_again(self, page: RunPage, part: list[str]) -> dict[str, list[Any]]:
        """More columns of exactly the runs of ``page``, in its order."""
        uids = [row.uid for row in page.runs]
        query = msgspec.structs.replace(
            self._query, where="", ids=uids, limit=len(uids), columns=part, archived=True
        )
        other = self._source.ask(QueryRuns(query))
        place = {row.uid: index for index, row in enumerate(other.runs)}
        return {
            name: [other.columns[name][place[uid]] if uid in place else None for uid in uids]
            for name in part
        }

    def _ask(self, cursor: str | None, columns: list[str]) -> RunPage:
        query = msgspec.structs.replace(self._query, limit=PAGE, cursor=cursor, columns=columns)
        return self._source.ask(QueryRuns(query))

    def _reach(self, index: int) -> bool:
        """Read pages until the run at ``index`` is known; False when there is none."""
        while index < len(self) and index >= len(self._rows):
            before = len(self._rows)
            self._read_page()
            if len(self._rows) == before:
                return False
        return index < len(self)

    def _view(self, index: int) -> RunView:
        return RunView(self._source, self._rows[index], lambda uid: self._detail(uid, index))

    def _detail(self, uid: str, index: int) -> RunDetail:
        """The details of a run, read together with those of the runs after it."""
        known = self._details.pop(uid, None)
        if known is not None:
            return known
        after = [row.uid for row in self._rows[index + 1 : index + DETAILS]]
        with self._source.session():
            found = self._source.ask(GetRun(uid))
            self._details = {}
            for other in after:
                with contextlib.suppress(NotFound):
                    self._details[other] = self._source.ask(GetRun(other))
        return found

    def _read_page(self) -> None:
        if self._matched >= 0 and self._cursor is None:
            return
        page = self._ask(self._cursor, [])
        self._rows += page.runs
        self._cursor = page.cursor
        if self._matched < 0:
            self._matched = page.matched


def _facts(rows: list[RunRow]) -> dict[str, Column]:
    columns = {name: Column([getattr(r, name) for r in rows], kind="object") for name in _PLAIN}
    columns["state"] = Column([str(row.state) for row in rows], kind="object")
    for name in _TIMES:
        times = [getattr(row, f"{name}_us") for row in rows]
        columns[name] = Column(
            np.array([0 if time is None else time for time in times], np.int64),
            np.array([time is not None for time in times], np.bool_),
            "time",
        )
    ends = [row.updated_us if row.ended_us is None else row.ended_us for row in rows]
    seconds = [(end - row.created_us) / 1e6 for end, row in zip(ends, rows, strict=True)]
    columns["duration"] = Column(np.array(seconds, np.float64))
    columns["tags"] = Column([list(row.tags) for row in rows], kind="object")
    columns["notes"] = Column([row.notes for row in rows], kind="object")
    return columns
