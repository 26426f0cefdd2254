"""How a run's config stands among those it belongs with. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from epochal.domain.insight import Insight, Kind

LEAST_PEERS: Final = 2
_SHOWN: Final = 60


def find_difference(
    mine: Mapping[str, Any], others: Sequence[Mapping[str, Any]], group: str
) -> list[Insight]:
    """The one key in which a run differs from all others, which agree about it.

    Args:
        mine: the run's config, keys with dots.
        others: those of the runs beside it.
        group: what the runs have in common, as people call it.
    """
    if len(others) < LEAST_PEERS:
        return []
    keys = dict.fromkeys(key for config in (mine, *others) for key in config)
    apart = []
    for key in keys:
        values = [repr(config.get(key, ...)) for config in others]
        if len(set(values)) == 1 and values[0] != repr(mine.get(key, ...)):
            apart.append(key)
    if len(apart) != 1:
        return []
    key = apart[0]
    return [Insight(
        kind=Kind.DIFFERS, severity="info", title=f"Alone with {key} = {_shown(mine, key)}",
        text=f"Among {len(others) + 1} runs of {group} only this one has {key} = "
        f"{_shown(mine, key)}; {_of_others(others[0], key)}.",
        key=key, place="overview", numbers={"runs": len(others) + 1},
    )]  # fmt: skip


def _of_others(config: Mapping[str, Any], key: str) -> str:
    return f"the others have {_shown(config, key)}" if key in config else "the others lack it"


def _shown(config: Mapping[str, Any], key: str) -> str:
    return repr(config[key])[:_SHOWN] if key in config else "nothing"
