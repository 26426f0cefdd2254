"""The process between a captured stream and where it went before.

Promise: every byte that enters a source leaves at its target, in order and unchanged, also when
the program that is captured is killed, crashes or leaves by ``os._exit``: this process outlives it
and ends when the last writer is gone. A thread could not promise that. The copy that goes back to
the program is the lesser good: it is bounded, dropped and counted when nobody reads it, and never
holds up a source.

It runs this file with ``python -I -S``, imports nothing of Epochal, reads no environment, and
detaches itself so that it is nobody's child to wait for. File descriptors: 3 is the copy, then a
source and a target for each stream.

Frames on the copy: kind (u8), stream (u8), length (u32, little-endian), then that many bytes.
``LOST`` carries the number of bytes that were not copied as its length, and none follow.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import struct
import sys
import termios
from collections import deque
from typing import Final

HEADER: Final = struct.Struct("<BBI")
DATA, REACHED, LOST, READY = 1, 2, 3, 4
COPY_FD: Final = 3

_READ: Final = 65_536
_SHARE: Final = 4_096  # PIPE_BUF: a pipe that polls writable takes this much without blocking
_MAX_BACKLOG: Final = 8 << 20
_GONE: Final = {errno.EPIPE, errno.ECONNRESET, errno.EIO, errno.ENXIO, errno.EBADF}
_BROKEN: Final = select.POLLERR | select.POLLHUP | select.POLLNVAL
_HOLD_MS: Final = 50
_SIZE_MS: Final = 500


class Stream:
    """One source and its target.

    ``pending`` holds what was read and is not yet written; None stands for a mark that was
    reached.
    """

    def __init__(self, tag: int, source: int, target: int) -> None:
        self.tag = tag
        self.source = source
        self.target = target
        self.pending: deque[bytes | None] = deque()
        self.written = 0
        self.held = b""
        self.is_open = True
        self.is_file = stat.S_ISREG(os.fstat(target).st_mode)
        self.is_terminal = os.isatty(target)
        self._size = b""

    def read(self, mark: bytes) -> None:
        """Take what the source has, apart from marks."""
        try:
            data = os.read(self.source, _READ)
        except OSError:  # EIO: the last writer closed the terminal
            data = b""
        if not data:
            self.release()
            self.close()
            return
        *before, rest = (self.held + data).split(mark)
        for piece in before:
            self.pending.append(piece)
            self.pending.append(None)
        keep = _overlap(rest, mark)
        self.held = rest[len(rest) - keep :]
        self.pending.append(rest[: len(rest) - keep])

    def release(self) -> None:
        """Give up waiting for the rest of what looked like the start of a mark."""
        if self.held:
            self.pending.append(self.held)
            self.held = b""

    def close(self) -> None:
        """Close the source: who writes to it is told so, as by the target."""
        if self.is_open:
            self.is_open = False
            os.close(self.source)

    def follow_size(self) -> None:
        """Give the source the window size of the terminal that it stands for."""
        try:
            size = fcntl.ioctl(self.target, termios.TIOCGWINSZ, b"\0" * 8)
            if size != self._size:
                fcntl.ioctl(self.source, termios.TIOCSWINSZ, size)
                self._size = size
        except OSError:
            self.is_terminal = False


def _overlap(data: bytes, mark: bytes) -> int:
    """Length of the longest end of ``data`` that could be the start of ``mark``."""
    start = data.find(mark[:1], max(0, len(data) - len(mark) + 1))
    while start >= 0:
        if mark.startswith(data[start:]):
            return len(data) - start
        start = data.find(mark[:1], start + 1)
    return 0


class Copy:
    """The way back to the program."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._backlog: deque[bytes] = deque()
        self._size = 0
        self._lost: dict[int, int] = {}
        os.set_blocking(fd, False)

    @property
    def is_waiting(self) -> bool:
        """Whether frames wait for the reader."""
        return bool(self._backlog)

    def add(self, kind: int, tag: int, data: bytes = b"") -> None:
        """Queue one frame, or count it as lost when too much waits already."""
        if self.fd < 0:
            return
        if kind == DATA and self._size > _MAX_BACKLOG:
            self._lost[tag] = self._lost.get(tag, 0) + len(data)
            return
        lost = self._lost.pop(tag, 0)
        if lost:
            self._push(HEADER.pack(LOST, tag, min(lost, 0xFFFF_FFFF)))
        self._push(HEADER.pack(kind, tag, len(data)) + data)
        self.send()

    def _push(self, frame: bytes) -> None:
        self._backlog.append(frame)
        self._size += len(frame)

    def send(self) -> None:
        """Write what the reader takes now."""
        try:
            while self._backlog:
                frame = self._backlog[0]
                count = os.write(self.fd, frame)
                self._size -= count
                if count < len(frame):
                    self._backlog[0] = frame[count:]
                    return
                self._backlog.popleft()
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def close(self) -> None:
        """Stop copying: nobody reads any more."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            self._backlog.clear()


def relay(streams: list[Stream], copy: Copy, mark: bytes) -> None:
    """Carry bytes until every source has ended.

    Args:
        streams: what to carry.
        copy: where copies go.
        mark: bytes that are not carried on; when they come by, and all before them is written, a
            frame says so.
    """
    copy.add(READY, 0)
    by_target = {stream.target: stream for stream in streams}
    by_source = {stream.source: stream for stream in streams}
    while True:
        for stream in streams:
            if stream.is_terminal and stream.is_open:
                stream.follow_size()
        events = _wait(streams, copy)
        if events is None:
            return
        if not events:
            for stream in streams:
                stream.release()
        for fd, event in events:
            if fd == copy.fd:
                copy.send() if event & select.POLLOUT else copy.close()
            elif fd in by_target and (event & select.POLLOUT or event & _BROKEN):
                _write(by_target[fd], copy, event, alone=len(streams) == 1)
            elif fd in by_source and by_source[fd].is_open:
                by_source[fd].read(mark)


def _wait(streams: list[Stream], copy: Copy) -> list[tuple[int, int]] | None:
    """What can be done now, or None when nothing will come any more."""
    poller = select.poll()
    busy = False
    wait_ms: int | None = None
    for stream in streams:
        if stream.pending:
            poller.register(stream.target, select.POLLOUT)
        elif stream.is_open:
            if not stream.is_file:
                poller.register(stream.target, 0)
            poller.register(stream.source, select.POLLIN)
        busy = busy or stream.is_open or bool(stream.pending)
        if stream.held:
            wait_ms = _HOLD_MS
        elif stream.is_terminal and stream.is_open and wait_ms is None:
            wait_ms = _SIZE_MS
    if not busy and not copy.is_waiting:
        return None
    if copy.fd >= 0:
        poller.register(copy.fd, select.POLLOUT if copy.is_waiting else 0)
    return poller.poll(wait_ms)


def _write(stream: Stream, copy: Copy, event: int, *, alone: bool) -> None:
    """Write the first pending piece, or as much of it as will not hold up the other stream."""
    if not stream.pending:
        if event & _BROKEN:  # nobody reads the target: the writer shall know with its next write
            stream.close()
        return
    piece = stream.pending[0]
    if piece:
        end = len(piece) if alone or stream.is_file else stream.written + _SHARE
        try:
            stream.written += os.write(stream.target, memoryview(piece)[stream.written : end])
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in _GONE and not stream.is_file:
                stream.pending.clear()
                stream.close()
                return
            stream.written = len(piece)  # a full disk: these bytes were lost without us, too
        if stream.written < len(piece):
            return
        copy.add(DATA, stream.tag, piece)
    elif piece is None:
        copy.add(REACHED, stream.tag)
    stream.written = 0
    stream.pending.popleft()


def _detach() -> None:
    """Leave the session, its terminal and the parent."""
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")


def _close_inherited(first: int) -> None:
    for name in os.listdir("/dev/fd"):
        if int(name) >= first:
            try:
                os.close(int(name))
            except OSError:
                continue  # the one that listed


def main(arguments: list[str]) -> None:
    """Run as the relay: the mark in hex, then the tag of each stream."""
    _detach()
    tags = [int(text) for text in arguments[1:]]
    _close_inherited(COPY_FD + 1 + 2 * len(tags))
    streams = [
        Stream(tag, COPY_FD + 1 + 2 * index, COPY_FD + 2 + 2 * index)
        for index, tag in enumerate(tags)
    ]
    relay(streams, Copy(COPY_FD), bytes.fromhex(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
