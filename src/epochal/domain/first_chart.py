"""Which chart stands first on a project's page before anybody arranged it.

`sectionsOf` of the page (`web/src/core/sections.ts`) decides; this is its order once more, so that
the document can bring along what is drawn first. Where the two differ the page asks by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from epochal.domain.first_columns import HELD_OUT, LOSS, SCORE, natural

_EARLY: Final = ("train", "val", "valid", "validation", "eval", "test")
_SYSTEM: Final = "system"
_OTHERS: Final = "metrics"
"""What the section of keys without a prefix is called."""


def first_chart(keys: Iterable[str]) -> str | None:
    """The key of the first chart; None where no chart is open.

    Example:
        >>> first_chart(["system/cpu", "val/loss", "train/acc", "train/loss"])
        'train/loss'
    """
    sections: dict[str, list[str]] = {}
    for key in keys:
        prefix, slash, _ = key.partition("/")
        sections.setdefault(prefix if slash else "", []).append(key)
    sections.pop(_SYSTEM, None)
    if not sections:
        return None
    first = min(sections, key=lambda name: _section_order(name, sections[name]))
    return min(sections[first], key=lambda key: (_rank(key), natural(key), key))


def _section_order(name: str, keys: list[str]) -> tuple[int, list[tuple[int, str]], str]:
    shown = name or _OTHERS
    if shown.lower() in _EARLY:
        rank = _EARLY.index(shown.lower())
    else:
        rank = len(_EARLY) + min(map(_rank, keys))
    return rank, natural(shown), shown


def _rank(key: str) -> int:
    """Losses, held-out losses, scores, other held-out ones, the rest."""
    word = key.lower()
    held_out = HELD_OUT.search(word) is not None
    if LOSS.search(word):
        return 1 if held_out else 0
    if SCORE.search(word):
        return 2
    return 3 if held_out else 4
