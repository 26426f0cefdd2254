"""Small files that appear whole or not at all.

Whoever reads sees the old content or the new one, also while several processes write, and also
after one was killed in the middle; what such a one leaves behind is a file whose name starts with
a point and which nobody reads.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600


def write_whole(
    path: str | Path, data: bytes, *, sync: bool = True, first: bool = False, mode: int = PRIVATE
) -> bool:
    """Give a file its content.

    Args:
        path: the file; its directory must be there.
        data: all of its bytes.
        sync: wait until the bytes are on the disk before they take the name. Without it a loss of
            power may leave an empty file.
        first: leave a file that is there already as it is.
        mode: permissions of the file, less the process's umask.

    Returns:
        Whether the content was written; False only with ``first``.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    directory, name = os.path.split(path)
    part = os.path.join(directory, f".{name}.{os.urandom(8).hex()}.tmp")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(descriptor)
        if not first:
            os.replace(part, path)
            return True
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
            return True
        return False
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)
