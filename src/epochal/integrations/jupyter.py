"""``%load_ext epochal``: the magic ``%epochal`` shows the current run below a cell.

``%epochal`` shows it once, ``%epochal on`` below every cell that logged something, ``%epochal
off`` no more. A run that is the last value of a cell shows itself, without the extension.
"""

from __future__ import annotations

import weakref
from typing import Any, Final

from epochal.client.api import current_run

USAGE: Final = (
    "%epochal shows the current run; %epochal on and %epochal off switch it for all cells"
)

_shown: Final[weakref.WeakKeyDictionary[Any, Shower]] = weakref.WeakKeyDictionary()


class Shower:
    """Shows the current run in one shell.

    Args:
        shell: IPython's.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = weakref.ref(shell)
        self._mark: object = None
        self._always = False

    def magic(self, line: str) -> None:
        """What ``%epochal`` does."""
        word = line.strip()
        if word in ("on", "off"):
            self._always = word == "on"
        elif word:
            print(USAGE)  # noqa: T201 - the answer to who typed it
        else:
            self.show()

    def show(self) -> None:
        """Show the current run."""
        run = current_run()
        if run is None:
            print("there is no run; start one with epochal.init()")  # noqa: T201 - see above
            return
        self._mark = run.mark()
        shell = self._shell()
        if shell is not None:
            shell.display_pub.publish({"text/html": run._repr_html_(), "text/plain": repr(run)})

    def after_cell(self, result: Any = None) -> None:
        """Show the run if the cell logged something."""
        del result
        run = current_run()
        if self._always and run is not None and run.mark() != self._mark:
            self.show()


def load_ipython_extension(shell: Any) -> None:
    """What ``%load_ext epochal`` calls."""
    if shell in _shown:
        return
    shower = _shown[shell] = Shower(shell)
    shell.register_magic_function(shower.magic, "line", "epochal")
    shell.events.register("post_run_cell", shower.after_cell)


def unload_ipython_extension(shell: Any) -> None:
    """What ``%unload_ext epochal`` calls."""
    shower = _shown.pop(shell, None)
    if shower is not None:
        shell.events.unregister("post_run_cell", shower.after_cell)
