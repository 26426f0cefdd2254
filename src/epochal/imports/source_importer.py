"""What importers share: the import is held from the beginning of the block to its end."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from epochal.imports.carrier import Carrier
from epochal.imports.outcome import Outcome


class SourceImporter:
    """An import of one source, to be used in a ``with`` block.

    Args:
        home: the home; made when missing.
        source: names the source, see `Ledger`.

    Attributes:
        carrier: what brings the runs in.

    Raises:
        Unavailable: another process imports the same.
    """

    def __init__(self, home: Path, source: str) -> None:
        self.carrier = Carrier(home, source)
        self._closing = ExitStack()

    @property
    def outcome(self) -> Outcome:
        """What was done so far."""
        return self.carrier.outcome

    def __enter__(self) -> Self:
        self._closing.enter_context(self.carrier)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.__exit__(kind, error, trace)
