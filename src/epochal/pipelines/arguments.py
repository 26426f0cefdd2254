"""The arguments of a call as text and references, so that they go anywhere and into a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal.domain.pipeline import Stored
from epochal.errors import InvalidInput
from epochal.pipelines import plain
from epochal.pipelines.futures import Future
from epochal.pipelines.node import Node


def encode_argument(
    node: Node,
    argument: str,
    value: Any,
    need: Callable[[Node, Any], None],
    external: Callable[[Node, str, Any], Stored],
) -> None:
    """Write an argument into a call.

    Args:
        node: the call.
        argument: the name.
        value: plain values with futures inside at any depth; what is neither is stored.
        need: told of each future.
        external: stores a value that is neither plain nor a future.

    Raises:
        InvalidInput: it holds something that cannot be stored.
    """
    known: dict[int, int] = {}
    alive: list[Any] = []

    def leaf(inner: Any) -> Any:
        if isinstance(inner, Future):
            need(node, inner)
            if inner.index is None:
                return None
        place = known.get(id(inner))
        if place is None:
            alive.append(inner)
            place = known[id(inner)] = len(node.inputs)
            kept = inner if isinstance(inner, Future) else external(node, argument, inner)
            node.inputs.append(kept)
            node.used.setdefault(argument, []).append(place)
        return {"$input": place}

    try:
        encoded = plain.encode(value, leaf)
    except InvalidInput as error:
        raise InvalidInput(
            f"step {node.name!r}: argument {argument!r}: {error.message}"
        ) from error
    node.arguments[argument] = encoded
    node.texts[argument] = plain.text_of(encoded)
