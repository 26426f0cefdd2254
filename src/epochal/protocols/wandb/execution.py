"""What resolvers are made of: things with a type, the operation that asks, the tables of fields.

There is no schema to break: a client that is newer than this server gets null for a field it
invented, and `UNANSWERED` says how often that happened. A resolver is an async function for one
field of one type, listed in the table ``FIELDS`` of its area's module; see
docs/internals/foreign.md. It answers with a scalar, with an `Object`, with a list of those, or
with a mapping, whose entries answer the fields of the same names. `executor` runs operations with
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from epochal.protocols.call import Call
from epochal.protocols.wandb.arguments import Given

UNANSWERED: Final[Counter[str]] = Counter()
"""How often each ``Type.field`` was asked for that nothing answers."""


class Object(NamedTuple):
    """A thing of a GraphQL type; its resolvers get ``value``."""

    type: str
    value: Any


class Asked:
    """One operation under way.

    Attributes:
        call: the request; it knows who asks and runs use cases.
        memory: what resolvers of this operation looked up already, by a key of their choice.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.memory: dict[Any, Any] = {}


Resolver: TypeAlias = Callable[[Asked, Any, Given], Awaitable[Any]]
"""Gets the operation, the value of the `Object` that the field is of, and the arguments."""
Fields: TypeAlias = Mapping[str, Mapping[str, Resolver]]
"""Resolvers by type and field."""


def merged(*tables: Fields) -> dict[str, dict[str, Resolver]]:
    """Several tables as one.

    Raises:
        RuntimeError: two tables answer the same field.
    """
    found: dict[str, dict[str, Resolver]] = {}
    for table in tables:
        for type, resolvers in table.items():
            known = found.setdefault(type, {})
            twice = sorted(known.keys() & resolvers.keys())
            if twice:
                raise RuntimeError(f"two areas answer {type}.{twice[0]}; keep one")
            known.update(resolvers)
    return found
