"""DataLoaders: the dataset as a tree, and what the loader was built with.

Sampling order, seed of the generator and batch size come back; worker processes start anew. A
collate function is kept by its name.
"""

from __future__ import annotations

import sys
from typing import Any

from epochal.models.optional import need
from epochal.pipelines.serializers.parts import Outbox, Parts
from epochal.pipelines.serializers.tree import Tree

_PLAIN = (
    "num_workers", "pin_memory", "drop_last", "timeout", "prefetch_factor", "persistent_workers",
    "pin_memory_device",
)  # fmt: skip


class Loader:
    """``torch.utils.data.DataLoader`` itself."""

    name = "dataloader"
    kind = "dataset"

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        torch = sys.modules.get("torch")
        return torch is not None and type(value) is torch.utils.data.DataLoader

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        data = sys.modules["torch"].utils.data
        form: dict[str, Any] = {name: getattr(value, name) for name in _PLAIN}
        form["dataset"] = value.dataset
        form["generator"] = value.generator
        form["worker_init_fn"] = value.worker_init_fn
        form["collate_fn"] = _named_collate(value.collate_fn, data)
        own_batches = type(value.batch_sampler) in (data.BatchSampler, type(None))
        if not own_batches:
            form["batch_sampler"] = value.batch_sampler
        else:
            form["batch_size"] = value.batch_size
            form |= _sampling(value, data)
        Tree().save(form, out)

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        form = Tree().load(parts)
        loader = need("torch", "reading a DataLoader").utils.data.DataLoader
        if "batch_sampler" in form:
            form.pop("drop_last")
        if form["num_workers"] == 0:
            form.pop("prefetch_factor")
        if not form["pin_memory_device"]:
            form.pop("pin_memory_device")
        if form["collate_fn"] is None:
            form.pop("collate_fn")
        return loader(**form)


def _named_collate(function: Any, data: Any) -> Any:
    """None for PyTorch's own, which depend on whether there are batches."""
    own = (data.default_collate, data._utils.collate.default_convert)  # noqa: SLF001 - no other name
    return None if function in own else function


def _sampling(value: Any, data: Any) -> dict[str, Any]:
    if isinstance(value.dataset, data.IterableDataset):
        return {}
    if type(value.sampler) is data.SequentialSampler:
        return {"shuffle": False}
    if type(value.sampler) is data.RandomSampler and value.sampler.data_source is value.dataset:
        plain = not value.sampler.replacement and value.sampler._num_samples is None  # noqa: SLF001
        if plain and value.sampler.generator is value.generator:
            return {"shuffle": True}
    return {"sampler": value.sampler}
