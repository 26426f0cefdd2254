"""Which paths the files of a run take, for clients that expect a folder as on a disk.

On a disk a name is a file or a folder. Where both were taken in under one name, the folder would
hide the file from every list, and nobody could download the two side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from epochal.errors import InvalidInput


class Occupied:
    """The files of one run, and the folders that they make.

    Args:
        paths: of the files that are there.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._files: set[str] = set()
        self._folders: Counter[str] = Counter()
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        """A file is there from now on."""
        if path not in self._files:
            self._files.add(path)
            self._folders.update(_above(path))

    def remove(self, path: str) -> None:
        """A file is gone, and folders of which it was the last one."""
        if path in self._files:
            self._files.discard(path)
            for folder in _above(path):
                self._folders[folder] -= 1
                if not self._folders[folder]:
                    del self._folders[folder]

    def check(self, path: str) -> None:
        """Refuse a file that cannot lie beside those that are there; the same path may come again.

        Raises:
            InvalidInput: it would be a folder and a file at once.
        """
        if path in self._folders:
            raise InvalidInput(
                f"Invalid path: {path[:200]!r} is a folder of this run; give the file another "
                f"name, or delete the folder first"
            )
        for folder in _above(path):
            if folder in self._files:
                raise InvalidInput(
                    f"Invalid path: {folder[:200]!r} is a file of this run, so {path[:200]!r} "
                    f"cannot lie in it; use another folder, or delete the file first"
                )


def _above(path: str) -> Iterator[str]:
    """The folders in which a path lies, the innermost first."""
    while (path := path.rpartition("/")[0]) != "":
        yield path
