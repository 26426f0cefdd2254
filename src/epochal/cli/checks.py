"""What `epochal doctor` looks at: each check returns findings and changes nothing.

A check never raises for what it finds; whatever is wrong with a home becomes a finding with
advice.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from epochal._version import __version__
from epochal.api.remote import HttpSource
from epochal.errors import EpochalError, StoreLocked
from epochal.journal.filesystem import NETWORK_TYPES, filesystem_type
from epochal.journal.frame import SUFFIX
from epochal.journal.home import DATABASE, RUNS, ServerAddress, read_server_address
from epochal.journal.reader import JournalReader
from epochal.store.archive import ARCHIVE_SUFFIX, read_archive
from epochal.store.database import Database
from epochal.store.owner import Store, open_store
from epochal.store.reading import Segment
from epochal.store.soundness import check_awaited, check_blobs, check_files

Level = Literal["ok", "note", "warning", "error"]

SEGMENT_SUFFIX = ".eps"
LOW_DISK_BYTES = 1 << 30
CLOCK_SECONDS = 60.0
LOCK_SECONDS = 2.0
BLOB_ADVICE = (
    "restore the file below blobs/ from a backup, or remove it there and log the same bytes again"
)
EXTRAS = (
    ("pandas", "pandas", "history().to_pandas()"),
    ("pyarrow", "arrow", "Arrow tables and Parquet export"),
    ("polars", "polars", "history().to_polars()"),
    ("psycopg", "postgres", "PostgreSQL"),
)


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at, and what to do when it is not well."""

    name: str
    level: Level
    text: str
    advice: str = ""


def check_installation() -> Iterator[Finding]:
    """Versions of Epochal, Python and SQLite, and what is optional."""
    python = platform.python_version()
    yield Finding("epochal", "ok", f"{__version__} on Python {python}, {platform.system()}")
    yield check_sqlite(sqlite_version())
    for module, extra, purpose in EXTRAS:
        if find_spec(module):
            yield Finding(module, "ok", _version_of(module))
        else:
            advice = f"pip install 'epochal[{extra}]' for {purpose}"
            yield Finding(module, "note", "not installed", advice)
    yield from _check_torch()


def sqlite_version() -> str:
    """The version of the SQLite engine that the store uses."""
    with tempfile.TemporaryDirectory() as directory:
        database = Database(Path(directory) / DATABASE)
        try:
            with database.read() as connection:
                return str(connection.exec_driver_sql("SELECT sqlite_version()").scalar_one())
        finally:
            database.close()


def check_sqlite(found: str) -> Finding:
    """Whether the engine has the WAL-reset bug (fixed in 3.51.3, 3.50.7 and 3.44.6)."""
    parts = tuple(int(part) for part in found.split(".")[:3])
    fixed = parts >= (3, 51, 3) or any(
        parts[:2] == line[:2] and parts >= line for line in ((3, 50, 7), (3, 44, 6))
    )
    if fixed:
        return Finding("sqlite", "ok", found)
    return Finding(
        "sqlite",
        "note",
        f"{found} can lose commits when two connections checkpoint at once (WAL-reset bug)",
        "Epochal lets only one connection checkpoint, so its homes are safe; do not write "
        "epochal.db with other tools",
    )


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "installed"


def _check_torch() -> Iterator[Finding]:
    if not find_spec("torch"):
        yield Finding("torch", "note", "not installed", "pip install torch to train with PyTorch")
        return
    found = _version_of("torch")
    build = "CPU only" if found.endswith("+cpu") else "a build that may use CUDA"
    yield Finding("torch", "ok", f"{found} ({build})")
    devices = sum(name.removeprefix("nvidia").isdigit() for name in _entries("/dev"))
    if not devices:
        yield Finding("gpu", "ok", "no NVIDIA GPU on this machine")
    elif found.endswith("+cpu"):
        advice = "install a CUDA build of PyTorch to use them"
        yield Finding("gpu", "note", f"{devices} NVIDIA GPUs, but PyTorch is CPU only", advice)
    else:
        yield Finding("gpu", "ok", f"{devices} NVIDIA GPUs")


def _entries(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def check_home(home: Path) -> Iterator[Finding]:
    """Place, owner, permissions, file system and room."""
    if not home.is_dir():
        advice = "it is made at the first run, or by `epochal init`"
        yield Finding("home", "note", f"there is none at {home} yet", advice)
        return
    facts = home.stat()
    mode = stat.S_IMODE(facts.st_mode)
    if hasattr(os, "getuid") and facts.st_uid != os.getuid():
        text = f"{home} belongs to user {facts.st_uid}, you are {os.getuid()}"
        yield Finding("home", "error", text, "name a home of your own with --home")
    elif mode & 0o077:
        advice = f"chmod 700 {home}"
        yield Finding("home", "warning", f"{home} can be read by others (mode {mode:o})", advice)
    elif not os.access(home, os.W_OK | os.X_OK):
        advice = "nothing can be logged or taken in there; change its mode or remount the disk"
        yield Finding("home", "error", f"{home} cannot be written", advice)
    else:
        yield Finding("home", "ok", str(home))
    kind = filesystem_type(str(home))
    if kind in NETWORK_TYPES:
        advice = "journals use plain appends there; run `epochal server` on one machine only"
        yield Finding("file system", "note", f"{kind}, a network file system", advice)
    else:
        yield Finding("file system", "ok", kind or "unknown")
    free = shutil.disk_usage(home).free
    text = f"{free / 1e9:.1f} GB free"
    low = free < LOW_DISK_BYTES
    yield Finding("disk", "warning" if low else "ok", text, "free some space" if low else "")


def check_server(home: Path) -> Iterator[Finding]:
    """Whether a server runs on the home, and whether its clock agrees with ours."""
    address = read_server_address(home)
    if address is None:
        yield Finding("server", "ok", "none runs on this home")
        return
    if not HttpSource(address.url, address.token).serves(home):
        text = f"{address.url} is named in server.json, but does not answer for this home"
        yield Finding("server", "note", text, "it was killed or hangs; `epochal ui` starts one")
        return
    yield Finding("server", "ok", f"{address.url}, process {address.pid}, {address.version}")
    if address.version != __version__:
        advice = "restart the server after an upgrade"
        text = f"the server is {address.version}, this is {__version__}"
        yield Finding("server version", "warning", text, advice)
    yield from _check_clock(address)


def _check_clock(address: ServerAddress) -> Iterator[Finding]:
    ahead = address.started_us / 1e6 - time.time()
    if ahead > CLOCK_SECONDS:
        text = f"the server started {ahead:.0f} s in the future of this machine's clock"
        yield Finding("clock", "warning", text, "let NTP set the clocks of both machines")


def check_journals(home: Path) -> Iterator[Finding]:
    """Whether every journal can be read to its end."""
    paths = sorted((home / RUNS).glob(f"*/*{SUFFIX}"))
    damaged = 0
    newest = 0
    for path in paths:
        try:
            reader = JournalReader(str(path))
            newest = max(newest, reader.header.created_us)
            bad = _read_through(reader)
        except FileNotFoundError:
            continue  # taken in and given up meanwhile
        except (EpochalError, OSError) as error:
            yield Finding("journal", "error", str(error), "the other journals are not affected")
            damaged += 1
            continue
        if bad:
            text = f"{path}: {bad} records are damaged or unknown and were stepped over"
            yield Finding("journal", "warning", text, "the records around them are used")
    yield Finding("journals", "ok", f"{len(paths) - damaged} of {len(paths)} can be read")
    ahead = newest / 1e6 - time.time()
    if ahead > CLOCK_SECONDS:
        text = f"the newest journal was made {ahead:.0f} s in the future of this machine's clock"
        yield Finding("clock", "warning", text, "let NTP set the clock")


def _read_through(reader: JournalReader) -> int:
    bad = 0
    while True:
        entry = reader.read()
        if entry.end == entry.start:
            return bad
        bad += entry.damaged + entry.unknown


def check_segments(home: Path) -> Iterator[Finding]:
    """Whether every block of every segment has the bytes that were written."""
    paths = sorted((home / RUNS).glob(f"*/*{SEGMENT_SUFFIX}"))
    sound = 0
    for path in paths:
        try:
            segment = Segment(path)
            for index in range(len(segment.directory.lengths)):
                segment.block(index)
            sound += 1
        except FileNotFoundError:
            sound += 1  # merged into another one meanwhile
        except (EpochalError, OSError) as error:
            yield Finding("segment", "error", str(error), "restore this file from a backup")
    yield Finding("segments", "ok", f"{sound} of {len(paths)} are whole")


def check_archives(home: Path) -> Iterator[Finding]:
    """Whether the facts of journals that were given up can be read."""
    paths = sorted((home / RUNS).glob(f"*/*{ARCHIVE_SUFFIX}"))
    sound = 0
    for path in paths:
        try:
            read_archive(path)
            sound += 1
        except (EpochalError, OSError) as error:
            yield Finding("archive", "error", str(error), "restore this file from a backup")
    yield Finding("archives", "ok", f"{sound} of {len(paths)} can be read")


def check_store(home: Path, *, deep: bool = False) -> Iterator[Finding]:
    """Whether the database and the blobs are sound; of a home that a server holds, the blobs.

    Args:
        home: the home.
        deep: read every blob, not only some.
    """
    if not (home / DATABASE).exists():
        yield Finding("database", "ok", "none yet; it is made at the first reading")
        return
    try:
        with open_store(home, wait=LOCK_SECONDS) as store:
            yield from _check_open(store, deep=deep)
    except StoreLocked as error:
        yield Finding("database", "note", f"in use, not checked: {error.message}")
        if deep:
            for problem in check_files(home):
                yield Finding("blobs", "error", problem, BLOB_ADVICE)
    except EpochalError as error:
        advice = "`epochal doctor --rebuild` makes a new one from the runs"
        yield Finding("database", "error", error.message, advice)


def _check_open(store: Store, *, deep: bool) -> Iterator[Finding]:
    for text in store.unread:
        yield Finding("database", "warning", text)
    problems = store.database.check()
    for problem in problems:
        advice = "`epochal doctor --rebuild` makes a new one from the runs"
        yield Finding("database", "error", problem, advice)
    path = store.home / DATABASE
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Finding(
            "database", "warning", f"others can read it (mode {mode:o})", f"chmod 600 {path}"
        )
    if not problems:
        yield Finding("database", "ok", f"sound, {path.stat().st_size / 1e6:.1f} MB")
        wrong = check_blobs(store, deep=deep)
        for problem in wrong:
            yield Finding("blobs", "error", problem, BLOB_ADVICE)
        for text in check_awaited(store):
            advice = "they come from the machine that logged it; `epochal sync` there sends them"
            yield Finding("blobs", "note", text, advice)
        if deep and not wrong:
            yield Finding("blobs", "ok", "every blob has the digest that it was stored under")


CHECKS: tuple[Callable[[Path], Iterator[Finding]], ...] = (
    check_journals,
    check_segments,
    check_archives,
)
"""The checks of a home that exists."""


def check_everything(home: Path, *, deep: bool = False) -> Iterator[Finding]:
    """All findings, in the order in which a person wants them.

    Args:
        home: the home.
        deep: read every blob, which takes as long as reading the disk does.
    """
    yield from check_installation()
    yield from check_home(home)
    if home.is_dir() and os.access(home, os.R_OK | os.X_OK):
        yield from check_server(home)
        yield from check_store(home, deep=deep)
        for check in CHECKS:
            yield from check(home)
