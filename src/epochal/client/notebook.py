"""Whether this process is a notebook's, as its IPython says."""

from __future__ import annotations

import sys
from typing import Any


def find_shell() -> Any | None:
    """The IPython shell that runs this process, of a terminal or of a notebook; None for none."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def in_notebook() -> bool:
    """Whether the code comes from the cells of a notebook.

    A program that imports ``ipykernel``, to begin kernels or through some library, is none.
    """
    return getattr(find_shell(), "kernel", None) is not None
