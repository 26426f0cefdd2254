"""Names of the classes in masks and boxes, which wandb's client tells in its config. Pure.

The config often comes after the image; whoever records one asks `lacks_names` whether to wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from epochal.domain.record import MediaItem

KINDS: Final = {"masks": "mask/class_labels", "boxes": "bounding_box/class_labels"}
"""Where the client's own config holds the names, by where an item's meta does."""
LISTS: Final = {"masks": "all_masks", "boxes": "all_boxes"}
BETWEEN: Final = "_wandb_delimeter_"
"""Between the key of an image and the name of its mask or boxes; the spelling is the client's."""


def name_classes(items: Iterable[MediaItem], key: str, own: Mapping[str, Any]) -> None:
    """Give masks and boxes the names of their classes, where they have none.

    Args:
        items: changed in place.
        key: under which they were logged.
        own: the entry ``_wandb`` of the config.
    """
    for item in items:
        for kind in KINDS:
            for name, overlay in item.meta.get(kind, {}).items():
                if not overlay["class_labels"]:
                    overlay["class_labels"] = _names(own, kind, key, name) or {}


def lacks_names(value: Mapping[str, Any], key: str, own: Mapping[str, Any]) -> bool:
    """Whether a value has masks or boxes of which the config does not tell the classes."""
    return any(_names(own, kind, key, name) is None for kind, name in _overlays(value))


def _overlays(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, several in LISTS.items():
        groups = value.get(several)
        for group in (value.get(kind), *(groups if isinstance(groups, list) else ())):
            if isinstance(group, dict):
                yield from ((kind, name) for name in group)


def _names(own: Mapping[str, Any], kind: str, key: str, name: str) -> dict[str, str] | None:
    known = own.get(KINDS[kind])
    if not isinstance(known, dict):
        return None
    # Of a nested key the client names the last part.
    for text in (key, key.rpartition(".")[2]):
        entry = known.get(f"{text}{BETWEEN}{name}")
        labels = entry.get("value") if isinstance(entry, dict) else None
        if isinstance(labels, dict):
            return {str(number): str(label) for number, label in labels.items()}
    return None
