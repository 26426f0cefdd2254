"""Writes blobs to files: several at once, checked while they are written, resumable.

Promises: a file appears under its name only when all its bytes are there and have the digest that
was told; files that are right already are left alone; nothing is written outside of the root, also
not through links that lie in it; an interrupted download goes on where it was. Files are copies
that may be changed. It does not promise that files survive a power loss; a second call finds out.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeVar

import msgspec

from epochal.api.content import Content, OpenContent
from epochal.api.question import Source
from epochal.domain.artifact import check_path
from epochal.errors import CorruptFile, EpochalError, InvalidInput, StorageFull, Unavailable

if sys.platform != "win32":
    import fcntl

THREADS = min(8, (os.cpu_count() or 1) + 2)
BUFFER = 1024 * 1024
SMALL = 1024 * 1024
GROUP_BYTES = 4 * 1024 * 1024
GROUP_FILES = 256
TRIES = 4
FIRST_WAIT_S = 0.5
PART = ".part"
T = TypeVar("T")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Item(msgspec.Struct, frozen=True):
    """A file to write: its path below the root, and its bytes."""

    path: str
    content: Content


class Downloaded(msgspec.Struct, frozen=True):
    """How far a download is; files that were right already count as well."""

    files: int
    total_files: int
    bytes: int
    total_bytes: int


Progress: TypeAlias = Callable[[Downloaded], None]


def download(
    source: Source, items: Sequence[Item], root: Path, progress: Progress | None = None
) -> None:
    """Write files below a directory, which is made when it is missing.

    Args:
        source: where the bytes are.
        items: the files; their paths do not collide.
        root: the directory.
        progress: called often, by one thread at a time.

    Raises:
        InvalidInput: a path leads out of the root, or the root cannot be written.
        NotFound: bytes are on their way.
        CorruptFile: bytes are not what their digest says; the files before are there.
        StorageFull: no room is left.
        Unavailable: the server does not answer; call again to go on.
    """
    root = Path(os.path.abspath(root))
    make_folders(root, [item.path for item in items])
    try:
        _Download(source, items, root, progress).run()
    except OSError as error:
        raise _explain(error, root) from error


def make_folders(root: Path, paths: Iterable[str]) -> None:
    """Make the directories of files that are to be written below a root.

    Raises:
        InvalidInput: a path leads out of the root, or through a link or a file; or a directory
            cannot be made.
    """
    folders = {os.path.dirname(check_path(path)) for path in paths}
    try:
        _refuse_links(root, folders)
        for folder in sorted(folders):
            os.makedirs(root / folder, exist_ok=True)
        _refuse_links(root, folders)
    except OSError as error:
        raise _explain(error, root) from error


def _explain(error: OSError, root: Path) -> EpochalError:
    if error.errno in _NO_ROOM:
        return StorageFull(
            f"there is no room left below {root}; free some space and call again, "
            f"what is there already is not fetched anew"
        )
    return InvalidInput(
        f"{error.filename or root} cannot be written: {error.strerror or error}; "
        f"name another directory with root="
    )


def _refuse_links(root: Path, folders: set[str]) -> None:
    """Refuse directories below the root that are links, or files.

    Raises:
        InvalidInput: there is one.
    """
    seen: set[str] = set()
    for folder in folders:
        here = folder
        while here and here not in seen:
            seen.add(here)
            place = root / here
            if place.is_symlink():
                raise InvalidInput(
                    f"{place} is a link, and files are never written through links; "
                    f"remove it, or name another directory with root="
                )
            if place.exists() and not place.is_dir():
                raise InvalidInput(f"{place} is a file, and a directory is needed; move it away")
            here = os.path.dirname(here)


class _Download:
    """One call of `download`."""

    def __init__(
        self, source: Source, items: Sequence[Item], root: Path, progress: Progress | None
    ) -> None:
        self._source = source
        self._root = root
        self._progress = progress
        self._waiting = deque(_groups(items))
        self._total_files = len(items)
        self._total_bytes = sum(item.content.size for item in items)
        self._files = 0
        self._bytes = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._trouble: BaseException | None = None

    def run(self) -> None:
        """Write all files; of several errors the first one is raised."""
        threads = min(THREADS, len(self._waiting))
        if threads <= 1:
            self._work()
        else:
            with ThreadPoolExecutor(threads, thread_name_prefix="epochal-download") as pool:
                working = [pool.submit(self._work) for _ in range(threads)]
                try:
                    wait(working)
                finally:
                    self._stop.set()
        if self._trouble is not None:
            raise self._trouble

    def _work(self) -> None:
        buffer = memoryview(bytearray(BUFFER))
        try:
            with self._source.opener() as open_content:
                while not self._stop.is_set():
                    try:
                        group = self._waiting.popleft()
                    except IndexError:
                        return
                    self._fetch_group(open_content, group, buffer)
        except BaseException as error:  # noqa: BLE001 - `run` raises it
            with self._lock:
                self._trouble = self._trouble or error
            self._stop.set()

    def _fetch_group(
        self, open_content: OpenContent, group: list[Item], buffer: memoryview
    ) -> None:
        """Fetch one file, or small ones that may come at once."""
        missing = [item for item in group if not self._is_there(item, buffer)]
        found: Mapping[str, bytes] = {}
        if len(missing) > 1:
            wanted = [item.content for item in missing]
            found = self._retry(lambda: self._source.several(wanted))
        for item in missing:
            if self._stop.is_set():
                return
            data = found.get(item.content.digest)
            if data is None:
                self._fetch(open_content, item, buffer)
            else:
                self._write_small(item.content, os.path.join(self._root, item.path), data)
                self._advance(0, 1)

    def _fetch(self, open_content: OpenContent, item: Item, buffer: memoryview) -> None:
        target = self._root / item.path
        if item.content.size <= SMALL:
            self._retry(lambda: self._fetch_small(open_content, item.content, target, buffer))
        else:
            with _part(target, item.path, item.content) as (file, path):
                self._retry(lambda: self._fetch_large(open_content, item.content, file, buffer))
                os.replace(path, target)
        self._advance(0, 1)

    def _is_there(self, item: Item, buffer: memoryview) -> bool:
        """Whether a regular file with these very bytes is there; then it is counted."""
        target = os.path.join(self._root, item.path)
        try:
            found = os.lstat(target)
        except FileNotFoundError:
            return False
        if stat.S_ISDIR(found.st_mode):
            raise InvalidInput(
                f"{target} is a directory, and a file of this name is to be written"
            )
        if not stat.S_ISREG(found.st_mode) or found.st_size != item.content.size:
            return False
        if digest_of_file(Path(target), buffer) != item.content.digest:
            return False
        self._advance(item.content.size, 1)
        return True

    def _retry(self, attempt: Callable[[], T]) -> T:
        """Try again when a server did not answer; what is there already is kept."""
        pause, tries = FIRST_WAIT_S, 1
        while True:
            try:
                return attempt()
            except Unavailable:
                if tries == TRIES or self._stop.wait(pause):
                    raise
            pause, tries = pause * 2, tries + 1

    def _fetch_small(
        self, open_content: OpenContent, content: Content, target: Path, buffer: memoryview
    ) -> None:
        size = 0
        with open_content(content, 0) as stream:
            while size < len(buffer) and (got := stream.readinto(buffer[size:])):
                size += got
        self._write_small(content, str(target), buffer[:size])

    def _write_small(self, content: Content, target: str, data: bytes | memoryview) -> None:
        """Let a file appear whole, once its bytes were checked."""
        size = len(data)
        if size != content.size or hashlib.sha256(data).hexdigest() != content.digest:
            raise _damaged(content, size)
        folder, name = os.path.split(target)
        part = os.path.join(folder, _part_name(name, content, own=True))
        try:
            with open(part, "xb", buffering=0) as file:
                _write(file, memoryview(data))
            os.replace(part, target)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
            raise
        self._advance(size, 0)

    def _fetch_large(
        self, open_content: OpenContent, content: Content, file: BinaryIO, buffer: memoryview
    ) -> None:
        file.seek(0)
        hashing = hashlib.sha256()
        held = 0
        while held < content.size and (got := file.readinto(buffer)):  # type: ignore[attr-defined]
            hashing.update(buffer[:got])
            held += got
        if held > content.size:
            file.truncate(0)
            raise Unavailable(f"a part of {content.name!r} was longer than it; call again")
        self._advance(held, 0)
        written = held
        try:
            if held < content.size:
                with open_content(content, held) as stream:
                    while got := stream.readinto(buffer):
                        if self._stop.is_set():
                            raise Unavailable("the download was stopped; call again to go on")
                        hashing.update(buffer[:got])
                        _write(file, buffer[:got])
                        written += got
                        self._advance(got, 0)
            if written != content.size or hashing.hexdigest() != content.digest:
                file.truncate(0)
                raise _damaged(content, written)
        except BaseException:
            self._advance(-written, 0)
            raise

    def _advance(self, count: int, files: int) -> None:
        with self._lock:
            self._bytes += count
            self._files += files
            if self._progress is not None:
                self._progress(
                    Downloaded(self._files, self._total_files, self._bytes, self._total_bytes)
                )


def _groups(items: Sequence[Item]) -> Iterator[list[Item]]:
    """The largest first, so that no thread is left alone with one at the end; small ones together.

    What is in one group comes from one address.
    """
    small: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: -item.content.size):
        if item.content.size > SMALL or not item.content.parcel:
            yield [item]
        else:
            small.setdefault(item.content.parcel, []).append(item)
    for together in small.values():
        group: list[Item] = []
        room = GROUP_BYTES
        for item in together:
            room -= item.content.size
            if group and (room < 0 or len(group) == GROUP_FILES):
                yield group
                group, room = [], GROUP_BYTES - item.content.size
            group.append(item)
        yield group


def _damaged(content: Content, size: int) -> CorruptFile:
    found = (
        f"{size:,} bytes were found where {content.size:,} were told"
        if size != content.size
        else f"its bytes do not have the digest {content.digest}"
    )
    return CorruptFile(content.name, found)


def digest_of_file(path: Path, buffer: memoryview | None = None) -> str:
    """The sha256 of a file."""
    buffer = buffer or memoryview(bytearray(BUFFER))
    hashing = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while got := file.readinto(buffer):
            hashing.update(buffer[:got])
    return hashing.hexdigest()


def is_part(name: str) -> bool:
    """Whether a file is what an interrupted download left."""
    return name.startswith(".") and name.endswith(PART)


def _part_name(name: str, content: Content, *, own: bool) -> str:
    """Tells path and digest apart, in few characters; an own one nobody else writes."""
    which = hashlib.sha256(name.encode()).hexdigest()[:16]
    mine = f"-{os.getpid()}-{os.urandom(4).hex()}" if own else ""
    return f".{which}-{content.digest[:16]}{mine}{PART}"


@contextlib.contextmanager
def _part(target: Path, name: str, content: Content) -> Iterator[tuple[BinaryIO, Path]]:
    """The file that collects bytes; of two processes the second gets one of its own.

    It stays after an error, so that the next call goes on with it, unless it is damaged.
    """
    path = target.with_name(_part_name(name, content, own=False))
    file = _open_part(path)
    if not _lock(file, path):
        file.close()
        path = target.with_name(_part_name(name, content, own=True))
        file = _open_part(path)
    with file:
        try:
            yield file, path
        except CorruptFile:
            path.unlink(missing_ok=True)
            raise


def _open_part(path: Path) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0)


def _lock(file: BinaryIO, path: Path) -> bool:
    """Whether the file is ours now, and still the one of that name."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _write(file: BinaryIO, data: memoryview) -> None:
    """Write all of it to an unbuffered file."""
    while data:
        data = data[file.write(data) :]
