"""Answers GraphQL operations with resolvers, leniently: what nobody resolves is null and counted.

The only module, with `documents`, that stands on the grammar's library. It is loaded with the
first operation, as most servers never see one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from graphql.language import FieldNode, OperationType, SelectionSetNode

from epochal.errors import InvalidInput
from epochal.protocols.call import Call
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.documents import (
    Document,
    arguments_of,
    fields,
    read_document,
    read_variables,
)
from epochal.protocols.wandb.errors import NotOffered
from epochal.protocols.wandb.execution import UNANSWERED, Asked, Fields, Object

log: Final = logging.getLogger("epochal.server")
MAX_ANSWERS: Final = 200_000
"""Values in one answer, so that few fields of many things are bounded, too."""
MAX_UNANSWERED: Final = 1_000


class Executor:
    """Runs operations.

    Args:
        table: the resolvers.
        interfaces: the types that stand behind the name of an interface or union.
        names: what types of ours are called outside, where that differs.
    """

    def __init__(
        self,
        table: Fields,
        interfaces: Mapping[str, frozenset[str]],
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.table = table
        self.interfaces = interfaces
        self.names = names or {}

    async def run(
        self, call: Call, text: str, variables: Mapping[str, Any], name: str | None
    ) -> dict[str, Any]:
        """The data of one operation.

        Raises:
            InvalidInput: the document cannot be used.
        """
        document = read_document(text)
        operation = document.operation(name)
        if operation.operation is OperationType.SUBSCRIPTION:
            raise InvalidInput("there are no subscriptions here; ask again instead")
        root = "Mutation" if operation.operation is OperationType.MUTATION else "Query"
        values = read_variables(operation, variables)
        return await _Execution(self, document, values, call).select(
            Object(root, {}), [operation.selection_set]
        )


class _Execution:
    """One operation: what it may see, and how much it answered."""

    def __init__(
        self, executor: Executor, document: Document, variables: Mapping[str, Any], call: Call
    ) -> None:
        self._table = executor.table
        self._interfaces = executor.interfaces
        self._names = executor.names
        self._document = document
        self._variables = variables
        self._asked = Asked(call)
        self._answers = 0

    async def select(self, thing: Object, selected: list[SelectionSetNode]) -> dict[str, Any]:
        """The selected fields of a thing, in the order of the document."""
        wanted: dict[str, list[FieldNode]] = {}
        for part in selected:
            for node, type in fields(part, self._document, self._variables):
                if self._is_meant(thing.type, type):
                    key = node.alias.value if node.alias else node.name.value
                    wanted.setdefault(key, []).append(node)
        return {key: await self._field(thing, nodes) for key, nodes in wanted.items()}

    async def _field(self, thing: Object, nodes: list[FieldNode]) -> Any:
        self._answers += 1
        if self._answers > MAX_ANSWERS:
            raise InvalidInput(
                f"the answer has more than {MAX_ANSWERS:,} values; ask for smaller pages"
            )
        name = nodes[0].name.value
        if name == "__typename":
            return self._names.get(thing.type, thing.type) or None
        resolver = self._table.get(thing.type, {}).get(name)
        if resolver is not None:
            given = Given(arguments_of(nodes[0], self._variables))
            found = await resolver(self._asked, thing.value, given)
        elif isinstance(thing.value, Mapping) and name in thing.value:
            found = thing.value[name]
        else:
            _count(f"{thing.type}.{name}")
            if thing.type == "Mutation":  # a change that is not made must not look like one
                raise NotOffered(f"this Epochal server does not offer {name}")
            return None
        inner = [node.selection_set for node in nodes if node.selection_set is not None]
        return await self._complete(found, inner)

    async def _complete(self, found: Any, selected: list[SelectionSetNode]) -> Any:
        if isinstance(found, Object):
            return await self.select(found, selected)
        if not selected:
            return found
        if isinstance(found, list):
            return [await self._complete(item, selected) for item in found]
        if isinstance(found, Mapping):
            return await self.select(Object(str(found.get("__typename", "")), found), selected)
        return found

    def _is_meant(self, type: str, wanted: str | None) -> bool:
        """Whether a fragment on ``wanted`` is about a thing of this type."""
        type = self._names.get(type, type)
        if wanted is None or not type or wanted == type:
            return True
        # A name that we know as another type is about others; one that we do not is an interface.
        behind = self._interfaces.get(wanted)
        return type in behind if behind is not None else wanted not in self._table


def _count(field: str) -> None:
    if field in UNANSWERED:
        UNANSWERED[field] += 1
    elif len(UNANSWERED) < MAX_UNANSWERED:
        UNANSWERED[field] = 1
        log.info("wandb's client asks for %s, which this server does not know: null", field)
