"""Whether the process that writes a journal still lives.

The writer holds an advisory lock (flock) on its file; the kernel lets go of it when the process
ends, however it ends. The lock belongs to the open file, so a reader that opens and closes the
same file does not disturb it.
"""

from __future__ import annotations

import contextlib
import os
import sys

if sys.platform != "win32":
    import fcntl


def hold(descriptor: int) -> None:
    """Take the writer's lock. A file system without locks is accepted in silence."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(path: str) -> bool | None:
    """Whether a living writer holds the journal at ``path``; None when that cannot be told.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if sys.platform == "win32":
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False
