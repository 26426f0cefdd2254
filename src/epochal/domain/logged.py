"""Logged models: models that a client logged with a run, as the labels of that run tell them.

What a model is stands in one label, its newest metrics in another, so that it survives whatever
the run survives. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from typing import Final

import msgspec

HOLDER: Final = "$holder"
"""The label of a run that was made for a model alone."""
MODEL: Final = "$model:"
"""How the label of a model begins; its id follows."""
METRICS: Final = "$metrics:"
"""How the label of a model's metrics begins; its id follows."""
READY: Final = "LOGGED_MODEL_READY"
PENDING: Final = "LOGGED_MODEL_PENDING"


class Facts(msgspec.Struct, frozen=True):
    """What is known of a model, but for its metrics. ``run`` is empty when no run made it."""

    name: str
    kind: str
    run: str
    status: str
    created_us: int
    updated_us: int
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    deleted: bool = False


class ModelMetric(msgspec.Struct, frozen=True):
    """The newest value of a metric of a model, on a dataset when it has a name.

    ``value`` is the text of a float: JSON has no NaN.
    """

    key: str
    value: str
    step: int
    t_us: int
    run: str
    dataset: str = ""
    digest: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What at most one metric of a model has."""
        return self.key, self.run, self.dataset, self.digest


decode_facts: Final = msgspec.json.Decoder(Facts).decode
decode_metrics: Final = msgspec.json.Decoder(list[ModelMetric]).decode
