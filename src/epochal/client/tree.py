"""The files of a directory that may become part of an artifact.

Symbolic links are followed as long as they stay inside the directory. Everything that is no
regular file is refused: a pipe would wait for ever, a link could bring in a password file.
"""

from __future__ import annotations

import os
import stat

from epochal.errors import InvalidInput


def inside(path: str, root: str) -> bool:
    """Whether a path, all links followed, lies below a directory."""
    real, top = os.path.realpath(path), os.path.realpath(root)
    return os.path.commonpath([real, top]) == top


def check_regular(path: str) -> str:
    """The absolute path of a regular file or of a link to one.

    Raises:
        InvalidInput: it is missing, or something else.
    """
    full = os.path.abspath(os.path.expanduser(path))
    try:
        mode = os.stat(full).st_mode
    except OSError as error:
        raise InvalidInput(
            f"{full!r} cannot be added: {error.strerror}; give an existing file"
        ) from None
    if stat.S_ISDIR(mode):
        raise InvalidInput(f"{full!r} is a directory; use add_dir()")
    if not stat.S_ISREG(mode):
        raise InvalidInput(f"{full!r} is no regular file, but a {_kind(mode)}; copy its content")
    return full


def walk(root: str) -> dict[str, str]:
    """All files below a directory: absolute paths by relative POSIX paths, sorted.

    Raises:
        InvalidInput: it is no directory; a link leads out of it or nowhere; or something in it is
            no regular file.
    """
    top = os.path.abspath(os.path.expanduser(root))
    if not os.path.isdir(top):
        raise InvalidInput(f"{top!r} is no directory; use add_file() for a file")
    found: dict[str, str] = {}
    open_folders = [("", top, frozenset({os.path.realpath(top)}))]
    while open_folders:
        prefix, folder, above = open_folders.pop()
        for entry in sorted(os.scandir(folder), key=lambda one: one.name):
            path = prefix + entry.name
            if entry.is_symlink() and not inside(entry.path, top):
                raise InvalidInput(
                    f"{entry.path!r} is a link that leads out of {top!r}, to "
                    f"{os.path.realpath(entry.path)!r}; copy what it names, or add it by itself"
                )
            if entry.is_dir():
                real = os.path.realpath(entry.path)
                if real in above:
                    raise InvalidInput(f"{entry.path!r} is a link to a directory that holds it")
                open_folders.append((path + "/", entry.path, above | {real}))
            else:
                found[path] = check_regular(entry.path)
    return dict(sorted(found.items()))


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device"}
    return kinds.get(stat.S_IFMT(mode), "device")
