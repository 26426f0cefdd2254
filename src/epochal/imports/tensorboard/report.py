"""What an import did, what it could not read, and what cannot be imported at all."""

from __future__ import annotations

import os
from collections import Counter

import msgspec

from epochal.errors import InvalidInput, NotFound
from epochal.imports.tensorboard.stretch import Stretch


class Report(msgspec.Struct):
    """What was brought in.

    Attributes:
        runs: names of runs that got something.
        files: event files that were read.
        bytes: of event files.
        counts: how many of what.
        problems: what could not be read, in sentences.
    """

    runs: set[str] = set()
    files: set[str] = set()
    bytes: int = 0
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    problems: dict[str, str] = {}

    def judge(self, path: str, stretch: Stretch, *, live: bool) -> None:
        """Take note of what is odd about a file.

        Args:
            path: of the file.
            stretch: what was read of it last.
            live: whether its end may still be written.
        """
        state, records = stretch.state, stretch.records
        left = stretch.size - state.to
        self.problems.pop(path, None)
        if records.tail_damaged and not state.to:
            self.problems[path] = f"{path} is no event file: it begins with no record"
        elif records.tail_damaged:
            self.problems[path] = (
                f"{path} is damaged from byte {state.to} on; the {left} bytes from there are "
                f"not read until a sound record follows"
            )
        elif left and state.offset + len(stretch.buffer) >= stretch.size and not live:
            self.problems[path] = (
                f"{path} ends within a record; its last {left} bytes wait for the rest"
            )
        if state.damaged:
            self.problems[f"{path} damaged"] = (
                f"{path} has {state.damaged} damaged records, which are left out"
            )
        if stretch.replaced:
            self.problems[f"{path} replaced"] = (
                f"{path} is not the file that was read before; it is read from its beginning"
            )


def check_logdir(logdir: str | os.PathLike[str]) -> str:
    """The real path of a log directory.

    Raises:
        NotFound: there is none.
        InvalidInput: it is no directory, or may not be read.
    """
    root = os.path.realpath(os.path.expanduser(logdir))
    if not os.path.exists(root):
        raise NotFound(f"there is no directory {root}; name the one that TensorBoard would get")
    if not os.path.isdir(root):
        raise InvalidInput(f"{root} is a file; name the directory that holds the event files")
    if not os.access(root, os.R_OK | os.X_OK):
        raise InvalidInput(f"{root} may not be read by this user; check its permissions")
    return root
