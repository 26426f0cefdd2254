"""``epochal export --format tensorboard|html``: whole runs, written for others."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from epochal.api import RunView
from epochal.cli.terminal import note, print_json, print_line, stderr
from epochal.cli.whole import STDOUT, explain, open_whole
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.exports.page import page_of
from epochal.exports.tensorboard import SUFFIX, file_name, series_of, write_events

_ODD: Final = re.compile(r"[^A-Za-z0-9._=,+ -]+")


class Wanted(msgspec.Struct, frozen=True):
    """What is to be written, and where.

    Attributes:
        place: a path, or ``-``.
        runs: which runs.
        keys: which series; None for all.
        system: system metrics, too.
        force: replace what is there.
        json: tell what was done as JSON.
    """

    place: str
    runs: list[RunView]
    keys: list[str] | None
    system: bool
    force: bool
    json: bool


def write_page(wanted: Wanted) -> None:
    """Write the page of a run.

    Raises:
        InvalidInput: there is more than one run, or the file cannot be written.
        Conflict: the file is there already.
    """
    if len(wanted.runs) != 1:
        count = len(wanted.runs)
        raise InvalidInput(f"a page shows one run, and here are {count}; name one of them")
    (run,) = wanted.runs
    chosen = series_of(run, wanted.keys, system=wanted.system or wanted.keys is None)
    size = 0
    with open_whole(wanted.place, force=wanted.force) as file:
        for piece in page_of(run, chosen):
            size += file.write(piece.encode("utf-8", "replace"))
    if wanted.json:
        print_json({"path": wanted.place, "format": "html", "runs": 1, "bytes": size})
    elif wanted.place != STDOUT:
        print_line(f"{wanted.place}: run {run.name}, {size:,} bytes; open it in a browser")


def write_logdir(wanted: Wanted) -> None:
    """Write a log directory for TensorBoard, a directory in it for each run.

    Raises:
        NotFound: there is no run.
        InvalidInput: it cannot be written.
        Conflict: it is there already.
    """
    if not wanted.runs:
        raise NotFound("nothing to export: there is no run")
    counts: Counter[str] = Counter()
    with _directory(Path(wanted.place), force=wanted.force) as part, _progress() as progress:
        for name, run in progress.track(list(_named(wanted.runs)), description="exporting"):
            folder = part / name
            folder.mkdir(parents=True, exist_ok=True)
            keys = series_of(run, wanted.keys, system=wanted.system)
            with open(folder / file_name(run), "xb") as file:
                counts += write_events(file, run, keys)
                file.flush()
                os.fsync(file.fileno())
    _tell(wanted, counts)


def _tell(wanted: Wanted, counts: Counter[str]) -> None:
    left = counts.pop("left out", 0)
    if left:
        note(f"not written: {left:,} media that TensorBoard has no place for")
    told = {name: count for name, count in counts.items() if count}
    place, runs = wanted.place, len(wanted.runs)
    if wanted.json:
        facts = {"path": place, "format": "tensorboard", "runs": runs}
        print_json({**facts, "counts": told, "left": left})
        return
    what = ", ".join(f"{count:,} {name}" for name, count in told.items()) or "nothing but names"
    print_line(f"{place}: {what} of {runs} runs; see them with: tensorboard --logdir {place}")


def _named(runs: list[RunView]) -> Iterator[tuple[str, RunView]]:
    """A directory's name for each run: its own, with its id where another one has the name."""
    taken = Counter(_clean(run.name) for run in runs)
    for run in runs:
        name = _clean(run.name)
        yield (name if taken[name] == 1 and name else f"{name}-{_clean(run.id)}".strip("-")), run


def _clean(name: str) -> str:
    return _ODD.sub("-", name).strip(" .-")[:120]


@contextlib.contextmanager
def _directory(path: Path, *, force: bool) -> Iterator[Path]:
    """A directory to fill; it, or its files, take their place only when the block ends well."""
    _refuse(path, force=force)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        yield part
        if path.exists():
            _replace(part, path)
        else:
            os.rename(part, path)
    except OSError as error:
        raise explain(path, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _refuse(path: Path, *, force: bool) -> None:
    if path.exists() and not path.is_dir():
        raise InvalidInput(f"{path} is a file; name a directory")
    if path.is_dir() and any(path.iterdir()) and not force:
        raise Conflict(
            f"{path} is there already; add --force to replace what Epochal wrote there, "
            f"or name another directory"
        )


def _replace(part: Path, path: Path) -> None:
    """Put files into a directory; event files of ours that are in their way give way."""
    for folder in sorted(part.iterdir()):
        target = path / folder.name
        target.mkdir(exist_ok=True)
        for old in target.glob(f"events.out.tfevents.*.{SUFFIX}"):
            old.unlink()
        for file in folder.iterdir():
            os.replace(file, target / file.name)


def _progress() -> Progress:
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = stderr()
    return Progress(*parts, console=console, transient=True, disable=not console.is_terminal)
