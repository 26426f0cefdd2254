"""Standard streams that may be missing or closed: what is printed there then goes nowhere.

A process that is started with a closed descriptor would give that number to the next file that it
opens, and later print into it. A long-lived process does not end because nobody reads what it
says.
"""

from __future__ import annotations

import os
import sys


def fill_standard_streams() -> None:
    """Connect each of the descriptors 0, 1 and 2 that is closed with the null device."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  # lives as long as the process


def silence_stdout() -> None:
    """Let standard output go nowhere, so that flushing it again cannot fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def tell(text: str) -> None:
    """Print a line at once; a reader that went away is no reason to stop."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        silence_stdout()
