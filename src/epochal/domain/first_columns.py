"""Which columns a runs table shows before anybody chose: a few that tell runs apart.

Losses and scores come first, then settings that most runs have. Same keys, same columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final, Literal

MOST_METRICS: Final = 3
MOST_SETTINGS: Final = 4

_PLAIN: Final = re.compile(r"[A-Za-z_][\w./@:+-]*", re.ASCII)
LOSS: Final = re.compile(r"loss|nll|perplexity|(^|[^a-z])ppl")
SCORE: Final = re.compile(
    r"acc|f1|auc|bleu|iou|score|reward|map(_|$|\b)|precision|recall|top[-_ ]?[15]"
)
HELD_OUT: Final = re.compile(r"(^|[^a-z])(val|valid|validation|eval|test)([^a-z]|$)")
_HELD_OUT_SECTIONS: Final = ("val", "valid", "validation", "eval", "test")
_SETTINGS: Final = (
    "lr", "learning_rate", "model", "arch", "optimizer", "batch_size", "epochs", "seed",
)  # fmt: skip


def first_columns(
    metrics: Iterable[tuple[str, int]], config: Iterable[tuple[str, int]]
) -> list[str]:
    """The columns of a project's table.

    Args:
        metrics: every series key, and how many runs have it.
        config: every config key, and how many runs have it.

    Returns:
        Columns as `domain.query` spells them.

    Example:
        >>> first_columns([("val/acc", 3), ("val/loss", 3), ("lr", 3)], [("lr", 3), ("rare", 1)])
        ['last(val/loss)', 'last(val/acc)', 'config.lr']
    """
    ranked = sorted((_worth(key), -runs, natural(key), key) for key, runs in metrics)
    shown = [key for worth, *_, key in ranked if worth < _NOTHING][:MOST_METRICS]
    told = list(config)
    most = max((runs for _, runs in told), default=0)
    common = sorted(
        (_importance(key), -runs, natural(key), key) for key, runs in told if runs >= most / 2
    )
    return [
        *(metric_column("last", key) for key in shown),
        *(fact_column("config", key) for *_, key in common[:MOST_SETTINGS]),
    ]


def metric_column(aggregate: Literal["last", "min", "max", "mean", "count"], key: str) -> str:
    """The column of a series' value: ``last(val/acc)``, ``min("odd key")``."""
    return f"{aggregate}({key if _PLAIN.fullmatch(key) else _quoted(key)})"


def fact_column(kind: Literal["config", "summary"], key: str) -> str:
    """The column of a value of config or summary: ``config.lr``, ``config["odd key"]``."""
    plain = _PLAIN.fullmatch(key) and not key.endswith(".")
    return f"{kind}.{key}" if plain else f"{kind}[{_quoted(key)}]"


def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


_NOTHING: Final = 4


def _worth(key: str) -> int:
    """Held-out losses, held-out scores, losses, scores, the rest."""
    word = key.lower()
    section = word.partition("/")[0]
    if section == "system":
        return _NOTHING
    if LOSS.search(word):
        return 0 if HELD_OUT.search(word) else 2
    if SCORE.search(word):
        return 1 if "/" in word and section in _HELD_OUT_SECTIONS else 3
    return _NOTHING


def _importance(key: str) -> int:
    word = re.split(r"[./]", key.lower())[-1]
    return _SETTINGS.index(word) if word in _SETTINGS else len(_SETTINGS)


def natural(key: str) -> list[tuple[int, str]]:
    """Sorts ``layer2`` before ``layer10``."""
    parts = re.split(r"(\d+)", key.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
