"""The first pass over a large log directory, in a process of its own.

A server that begins to follow many event files answers meanwhile, and another processor reads
them. The process owns the log directory's state while it runs; then it hands its open journals
over, so that runs that still grow never look abandoned. If it dies, or cannot be started, nothing
is lost: whoever goes on reads what is left, as after any crash. It dies with who started it.

Messages are frames ``u32 length, msgpack`` on a pair of sockets; after the last one come the
descriptors of the journals that it names, in their order. A byte to the process asks it to end.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from epochal.errors import EpochalError
from epochal.imports.tensorboard.importer import Importer
from epochal.imports.tensorboard.writing import OpenJournal

AT_ONCE: Final = 128
"""Descriptors in one message; Linux takes 253."""
_LOOK_SECONDS: Final = 0.1
_LENGTH: Final = struct.Struct("<I")
_PROGRAM: Final = "from epochal.imports.tensorboard.ahead import read; read()"


class Told(msgspec.Struct):
    """One message.

    Attributes:
        problems: what could not be read so far, as `Report` has it.
        journals: those that are open, in the last message.
    """

    problems: dict[str, str]
    journals: list[OpenJournal] | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Told).decode


def read_ahead(importer: Importer, is_ending: Callable[[], bool]) -> Iterator[dict[str, str]]:
    """Have a process read what there is; the importer then goes on where it ended.

    Args:
        importer: of the log directory; it must do nothing until this is exhausted.
        is_ending: whether to stop before all is read; asked again and again.

    Yields:
        After each turn of the process, what could not be read so far.

    Raises:
        ChildProcessError: it died unasked; the importer goes on with what it left.
        OSError: no process can be started, or its journals cannot be taken over.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = _start(importer, theirs.fileno())
        journals: list[tuple[OpenJournal, int]] = []
        has_died = False
        try:
            told = None
            while told is None or told.journals is None:
                _wait(ours, is_ending)
                told = _receive(ours)
                yield told.problems
            descriptors = _receive_descriptors(ours, len(told.journals))
            journals = list(zip(told.journals, descriptors, strict=True))
        except EOFError:
            has_died = True
        finally:
            ours.close()  # whereupon it ends
            status = process.wait()
            importer.take_over(journals)
        if has_died and not is_ending():
            how = f"signal {-status}" if status < 0 else f"status {status}"
            raise ChildProcessError(f"the process that read ahead ended with {how}")


def _start(importer: Importer, channel: int) -> subprocess.Popen[bytes]:
    given = [importer.home, importer.root, importer.project, channel, importer.lock]
    # It finds the modules that this process finds, in the same order.
    program = f"import sys; sys.path[:] = {[*map(str, sys.path)]!r}; {_PROGRAM}"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", program, *map(str, given)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(channel, importer.lock),
        start_new_session=True,  # Ctrl-C is for who started it
    )


def _wait(ours: socket.socket, is_ending: Callable[[], bool]) -> None:
    """Ask the process to end, if it should, until its next message is there."""
    has_message = asked = False
    while not has_message:
        if is_ending() and not asked:
            asked = True
            with contextlib.suppress(OSError):
                ours.sendall(b".")
        has_message = bool(select.select([ours], [], [], _LOOK_SECONDS)[0])


def _receive(ours: socket.socket) -> Told:
    (size,) = _LENGTH.unpack(_receive_bytes(ours, _LENGTH.size))
    return _decode(_receive_bytes(ours, size))


def _receive_bytes(ours: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        try:
            part = ours.recv(count - len(found))
        except ConnectionResetError:
            part = b""
        if not part:
            raise EOFError
        found += part
    return bytes(found)


def _receive_descriptors(ours: socket.socket, count: int) -> list[int]:
    """All of them, or none.

    Raises:
        OSError: there is no room for so many.
    """
    found: list[int] = []
    try:
        while len(found) < count:
            _, some, _, _ = socket.recv_fds(ours, 1, AT_ONCE)
            found += some
            if len(some) < min(AT_ONCE, count - len(found) + len(some)):
                raise OSError(f"{count} journals cannot be open at once")
    except OSError:
        for descriptor in found:
            os.close(descriptor)
        raise
    for descriptor in found:
        os.set_inheritable(descriptor, False)
    return found


# ------------------------------------------------------------------------------- in the process


def read() -> None:
    """The program of the process; see `read_ahead`."""
    home, root, project, channel, lock = sys.argv[1:]
    theirs = socket.socket(fileno=int(channel))
    asked = threading.Event()
    listener = threading.Thread(target=_listen, args=(theirs, asked), daemon=True)
    listener.start()
    importer = Importer(Path(home), root, project, live=True, lock=int(lock))
    # Whoever goes on meets what went wrong, too, and tells it.
    with contextlib.suppress(EpochalError, OSError, ValueError):
        while not asked.is_set() and importer.turn():
            _send(theirs, Told(importer.report.problems))
    journals = importer.hand_over()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody is there
        _send(theirs, Told(importer.report.problems, [known for known, _ in journals]))
        for start in range(0, len(journals), AT_ONCE):
            some = [descriptor for _, descriptor in journals[start : start + AT_ONCE]]
            socket.send_fds(theirs, [b"."], some)
    listener.join()


def _listen(theirs: socket.socket, asked: threading.Event) -> None:
    """Take note when the process should end; end it when nobody is there who would go on."""
    with contextlib.suppress(ConnectionResetError):
        while theirs.recv(1):
            asked.set()
    os._exit(0)


def _send(theirs: socket.socket, told: Told) -> None:
    data = _encode(told)
    theirs.sendall(_LENGTH.pack(len(data)) + data)
