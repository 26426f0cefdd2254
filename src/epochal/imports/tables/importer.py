"""Tables brought into a home: a run per file, or per name in a column of runs.

Every import looks at the whole file once, for where the rows of each run are; what is here already
is then compared and what is new appended, see `epochal.imports.carrier`.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.domain.names import MAX_NAME, check_name
from epochal.domain.record import Attributes, Config, Environment, Fact
from epochal.domain.values import flatten
from epochal.errors import EpochalError, InvalidInput, NotFound
from epochal.imports.carrier import Progress, real_path
from epochal.imports.found import Content, FoundRun, Item
from epochal.imports.source_importer import SourceImporter
from epochal.imports.tables.reading import KINDS, Placed, Table
from epochal.imports.tensorboard.naming import project_of, run_id_of
from epochal.imports.values import is_too_great, items_of, read_cell, read_step, read_time
from epochal.imports.yaml import read_yaml

STEPS: Final = ("step", "_step", "global_step", "iteration", "iter", "epoch")
TIMES: Final = ("time", "timestamp", "_timestamp", "wall_time", "datetime", "date")
RUNS: Final = ("run", "run_id", "run_name")
LIGHTNING: Final = "metrics.csv"
HPARAMS: Final = "hparams.yaml"
_KEPT_AS_SERIES: Final = frozenset({"epoch"})


class Axes(msgspec.Struct, frozen=True):
    """Names of columns with a meaning; None: found by their usual names."""

    step: str | None = None
    time: str | None = None
    run: str | None = None


class _Stretches(msgspec.Struct):
    """Where the rows of a run are, and when they were logged."""

    places: list[tuple[int, int, int]] = []
    """First byte, last byte, and the number of the first row."""
    rows: int = 0
    first_us: int = 0
    last_us: int = 0


class Importer(SourceImporter):
    """One import of a file, or of all tables below a directory.

    Args:
        home: the home.
        place: a file; or a directory, such as one of Lightning's CSVLogger.
        kind: ``csv`` or ``jsonl``.
        project: where the runs go; by default named after the directory.
        axes: which columns are what.

    Raises:
        NotFound: there is nothing, or no table below the directory.
        Unavailable: another process imports the same.
    """

    def __init__(
        self,
        home: Path,
        place: str | os.PathLike[str],
        kind: str,
        project: str | None = None,
        axes: Axes | None = None,
    ) -> None:
        self.source = real_path(place)
        self._kind = kind
        self._axes = axes or Axes()
        self._files = find_tables(self.source, kind)
        is_file = os.path.isfile(self.source)
        self._root = os.path.dirname(self.source) if is_file else self.source
        self._project = check_name(project or project_of(self._root), "project name")
        chosen = ":".join(repr(name) for name in msgspec.structs.astuple(self._axes))
        super().__init__(home, f"{kind}:{self.source}:{project or ''}:{chosen}")

    def carry(self, progress: Progress | None = None) -> None:
        """Bring in all rows; again, only what is new.

        Raises:
            Unavailable: there is no room; again goes on.
            OSError: the home cannot be written.
        """
        runs: list[FoundRun] = []
        for path in self._files:
            try:
                runs += self._look(path)
            except EpochalError as error:
                self.outcome.problems.append(str(error))
        self.carrier.carry_all(runs, len(runs), progress)

    def _look(self, path: Path) -> Iterator[FoundRun]:
        table = KINDS[self._kind](path)
        below = os.path.relpath(path, self._root)
        note = f"time/{below}"
        stamp = int(self.carrier.notes().get(note) or path.stat().st_mtime_ns // 1000)
        reading = _Reading(table, self._axes, stamp)
        is_lightning = path.name == LIGHTNING
        place = os.path.dirname(below) or "." if is_lightning else below
        for name, stretches in reading.index().items():
            inner = f"{place}\0{name}" if name else place
            shown = name or (place if place != "." else os.path.basename(self._root))
            facts = path.stat()
            content = _Content(reading, stretches, path, shown, {note: str(stamp)})
            yield FoundRun(
                key=inner,
                project=self._project,
                run_id=_run_id(self._root, inner, shown),
                name=shown[:MAX_NAME],
                fingerprint=f"{facts.st_size}:{facts.st_mtime_ns}:{_mark(path)}",
                read=content.read,
            )
        self.outcome.problems += table.problems
        self.outcome.left += reading.left


def _run_id(root: str, inner: str, shown: str) -> str:
    if "\0" not in inner:
        return run_id_of(root, inner)
    digest = hashlib.blake2b(f"{root}\0{inner}".encode("utf-8", "surrogatepass")).hexdigest()
    readable = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in shown)
    return f"{readable.strip('-.')[:100] or 'run'}-{digest[:8]}"


def _mark(path: Path) -> str:
    """Changes when the hyperparameters beside a table do."""
    try:
        facts = path.with_name(HPARAMS).stat()
    except OSError:
        return ""
    return f"{facts.st_size}:{facts.st_mtime_ns}"


class _Reading:
    """Rows of a table with their meaning; ``stamp`` is the time of rows that do not say.

    ``left`` tells what has no place in a series or as a step, of the last index.
    """

    def __init__(self, table: Table, axes: Axes, stamp: int) -> None:
        self.table = table
        self.left: Counter[str] = Counter()
        self._stamp = stamp
        self._is_named = axes.step is not None
        names = table.names or next((list(row.values) for row in table.rows()), [])
        self._step = _choose(axes.step, STEPS, names, table.path, "step")
        self._time = _choose(axes.time, TIMES, names, table.path, "time")
        self._run = _choose(axes.run, RUNS, names, table.path, "run")
        is_long = {"key", "value"} <= set(names)
        self._key = "key" if is_long else None

    def index(self) -> dict[str, _Stretches]:
        """Where the rows of each run are; the empty name stands for a file without runs."""
        self.table.forget()
        self.left.clear()
        found: dict[str, _Stretches] = {}
        last = None
        for row in self.table.rows():
            if not self._is_named and self._is_between_steps(row):
                return self._count_instead(row)
            self._judge(row)
            name = str(row.values.get(self._run) or "") if self._run else ""
            stretches = found.setdefault(name, _Stretches())
            wall = self.wall_us(row)
            stretches.first_us = min(stretches.first_us or wall, wall)
            stretches.last_us = max(stretches.last_us, wall)
            if last == name and stretches.places[-1][1] == row.start:
                start, _, first = stretches.places[-1]
                stretches.places[-1] = (start, row.end, first)
            else:
                stretches.places.append((row.start, row.end, stretches.rows))
            stretches.rows += 1
            last = name
        return found

    def _is_between_steps(self, row: Placed) -> bool:
        cell = row.values.get(self._step) if self._step else None
        return isinstance(cell, float) and math.isfinite(cell) and not cell.is_integer()

    def _count_instead(self, row: Placed) -> dict[str, _Stretches]:
        """The index when a column that is called like steps holds something else."""
        name, self._step = self._step or "", None
        found = self.index()
        self.left[
            f"the column {name!r} of {self.table.path} as steps: {row.values[name]!r} in "
            f"{self._line_of(row)} is no whole number, so rows are counted and the column is "
            f"a series; name another one with --step"
        ] += 1
        return found

    def _judge(self, row: Placed) -> None:
        """Tell what of a row has no place."""
        if self._step_of(row, 0) is None:
            step = f"{self._step} {row.values[self._step or '']!r}"
            self.table.tell(
                f"{self._line_of(row)}: {step} is no whole number "
                f"of 64 bits, as a step must be; the row is left out: mend it and import again"
            )
        values = row.values if self.table.names else dict(flatten(row.values))
        for name, value in values.items():
            if is_too_great(value) and name != self._step:
                self.left[
                    f"integers past 64 bits in the series {name!r} of {self.table.path}; "
                    f"they are kept as texts, with all digits"
                ] += 1

    def _line_of(self, row: Placed) -> str:
        return f"line {row.line + self.table.heading:,}"

    def wall_us(self, row: Placed) -> int:
        """When a row was logged; the file's first known time when it does not say."""
        found = read_time(row.values.get(self._time)) if self._time else None
        return self._stamp if found is None else found

    def stream(self, stretches: _Stretches) -> Iterator[Item]:
        """The items of a run."""
        with self.table.open() as file:
            for start, end, number in stretches.places:
                for count, row in enumerate(self.table.rows_of(file, start, end), number):
                    step = self._step_of(row, count)
                    if step is not None:
                        yield from items_of(step, self.wall_us(row), self._values(row.values))

    def _step_of(self, row: Placed, count: int) -> int | None:
        """The step; ``count`` when the row says none, None when what it says is no step."""
        cell = row.values.get(self._step) if self._step else None
        if isinstance(cell, str):
            cell = read_cell(cell)
        return count if cell is None else read_step(cell)

    def _values(self, row: dict[str, Any]) -> dict[str, Any]:
        if self._key is not None:
            return {str(row.get("key")): row.get("value")}
        axes = {self._step, self._time, self._run} - _KEPT_AS_SERIES
        return {
            name: value for name, value in row.items() if name not in axes and value is not None
        }


def _choose(
    given: str | None, usual: tuple[str, ...], names: list[str], path: Path, what: str
) -> str | None:
    """The column with a meaning.

    Raises:
        InvalidInput: the named one is not there.
    """
    if given is None:
        return next((name for name in usual if name in names), None)
    if given not in names:
        raise InvalidInput(
            f"{path} has no column {given!r} for --{what}; its columns are {', '.join(names)}"
        )
    return given


class _Content:
    """A run of a table, to be read."""

    def __init__(
        self,
        reading: _Reading,
        stretches: _Stretches,
        path: Path,
        name: str,
        notes: dict[str, str],
    ) -> None:
        self._notes = notes
        self._reading = reading
        self._stretches = stretches
        self._path = path
        self._name = name

    def read(self) -> Content:
        found = self._stretches
        facts: list[Fact] = [
            Attributes(found.first_us, {"name": self._name[:MAX_NAME]}),
            Environment(found.first_us, {"imported": {"file": str(self._path)}}),
        ]
        problems = []
        hparams = self._path.with_name(HPARAMS)
        if self._path.name == LIGHTNING and hparams.is_file():
            try:
                facts.append(Config(found.first_us, read_yaml(hparams)))
            except EpochalError as error:
                problems.append(str(error))
        return Content(
            started_us=found.first_us,
            ended_us=found.last_us,
            state="finished",
            facts=facts,
            stream=lambda: self._reading.stream(found),
            notes=self._notes,
            problems=problems,
        )


def find_tables(place: str, kind: str) -> list[Path]:
    """The file itself; or below a directory all of Lightning's, or else all with the suffix.

    Raises:
        NotFound: there is none.
    """
    if not os.path.exists(place):
        raise NotFound(f"there is no file or directory {place}")
    if os.path.isfile(place):
        return [Path(place)]
    found = [
        Path(directory, name)
        for directory, _, files in sorted(os.walk(place))
        for name in sorted(files)
        if name.endswith(f".{kind}")
    ]
    chosen = [path for path in found if path.name == LIGHTNING] or found
    if not chosen:
        raise NotFound(f"there is no file *.{kind} below {place}")
    return chosen
