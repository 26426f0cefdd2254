"""Coarse copies that were decoded or made lately; they take `KEPT_CELLS` cells at most."""

from __future__ import annotations

from typing import Final, TypeVar

from epochal.store.mip import Mip
from epochal.store.recent import Recent

KEPT_CELLS: Final = 1 << 18
"""About 25 MB; a chart of a million points needs 16,000."""

AnyMip = TypeVar("AnyMip", bound=Mip)


class RecentMips(Recent[AnyMip]):
    """The mips that were used last, each by what it was made of."""

    def __init__(self) -> None:
        super().__init__(lambda mip: len(mip.cells), KEPT_CELLS)
