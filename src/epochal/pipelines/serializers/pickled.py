"""Pickles, for outputs that are annotated with ``pickled`` and nothing else.

Reading a pickle runs the code in it. So one is read only where the step that wants it, or the
user, says so, and only from bytes whose digest was written down when a step made them.
"""

from __future__ import annotations

import pickle
from typing import Any

from epochal.errors import InvalidInput
from epochal.pipelines.serializers.parts import Outbox, Parts
from epochal.pipelines.serializers.registry import unsafe

PICKLE = "value.pickle"


class Pickled:
    """See the module. Chosen by annotation, never by type."""

    name = "pickle"
    kind = "value"

    def matches(self, value: Any) -> bool:  # noqa: ARG002 - the contract
        """Never by itself."""
        return False

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        if not out.pickle:
            raise unsafe(value)
        try:
            out.put(PICKLE, pickle.dumps(value, protocol=5))
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidInput(
                f"a {type(value).__name__} cannot even be pickled ({error}); return something else"
            ) from None

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        return pickle.loads(parts.read(PICKLE))  # noqa: S301 - asked for by the user, checked by digest
