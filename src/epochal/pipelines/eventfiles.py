"""TensorBoard writers that a step left open: their event files are made whole when it ends.

``SummaryWriter`` writes from a thread, and flushes every two minutes or at the end of the process;
tutorials do not close it. Nothing is loaded for this: only threads that exist are looked at.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from epochal.client import guard

WAIT_S = 5.0
_COUNTS = "_AsyncWriterThread"
_THREADS = (_COUNTS, "_EventLoggerThread")


def flush_event_files(root: str) -> None:
    """Bring to the disk what TensorBoard's writers below a directory hold. Never raises.

    Args:
        root: a directory; event files elsewhere are left alone.
    """
    for thread in threading.enumerate():
        if type(thread).__name__ in _THREADS:
            with guard.Shield("flushing TensorBoard's event files"):
                _flush(thread, root)


def _flush(thread: Any, root: str) -> None:
    writer = thread._record_writer  # noqa: SLF001 - the only way to a writer that nobody holds
    if not _file_of(writer).startswith(root):
        return
    deadline = time.monotonic() + WAIT_S
    while _busy(thread) and time.monotonic() < deadline:
        time.sleep(0.005)
    writer.flush()


def _busy(thread: Any) -> bool:
    """Whether events wait to be written; tensorboardX does not count those that it took."""
    waiting = thread._queue  # noqa: SLF001 - see above
    if type(thread).__name__ == _COUNTS:
        return bool(waiting.unfinished_tasks)
    return not waiting.empty()


def _file_of(writer: Any) -> str:
    """The path that a writer writes to, in TensorBoard's own or in tensorboardX."""
    named = getattr(writer, "_file_name", None)
    return str(named or getattr(getattr(writer, "_writer", None), "filename", ""))
