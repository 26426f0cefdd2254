"""Runs in groups that share values: what is asked of them, and what is told.

Field by field the structs are the JSON of docs/internals/wire.md, as those of `domain.view`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from epochal.domain.names import DEFAULT_ENTITY


class GroupQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Runs that share values of the fields in ``by``, outermost first.

    ``where``, ``columns`` and ``order`` are those of `RunQuery`; ``members`` asks for the uids of
    the innermost groups.
    """

    project: str
    by: list[str]
    entity: str = DEFAULT_ENTITY
    where: str = ""
    order: list[str] = []
    limit: int = 1000
    columns: list[str] = []
    archived: bool = False
    members: bool = False


class GroupRow(msgspec.Struct, frozen=True):
    """A group: as many ``values`` as levels lead to it.

    ``where`` is the condition that holds for its runs among those of the query, ``color`` counts
    the groups of its level in the order in which their first runs came, whatever is filtered.
    """

    values: list[Any]
    runs: int
    color: int
    where: str
    uids: list[str] | None = None


class GroupCell(msgspec.Struct, frozen=True):
    """A column over all runs of a group.

    ``n`` runs have a value, ``bad`` of them one that is NaN or infinite; ``mean``, ``std``
    (n - 1), ``min`` and ``max`` are over the finite numbers, None where there are too few.
    ``value`` is what all those runs share when ``distinct`` is 1.
    """

    n: int
    bad: int
    distinct: int
    value: Any
    mean: float | None
    std: float | None
    min: float | None
    max: float | None


class GroupPage(msgspec.Struct, frozen=True):
    """Groups, each followed by those inside it; ``columns[name][i]`` belongs to ``groups[i]``.

    ``found`` counts the groups of all levels, of which the first ``limit`` are here; ``matched``
    counts the runs.
    """

    total: int
    matched: int
    found: int
    groups: list[GroupRow]
    columns: dict[str, list[GroupCell]]
