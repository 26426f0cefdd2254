"""GraphQL documents: parsed once, found by their text, and refused when they ask for too much.

A document may be at most ``MAX_TEXT`` characters long, select ``MAX_DEPTH`` levels deep and
``MAX_FIELDS`` fields wide with all fragments laid out. Clients send the same few texts again and
again; the last ones are kept parsed. Nothing here looks at a schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from graphql import GraphQLError, Undefined, parse
from graphql.language import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)
from graphql.utilities import value_from_ast_untyped

from epochal.errors import InvalidInput

MAX_TEXT: Final = 100_000
MAX_TOKENS: Final = 20_000
MAX_DEPTH: Final = 32
MAX_FIELDS: Final = 5_000
_KEPT: Final = 512

Fragments = Mapping[str, FragmentDefinitionNode]


class Document(NamedTuple):
    """A parsed document: its operations by name, its fragments by name."""

    operations: dict[str, OperationDefinitionNode]
    fragments: dict[str, FragmentDefinitionNode]

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation of that name, or the only one.

        Raises:
            InvalidInput: there is no such operation.
        """
        if not name and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        found = self.operations.get(name or "")
        if found is None:
            known = ", ".join(sorted(self.operations)) or "none"
            raise InvalidInput(
                f"the document has no operation {name or ''!r:.80}; it has {known:.200}"
            )
        return found


@lru_cache(maxsize=_KEPT)
def read_document(text: str) -> Document:
    """Parse a document.

    Raises:
        InvalidInput: it is no GraphQL, or asks for too much.
    """
    if len(text) > MAX_TEXT:
        raise InvalidInput(
            f"the document has {len(text):,} characters; at most {MAX_TEXT:,} are read"
        )
    try:
        tree = parse(text, no_location=True, max_tokens=MAX_TOKENS)
    except GraphQLError as error:
        raise InvalidInput(f"the document is no GraphQL: {error.message:.300}") from None
    except RecursionError:
        raise InvalidInput("the document is nested too deeply; send a flatter one") from None
    operations: dict[str, OperationDefinitionNode] = {}
    fragments: dict[str, FragmentDefinitionNode] = {}
    for node in tree.definitions:
        if isinstance(node, OperationDefinitionNode):
            operations[node.name.value if node.name else ""] = node
        elif isinstance(node, FragmentDefinitionNode):
            fragments[node.name.value] = node
    for operation in operations.values():
        _check_size(operation.selection_set, fragments)
    return Document(operations, fragments)


def _check_size(root: SelectionSetNode, fragments: Fragments) -> None:
    """Refuse what is too deep or too wide, cycles of fragments among it."""
    count = 0
    stack: list[tuple[SelectionSetNode, int]] = [(root, 1)]
    while stack:
        selected, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise InvalidInput(
                f"the document selects deeper than {MAX_DEPTH} levels; ask in several requests"
            )
        for node in selected.selections or ():
            count += 1
            if count > MAX_FIELDS:
                raise InvalidInput(
                    f"the document selects more than {MAX_FIELDS} fields; ask in several requests"
                )
            inner = _inner(node, fragments)
            if inner is not None:
                stack.append((inner, depth + 1))


def _inner(node: SelectionNode, fragments: Fragments) -> SelectionSetNode | None:
    if isinstance(node, FragmentSpreadNode):
        found = fragments.get(node.name.value)
        if found is None:
            raise InvalidInput(f"the document has no fragment {node.name.value!r:.80}")
        return found.selection_set
    if isinstance(node, (FieldNode, InlineFragmentNode)):
        return node.selection_set
    return None


def read_variables(operation: OperationDefinitionNode, given: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of an operation, with its defaults. Those that it does not declare stay."""
    variables = dict(given)
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        if name not in variables and definition.default_value is not None:
            variables[name] = value_from_ast_untyped(definition.default_value)
    return variables


def arguments_of(node: FieldNode, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a field; those whose variable was not given are left out."""
    found: dict[str, Any] = {}
    for argument in node.arguments or ():
        value = _plain(value_from_ast_untyped(argument.value, dict(variables)))
        if value is not None:
            found[argument.name.value] = value
    return found


def _plain(value: Any) -> Any:
    """A value in which variables that were not given are null."""
    if value is Undefined:
        return None
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def fields(
    selected: SelectionSetNode, document: Document, variables: Mapping[str, Any]
) -> Iterator[tuple[FieldNode, str | None]]:
    """The fields of a selection with fragments laid out, each with the type it is meant for."""
    stack: list[tuple[Iterator[SelectionNode], str | None]] = [
        (iter(selected.selections or ()), None)
    ]
    while stack:
        nodes, wanted = stack[-1]
        for node in nodes:
            if not _is_included(node, variables):
                continue
            if isinstance(node, FieldNode):
                yield node, wanted
                continue
            inner: FragmentDefinitionNode | InlineFragmentNode
            if isinstance(node, FragmentSpreadNode):
                inner = document.fragments[node.name.value]
            elif isinstance(node, InlineFragmentNode):
                inner = node
            else:
                continue
            condition = inner.type_condition
            meant = condition.name.value if condition is not None else wanted
            stack.append((iter(inner.selection_set.selections or ()), meant))
            break
        else:
            stack.pop()


def _is_included(node: SelectionNode, variables: Mapping[str, Any]) -> bool:
    for directive in node.directives or ():
        if directive.name.value not in ("include", "skip"):
            continue
        values = {
            argument.name.value: value_from_ast_untyped(argument.value, dict(variables))
            for argument in directive.arguments or ()
        }
        if bool(values.get("if")) != (directive.name.value == "include"):
            return False
    return True
