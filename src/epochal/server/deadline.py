"""A time limit for a whole conversation.

The limit of a socket counts anew with each byte that arrives: a peer that drips bytes would hold
its caller for as long as it likes. Here the connection is cut when the time is over, wherever the
conversation is, and the caller sees an `OSError`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def cut_after(seconds: float, reach: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Cut a connection unless the block ends in time.

    Args:
        seconds: how long the block may take.
        reach: the connection as it is then; None while there is none.

    Raises:
        TimeoutError: it was cut, and the block failed of it.
    """
    over = threading.Event()

    def cut() -> None:
        over.set()
        connection = reach()
        if connection is not None:
            with contextlib.suppress(OSError):
                # Past TLS, which another thread is in the middle of.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if over.is_set():
            raise TimeoutError(f"no end after {seconds:g} s") from error
        raise
    finally:
        timer.cancel()
