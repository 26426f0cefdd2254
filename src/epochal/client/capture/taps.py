"""Diverting the standard streams, and putting them back.

Two ways. `DescriptorTap` puts a pipe (for a terminal: a pseudo-terminal of the same size) in place
of file descriptor 1 or 2, so that prints from C and from child processes are seen; when both lead
to the same place they share one, which keeps their order exactly. `WriteTap` shadows ``write`` of
a stream object that has no such descriptor (Jupyter, a test's capture, a user's own object).

Promise: `restore` puts back what was there, unless somebody else has put something in its place
meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable
from typing import Final, TextIO

from epochal.client.capture import relay
from epochal.client.notebook import find_shell

_FIRST_FREE: Final = 20  # above the numbers that the relay's descriptors get, and above 0, 1 and 2
_COPY_PIPE: Final = 1 << 20
# Signals that a terminal or scheduler sends to a whole process group: the relay ends by end of
# file alone.
_BLOCKED: Final = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGPIPE,
)

_Action = tuple[int, ...] | tuple[int, int, str, int, int]


def _lift(fd: int) -> int:
    """Move a descriptor out of the low numbers; it is closed on exec."""
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
    finally:
        os.close(fd)


def open_channel() -> tuple[int, int]:
    """A pipe, reading end first, away from the numbers of the standard streams."""
    ends = os.pipe()
    return _lift(ends[0]), _lift(ends[1])


def _identity(fd: int) -> tuple[int, int, int] | None:
    """Which file a descriptor leads to, or None when it is closed."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_rdev


def close_quietly(fd: int) -> None:
    """Close a descriptor that may be closed already."""
    with contextlib.suppress(OSError):
        os.close(fd)


class DescriptorTap:
    """A pipe or pseudo-terminal in place of the descriptors ``fds``, which lead to the same place.

    Args:
        fds: ``(1,)``, ``(2,)`` or ``(1, 2)``.

    Raises:
        OSError: no descriptor or terminal is left. Nothing was changed.
    """

    def __init__(self, fds: tuple[int, ...]) -> None:
        self.fds = fds
        self.tag = fds[0] - 1
        self._saved: dict[int, int] = {}
        self.source = self.inlet = -1
        try:
            for fd in fds:
                self._saved[fd] = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
            if os.isatty(fds[0]):
                ends = _open_terminal_like(fds[0])
                self.source, self.inlet = _lift(ends[0]), _lift(ends[1])
            else:
                self.source, self.inlet = open_channel()
        except OSError:
            self.close()
            raise

    @property
    def target(self) -> int:
        """Where the bytes go in the end."""
        return self._saved[self.fds[0]]

    def divert(self) -> None:
        """Let the descriptors lead into the tap."""
        for fd in self.fds:
            os.dup2(self.inlet, fd)

    def restore(self) -> None:
        """Let the descriptors lead to where they led before."""
        inside = _identity(self.inlet)
        for fd, saved in self._saved.items():
            if inside is not None and _identity(fd) == inside:
                os.dup2(saved, fd)

    def put_mark(self, mark: bytes, timeout: float) -> bool:
        """Send the mark through the tap; False without room for it in ``timeout`` seconds."""
        poller = select.poll()
        poller.register(self.inlet, select.POLLOUT)
        try:
            for _, event in poller.poll(max(0.0, timeout) * 1000):
                if event & select.POLLOUT:
                    return os.write(self.inlet, mark) == len(mark)
        except OSError:
            return False
        return False

    def rescue(self) -> None:
        """Carry to the target by ourselves what no relay has taken out."""
        if self.source < 0:
            return
        os.set_blocking(self.source, False)
        with contextlib.suppress(OSError):
            while data := os.read(self.source, 65_536):
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(self.target, rest) :]

    def release_source(self) -> None:
        """Close our end of the source; from now on only the relay holds it."""
        if self.source >= 0:
            close_quietly(self.source)
            self.source = -1

    def close(self) -> None:
        """Give every descriptor back."""
        self.release_source()
        for fd in (self.inlet, *self._saved.values()):
            if fd >= 0:
                close_quietly(fd)
        self.inlet = -1
        self._saved.clear()


def _open_terminal_like(fd: int) -> tuple[int, int]:
    """A pseudo-terminal with the window of ``fd`` that passes bytes on unchanged."""
    outer, inner = os.openpty()
    with contextlib.suppress(OSError, termios.error):
        size = fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(inner, termios.TIOCSWINSZ, size)
        attributes = termios.tcgetattr(fd)
        attributes[1] &= ~termios.OPOST  # the real terminal does this; twice would double "\r"
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(inner, termios.TCSANOW, attributes)
    return outer, inner


class WriteTap:
    """``write`` of one stream object, shadowed by one that also passes the text on.

    Args:
        stream: ``sys.stdout`` or ``sys.stderr``, whatever object it is.
        tag: 0 for stdout, 1 for stderr.
        push: takes (tag, text); it must neither block nor raise.

    Raises:
        AttributeError: the object does not let its ``write`` be shadowed.
    """

    def __init__(self, stream: TextIO, tag: int, push: Callable[[int, str], None]) -> None:
        self._stream = stream
        self._tag = tag
        self._push = push
        self._within = threading.local()
        self.is_live = True
        self._shadow()

    def renew(self) -> None:
        """Shadow ``write`` again when somebody has replaced it; no text is passed on twice."""
        if self.is_live and vars(self._stream).get("write") is not self._write:
            self._shadow()

    def _shadow(self) -> None:
        stream = self._stream
        original = stream.write
        had_own = "write" in vars(stream)

        def write(text: str) -> int:
            is_inner = getattr(self._within, "write", False)
            self._within.write = True
            try:
                result = original(text)
            finally:
                self._within.write = is_inner
            if self.is_live and not is_inner and isinstance(text, str):
                self._push(self._tag, text)
            return result

        self._original, self._had_own, self._write = original, had_own, write
        try:
            stream.write = write  # type: ignore[method-assign]
        except TypeError as error:
            raise AttributeError(str(error)) from error

    def restore(self) -> None:
        """Bring the object's own ``write`` back, unless somebody has shadowed ours."""
        self.is_live = False
        if vars(self._stream).get("write") is not self._write:
            return
        if self._had_own:
            self._stream.write = self._original  # type: ignore[method-assign]
        else:
            del self._stream.write


def watch_cells(renew: Callable[[], None]) -> Callable[[], None]:
    """Call ``renew`` at the beginning of each cell, where this is a notebook.

    IPython 9 puts a ``write`` of its own on the streams for the time of a cell, and then the one
    that was there before.

    Returns:
        What ends it.
    """
    events = getattr(find_shell(), "events", None)
    if events is None:
        return lambda: None

    def at_cell(*_: object) -> None:
        with contextlib.suppress(AttributeError, TypeError):
            renew()

    def end() -> None:
        with contextlib.suppress(ValueError):
            events.unregister("pre_run_cell", at_cell)

    events.register("pre_run_cell", at_cell)
    return end


def find_descriptors() -> list[tuple[int, ...]]:
    """Which of 1 and 2 Python's own streams write to, grouped by where they lead."""
    fds = [fd for fd, stream in ((1, sys.stdout), (2, sys.stderr)) if _is_on(stream, fd)]
    if len(fds) == 2 and _identity(1) == _identity(2):
        return [(1, 2)]
    return [(fd,) for fd in fds]


def find_objects() -> list[tuple[int, TextIO]]:
    """Stream objects that write to neither descriptor, with their tag."""
    found: list[tuple[int, TextIO]] = []
    for tag, stream in ((0, sys.stdout), (1, sys.stderr)):
        if stream is None or getattr(stream, "closed", False) or _number(stream) in {1, 2}:
            continue
        if all(stream is not other for _, other in found):
            found.append((tag, stream))
    return found


def _number(stream: TextIO) -> int:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return -1


def _is_on(stream: TextIO | None, fd: int) -> bool:
    return stream is not None and _number(stream) == fd and _identity(fd) is not None


def flush_streams(timeout: float) -> None:
    """Flush Python's buffers, unless the descriptor below has no room in ``timeout`` seconds."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None or getattr(stream, "closed", False):
            continue
        number = _number(stream)
        if number >= 0:
            poller = select.poll()
            poller.register(number, select.POLLOUT)
            if not poller.poll(max(0.0, timeout) * 1000):
                continue
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def spawn_relay(taps: list[DescriptorTap], mark: bytes) -> int:
    """Start the process that carries bytes from the taps to their targets.

    Args:
        taps: at most two.
        mark: bytes that it reports and does not carry; see `relay`.

    Returns:
        The descriptor that the copies come from.

    Raises:
        OSError: no process can be started here.
    """
    program = sys.executable or ""
    script = relay.__file__
    known = os.path.basename(program).lower().startswith(("python", "pypy"))
    if not known or getattr(sys, "frozen", False) or not os.path.isfile(script):
        raise OSError(errno.ENOEXEC, "no Python interpreter to run the relay with", program)
    copy_read, copy_write = open_channel()
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(copy_write, fcntl.F_SETPIPE_SZ, _COPY_PIPE)
    actions: list[_Action] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
        (os.POSIX_SPAWN_DUP2, 0, 1),
        (os.POSIX_SPAWN_DUP2, 0, 2),
        (os.POSIX_SPAWN_DUP2, copy_write, relay.COPY_FD),
    ]
    for index, tap in enumerate(taps):
        actions.append((os.POSIX_SPAWN_DUP2, tap.source, relay.COPY_FD + 1 + 2 * index))
        actions.append((os.POSIX_SPAWN_DUP2, tap.target, relay.COPY_FD + 2 + 2 * index))
    command = [program, "-I", "-S", script, mark.hex(), *(str(tap.tag) for tap in taps)]
    try:
        _spawn_detached(command, actions)
    except (OSError, NotImplementedError) as error:
        os.close(copy_read)
        raise OSError(errno.EAGAIN, f"the relay could not be started: {error}") from error
    finally:
        os.close(copy_write)
    return copy_read


def _spawn_detached(command: list[str], actions: list[_Action]) -> None:
    """Run a command that is nobody's child, so that ``os.wait()`` of the program never sees it.

    A shell starts it and ends within a millisecond; where there is no shell the relay detaches
    itself, which takes the start of an interpreter.
    """
    shell = ["/bin/sh", "-c", '"$0" "$@" &', *command]
    for words in (shell, command):
        try:
            pid = os.posix_spawn(
                words[0], words, os.environ, file_actions=actions, setsigmask=_BLOCKED
            )
        except FileNotFoundError:
            continue
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        return
    raise FileNotFoundError(errno.ENOENT, "no such program", command[0])
