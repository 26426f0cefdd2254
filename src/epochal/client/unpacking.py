"""From the files of an artifact back to the value of media that was added."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from epochal.client.contents import MEDIA
from epochal.domain.table import decode_table
from epochal.errors import InvalidInput
from epochal.media.table import Table

if TYPE_CHECKING:
    from epochal.client.artifact import Artifact


def unpack(artifact: Artifact, name: str) -> Any:
    """What `Artifact.add` was given under a name.

    Returns:
        A `Table`, whose media cells are dicts with ``kind`` and ``meta``; for other media the
        local path of its data, or its meta when it has none; a list of these for several.

    Raises:
        NotFound: nothing was added under this name.
        InvalidInput: the description in the artifact is damaged.
    """
    data = Path(artifact.get_path(name + MEDIA).download()).read_bytes()
    try:
        items: list[dict[str, Any]] = msgspec.json.decode(data)["items"]
        values = [_unpack(artifact, item) for item in items]
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise InvalidInput(f"{name + MEDIA!r} describes no media: {error}") from None
    return values[0] if len(values) == 1 else values


def _unpack(artifact: Artifact, item: dict[str, Any]) -> Any:
    path = item["blobs"].get("data")
    if path is None:
        return item["meta"]
    local = artifact.get_path(path).download()
    if item["kind"] != "table":
        return local
    head, rows = decode_table(Path(local).read_bytes())
    return Table(columns=head.columns, data=rows)
