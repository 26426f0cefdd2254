"""Trackio's databases, one per project, brought into a home.

Tables: ``metrics``, ``configs``, ``system_metrics`` and ``alerts`` of ``trackio.sqlite_storage``.
Older versions know runs by their names alone.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from epochal.domain.encode import type_of
from epochal.domain.names import MAX_NAME, SYSTEM_PREFIX, check_name, clean_key
from epochal.domain.record import (
    Attributes,
    Config,
    Environment,
    Event,
    Fact,
    Media,
    MediaItem,
    Text,
)
from epochal.domain.table import encode_table, join_types, preview, type_of_cell
from epochal.errors import EpochalError, NotFound
from epochal.imports.carrier import Progress, real_path
from epochal.imports.found import Content, FoundRun, Item, clamp_step
from epochal.imports.source_importer import SourceImporter
from epochal.imports.sqlite import Source, is_sqlite
from epochal.imports.tensorboard.naming import run_id_of
from epochal.imports.values import items_of, read_time
from epochal.journal.blobs import Blobs

WHAT: Final = "a database of trackio"
MEDIA: Final = "media"
_KINDS: Final = {"trackio.image": "image", "trackio.audio": "audio", "trackio.video": "video"}
_LEVELS: Final = {"info": "info", "warn": "warning", "error": "error"}


def default_place(environment: Mapping[str, str] = os.environ) -> Path:
    """Where trackio keeps its databases unless it is told otherwise."""
    given = environment.get("TRACKIO_DIR")
    cache = environment.get("HF_HOME") or "~/.cache/huggingface"
    return Path(os.path.expanduser(given or f"{cache}/trackio"))


class Importer(SourceImporter):
    """One import of a database, or of all in a directory.

    Args:
        home: the home.
        place: a ``.db`` file, or the directory that holds them.
        project: where all runs go; by default each database is a project.

    Raises:
        NotFound: there is nothing.
        Unavailable: another process imports the same.
    """

    def __init__(
        self, home: Path, place: str | os.PathLike[str], project: str | None = None
    ) -> None:
        self.source = real_path(place)
        self._project = check_name(project, "project name") if project else None
        self._databases = find_databases(self.source)
        super().__init__(home, f"trackio:{self.source}:{project or ''}")

    def carry(self, progress: Progress | None = None) -> None:
        """Bring in all runs; again, only what is new.

        Raises:
            Unavailable: there is no room; again goes on.
            OSError: the home cannot be written.
        """
        runs: list[FoundRun] = []
        for path in self._databases:
            try:
                source = Source(path, WHAT)
                self._closing.callback(source.close)
                source.need("metrics", "id", "timestamp", "run_name", "step", "metrics")
                runs += self._look(path, source)
            except EpochalError as error:
                self.outcome.problems.append(str(error))
        self.carrier.carry_all(runs, len(runs), progress)

    def _look(self, path: Path, source: Source) -> Iterator[FoundRun]:
        column = "run_id" if source.has("metrics", "run_id") else "run_name"
        names = _runs(source, column)
        for id, name in names.items():
            run = _Run(source, path, column, id, name, self.carrier.blobs)
            yield FoundRun(
                key=f"{path.name}\0{id}",
                project=self._project or path.stem,
                run_id=run_id_of(f"{path}\0{id}", name),
                name=name[:MAX_NAME],
                fingerprint=run.fingerprint(),
                read=run.read,
            )
        if traces := source.count("traces"):
            self.outcome.left["traces"] += traces
        if artifacts := source.count("artifacts"):
            self.outcome.left["artifacts of trackio"] += artifacts


def _runs(source: Source, column: str) -> dict[str, str]:
    """Runs in the order in which they began: what they are known by, and their names."""
    found: dict[str, str] = {}
    for table in ("metrics", "configs", "system_metrics"):
        if source.has(table, column, "run_name"):
            query = f"SELECT {column}, run_name FROM {table} GROUP BY 1 ORDER BY min(id)"  # noqa: S608
            for row in source.rows(query):
                found.setdefault(str(row[0]), str(row[1]))
    return found


class _Run:
    """One run of a database."""

    def __init__(
        self, source: Source, path: Path, column: str, id: str, name: str, blobs: Blobs
    ) -> None:
        self._source = source
        self._media = path.parent / MEDIA
        self._column = column
        self._id = id
        self._name = name
        self._blobs = blobs
        self._project = path.stem

    def _rows(self, table: str, columns: str) -> Iterator[Any]:
        if not self._source.has(table, self._column, "id"):
            return iter(())
        query = f"SELECT {columns} FROM {table} WHERE {self._column} = ? ORDER BY id"  # noqa: S608
        return self._source.rows(query, self._id)

    def fingerprint(self) -> str:
        """Counts of rows, and the newest of each kind."""
        marks: list[object] = []
        for table in ("metrics", "configs", "system_metrics", "alerts"):
            marks += [tuple(row) for row in self._rows(table, "count(*), max(id)")]
        marks += [str(row[0]) for row in self._rows("configs", "config")]
        return repr(marks)

    def read(self) -> Content:
        """Everything of the run."""
        times = [
            moment
            for table in ("metrics", "system_metrics")
            for row in self._rows(table, "min(timestamp), max(timestamp)")
            for moment in map(read_time, row)
            if moment is not None
        ]
        started, ended = min(times, default=1), max(times, default=1)
        attributes: dict[str, Any] = {"name": self._name[:MAX_NAME]}
        facts: list[Fact] = []
        for row in self._rows("configs", "config"):
            config = _object(row["config"])
            if group := config.get("_Group"):
                attributes["group"] = str(group)[:MAX_NAME]
            own = {key: value for key, value in config.items() if not key.startswith("_")}
            if own:
                facts.append(Config(started, own))
        facts += [
            Attributes(started, attributes),
            Environment(started, {"trackio": {"run": self._id}}),
        ]
        alerts = [
            Event(
                read_time(row["timestamp"]) or started, _LEVELS.get(row["level"], "info"),
                str(row["title"])[:256], row["text"] or "",
            )
            for row in self._rows("alerts", "timestamp, level, title, text")
        ]  # fmt: skip
        return Content(
            started_us=started,
            ended_us=ended,
            state="finished",
            facts=facts,
            once=alerts,
            stream=self._stream,
            left=Counter(),
        )

    def _stream(self) -> Iterator[Item]:
        """Points and media in the order in which they were logged, then system metrics."""
        for row in self._rows("metrics", "timestamp, step, metrics"):
            wall, step = read_time(row["timestamp"]) or 0, clamp_step(int(row["step"]))
            values = _object(row["metrics"])
            plain = {key: value for key, value in values.items() if not _is_medium(value)}
            yield from items_of(step, wall, plain)
            for key, value in values.items():
                if _is_medium(value):
                    yield self._medium(clean_key(key)[0], step, wall, value)
        for number, row in enumerate(self._rows("system_metrics", "timestamp, metrics")):
            wall = read_time(row["timestamp"]) or 0
            yield from items_of(number, wall, _object(row["metrics"]), SYSTEM_PREFIX)

    def _medium(self, key: str, step: int, wall: int, value: dict[str, Any]) -> Fact:
        """A medium whose file is there; everything else as trackio has it."""
        kind = _KINDS.get(str(value.get("_type")))
        if value.get("_type") == "trackio.table" and isinstance(value.get("_value"), list):
            return Media(key, step, wall, [self._table(value["_value"])])
        path = os.path.realpath(self._media / str(value.get("file_path") or ""))
        below = os.path.realpath(self._media) + os.sep
        if kind is None or not path.startswith(below) or not os.path.isfile(path):
            return Text(key, step, wall, value)
        blob = self._blobs.put_file(Path(path), type_of(os.path.splitext(path)[1]), sync=False)
        meta = {"caption": str(value["caption"])} if value.get("caption") else {}
        return Media(key, step, wall, [MediaItem(kind, meta, {"data": blob})])

    def _table(self, rows: list[Any]) -> MediaItem:
        given = [row for row in rows if isinstance(row, dict)]
        columns = list(dict.fromkeys(str(key) for row in given for key in row))
        cells = [[row.get(name) for name in columns] for row in given]
        types: list[str | None] = [None] * len(columns)
        for row in cells:
            types = [join_types(*pair) for pair in zip(types, map(type_of_cell, row), strict=True)]
        named = [type or "mixed" for type in types]
        data = b"".join(encode_table(columns, named, cells))
        blob = self._blobs.put(data, "application/x-ndjson", sync=False)
        meta = {"columns": columns, "types": named, "rows": len(cells), "preview": preview(cells)}
        return MediaItem("table", meta, {"data": blob})


def _is_medium(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("_type"), str)


def _object(data: object) -> dict[str, Any]:
    """A JSON object; empty when it is none."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def find_databases(place: str) -> list[Path]:
    """The file itself, or all databases directly in a directory, by name.

    Raises:
        NotFound: there is none.
    """
    if os.path.isfile(place):
        return [Path(place)]
    if not os.path.isdir(place):
        raise NotFound(f"there is no file or directory {place}; name trackio's directory")
    found = sorted(path for path in Path(place).glob("*.db") if is_sqlite(path))
    if not found:
        raise NotFound(f"there is no database *.db in {place}; name trackio's directory")
    return found
