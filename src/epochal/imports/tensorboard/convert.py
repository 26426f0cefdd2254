"""From events to rows, facts and media, in Epochal's own terms.

`Converter.take` never fails for what a record holds: what cannot be understood is kept as a file
of the run with its bytes, and counted. Media bytes are stored as blobs before a fact names them.
What a tag said about itself once counts for all its later values, as writers say it only once.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, Final

from epochal.domain import record
from epochal.domain.encode import type_of
from epochal.domain.record import Config, Cut, Environment, Fact, File, Media, MediaItem
from epochal.domain.sniff import HEAD, sniff_image
from epochal.imports.tensorboard import hparams, plugins
from epochal.imports.tensorboard.event import (
    AUDIO,
    HISTOGRAM,
    IMAGE,
    SCALAR,
    START,
    TENSOR,
    Event,
    Metadata,
    Tensor,
    Value,
    read_event,
    read_tensor,
)
from epochal.imports.tensorboard.histograms import read_buckets, read_histogram
from epochal.imports.tensorboard.naming import file_path, key_of
from epochal.imports.tensorboard.output import Output, Row
from epochal.imports.tensorboard.wire import Malformed, Message
from epochal.journal.blobs import Blobs

INLINE_TEXT: Final = 4096
INLINE_PLOT: Final = 32_768
FOLDER: Final = "tensorboard"
_LAYOUT_TAG: Final = "custom_scalars__config__"
_LEVELS: Final = ((40, "error"), (30, "warning"), (0, "info"))
_NOTHING: Final = Metadata()


class Converter:
    """Turns the records of one directory's event files into what a journal holds.

    Args:
        blobs: where the bytes of media go; not synced.
        tags: what is known of the directory's tags; changed when more becomes known.
        suffix: added to every key, for a directory that ``add_scalars`` made.
        output: where everything goes.
    """

    def __init__(
        self, blobs: Blobs, tags: dict[str, Metadata], suffix: str, output: Output
    ) -> None:
        self._blobs = blobs
        self._tags = tags
        self._suffix = suffix
        self._out = output
        self._meshes: dict[tuple[str, int], dict[int, Any]] = {}
        self._mesh_places: dict[tuple[str, int], tuple[int, Event, str]] = {}
        self._tensors: dict[str, Callable[[int, Event, Value, Metadata, Tensor], None]] = {
            "scalars": self._number,
            "images": self._images,
            "audio": self._sounds,
            "histograms": self._buckets,
            "text": self._texts,
            "pr_curves": self._curve,
            "mesh": self._mesh_part,
            "custom_scalars": self._layout,
            "": self._unmarked,
        }

    def take(self, order: int, data: bytes) -> bool:
        """Convert a record; False when it is no event at all.

        Args:
            order: number of the record.
            data: its bytes.
        """
        try:
            event = read_event(data)
        except Malformed:
            return False
        self._out.saw(event.wall_us)
        if event.session == START:
            self._fact(order, Cut(event.step, event.wall_us))
            self._out.counts["restarts"] += 1
        if event.log is not None:
            self._log(order, event, *event.log)
        self._keep_graphs(order, event)
        for value in event.values:
            try:
                self._value(order, event, value)
            except (Malformed, ValueError, OverflowError, TypeError, IndexError):
                self._keep_value(order, event, value, "unreadable")
        return True

    def finish(self) -> None:
        """Convert the meshes, whose parts may lie in several records."""
        for place, parts in self._meshes.items():
            order, event, key = self._mesh_places[place]
            try:
                shapes = plugins.build_meshes(parts)
            except (Malformed, ValueError, OverflowError):
                self._out.counts["unreadable"] += 1
                continue
            items = [self._item("object3d", s.meta, s.data, s.suffix) for s in shapes]
            self._media(order, event, key, items, "meshes", many=len(items) > 1)
        self._meshes.clear()

    # ------------------------------------------------------------------------------ one value

    def _value(self, order: int, event: Event, value: Value) -> None:
        known = self._tags.get(value.tag)
        if value.metadata is not None and (known is None or value.metadata.plugin):
            known = self._tags[value.tag] = value.metadata
        metadata = known or _NOTHING
        if metadata.plugin == hparams.PLUGIN and value.tag.startswith(hparams.PREFIX):
            self._session(order, event, value.metadata or metadata)
        elif value.field == SCALAR:
            self._row(order, event, value, value.scalar)
        elif value.field == IMAGE:
            self._image(order, event, value)
        elif value.field == HISTOGRAM:
            meta = read_histogram(value.content)
            self._plain(order, event, value, MediaItem("histogram", meta), "histograms")
        elif value.field == AUDIO:
            self._audio(order, event, value)
        elif value.field == TENSOR and metadata.plugin in self._tensors:
            tensor = read_tensor(value.content)
            self._tensors[metadata.plugin](order, event, value, metadata, tensor)
        elif value.field or value.metadata is not None:
            self._keep_value(order, event, value, metadata.plugin or "unknown")

    def _key(self, value: Value) -> str:
        return key_of(value.tag, self._suffix)

    def _row(self, order: int, event: Event, value: Value, number: float | int | bool) -> None:  # noqa: PYI041
        self._out.rows.append(Row(order, self._key(value), event.step, event.wall_us, number))
        self._out.counts["scalars"] += 1

    def _fact(self, order: int, fact: Fact) -> None:
        self._out.facts.append((order, fact))

    def _item(self, kind: str, meta: dict[str, Any], data: bytes, suffix: str) -> MediaItem:
        return MediaItem(kind, meta, {"data": self._blobs.put(data, type_of(suffix), sync=False)})

    def _media(
        self, order: int, event: Event, key: str, items: list[MediaItem], what: str, *, many: bool
    ) -> None:
        if items:
            self._fact(order, Media(key, event.step, event.wall_us, items, many))
            self._out.counts[what] += len(items)

    def _plain(self, order: int, event: Event, value: Value, item: MediaItem, what: str) -> None:
        self._media(order, event, self._key(value), [item], what, many=False)

    # ------------------------------------------------------------------------------ old forms

    def _image(self, order: int, event: Event, value: Value) -> None:
        message = Message(value.content)
        size = (message.unsigned(2), message.unsigned(1))
        self._plain(order, event, value, self._picture(message.data(4) or b"", size), "images")

    def _picture(self, data: bytes, size: tuple[int, int]) -> MediaItem:
        sniffed = sniff_image(data[:HEAD])
        if sniffed is None:
            raise Malformed("this is no image")
        width, height = sniffed.width or size[0], sniffed.height or size[1]
        meta = {"width": width, "height": height}
        return self._item("image", meta, data, sniffed.suffix)

    def _audio(self, order: int, event: Event, value: Value) -> None:
        message = Message(value.content)
        rate, frames = message.float(1) or 0.0, message.unsigned(3)
        meta: dict[str, Any] = {"channels": message.unsigned(2)}
        if 0 < rate < 1e9:
            meta |= {"sample_rate": round(rate), "duration": frames / rate}
        data = message.data(4) or b""
        self._plain(order, event, value, self._sound(data, meta), "audio")

    def _sound(self, data: bytes, meta: dict[str, Any]) -> MediaItem:
        known = wav_facts(data)
        suffix = "wav" if data[:4] == b"RIFF" else "mp3" if data[:3] == b"ID3" else "bin"
        return self._item("audio", {**known, **meta}, data, suffix)

    # ------------------------------------------------------------------------------ tensors

    def _number(
        self, order: int, event: Event, value: Value, metadata: Metadata, tensor: Tensor
    ) -> None:
        del metadata
        if tensor.array is None or tensor.array.size != 1 or tensor.array.dtype.kind == "c":
            raise Malformed("this is no scalar")
        number = tensor.array.reshape(()).item()
        self._row(order, event, value, number)

    def _images(
        self, order: int, event: Event, value: Value, metadata: Metadata, tensor: Tensor
    ) -> None:
        del metadata
        width, height = (int(text) for text in tensor.strings[:2])
        items = [self._picture(data, (width, height)) for data in tensor.strings[2:]]
        self._media(order, event, self._key(value), items, "images", many=len(items) > 1)

    def _sounds(
        self, order: int, event: Event, value: Value, metadata: Metadata, tensor: Tensor
    ) -> None:
        del metadata
        labeled = len(tensor.shape) == 2 and tensor.shape[1] == 2
        sounds = tensor.strings[::2] if labeled else tensor.strings
        labels = tensor.strings[1::2] if labeled else [b""] * len(sounds)
        items = []
        for data, label in zip(sounds, labels, strict=True):
            meta = {"caption": label.decode("utf-8", "replace")} if label else {}
            items.append(self._sound(data, meta))
        self._media(order, event, self._key(value), items, "audio", many=len(items) > 1)

    def _buckets(
        self, order: int, event: Event, value: Value, metadata: Metadata, tensor: Tensor
    ) -> None:
        del metadata
        if tensor.array is None or tensor.array.ndim != 2 or tensor.array.shape[1] != 3:
            raise Malformed(f"a histogram of shape {tensor.shape}")
        meta = read_buckets(tensor.array)
        self._plain(order, event, value, MediaItem("histogram", meta), "histograms")

    def _texts(
        self, order: int, event: Event, value: Value, metadata: Metadata, tensor: Tensor
    ) -> None:
        del metadata
        if tensor.array is not None:
            raise Malformed("a text of numbers")
        texts = [text.decode("utf-8", "replace") for text in tensor.strings]
        if len(tensor.shape) > 1:
            texts = [markdown_table(texts, tensor.shape[-1])]
        items = [self._text(text) for text in texts]
        self._media(order, event, self._key(value), items, "texts", many=len(tensor.shape) == 1)

    def _text(self, text: str) -> MediaItem:
        data = text.encode()
        if len(data) <= INLINE_TEXT:
            return MediaItem("markdown", {"text": text})
        return self._item("markdown", {}, data, "md")

    def _curve(
        self, order: int, event: Event, value: Value, metadata: Metadata, tensor: Tensor
    ) -> None:
        del metadata
        if tensor.array is None:
            raise Malformed("a PR curve of strings")
        spec = plugins.read_pr_curve(tensor.array, self._key(value))
        meta: dict[str, Any] = {"type": "pr", "title": self._key(value)}
        data = json.dumps(spec, separators=(",", ":")).encode()
        if len(data) > INLINE_PLOT:
            item = self._item("plot", meta, data, "json")
        else:
            item = MediaItem("plot", {**meta, "spec": spec})
        self._plain(order, event, value, item, "PR curves")

    def _mesh_part(
        self, order: int, event: Event, value: Value, metadata: Metadata, tensor: Tensor
    ) -> None:
        part = plugins.read_mesh_part(metadata.content)
        if tensor.array is None:
            raise Malformed("a mesh of strings")
        name = part.name or value.tag.rpartition("_")[0] or value.tag
        place = (name, event.step)
        if part.content in self._meshes.get(place, {}):
            self.finish()
        self._meshes.setdefault(place, {})[part.content] = tensor.array
        self._mesh_places.setdefault(place, (order, event, key_of(name, self._suffix)))

    def _layout(
        self, order: int, event: Event, value: Value, metadata: Metadata, tensor: Tensor
    ) -> None:
        del metadata
        if value.tag != _LAYOUT_TAG or len(tensor.strings) != 1:
            raise Malformed("a layout is one string")
        layout = plugins.read_layout(tensor.strings[0])
        data = json.dumps(layout, indent=1).encode()
        self._file(order, event, f"{FOLDER}/custom_scalars.json", data, "json", "layouts")

    def _unmarked(
        self, order: int, event: Event, value: Value, metadata: Metadata, tensor: Tensor
    ) -> None:
        """A tensor without metadata: a number or texts, else it is kept."""
        if tensor.array is None:
            self._texts(order, event, value, metadata, tensor)
        else:
            self._number(order, event, value, metadata, tensor)

    # ------------------------------------------------------------------------------ the rest

    def _session(self, order: int, event: Event, metadata: Metadata) -> None:
        session = hparams.read_session(metadata.content)
        if session.config:
            self._fact(order, Config(event.wall_us, session.config))
            self._out.counts["hyperparameters"] += len(session.config)
        if session.more:
            self._fact(order, Environment(event.wall_us, {"hparams": session.more}))
        if session.experiment is not None:
            path = f"{FOLDER}/hparams_experiment.pb"
            self._file(order, event, path, session.experiment, "pb", "hyperparameter domains")
        self._out.ending = session.ending or self._out.ending

    def _log(self, order: int, event: Event, text: str, level: int) -> None:
        name = next(name for least, name in _LEVELS if level >= least)
        self._fact(order, record.Event(event.wall_us, name, text[:256] or "(empty)", text[256:]))
        self._out.counts["log messages"] += 1

    def _keep_graphs(self, order: int, event: Event) -> None:
        if event.graph is not None:
            self._file(order, event, f"{FOLDER}/graph.pb", event.graph, "pb", "graphs")
        if event.meta_graph is not None:
            self._file(order, event, f"{FOLDER}/meta_graph.pb", event.meta_graph, "pb", "graphs")
        if event.run_metadata is not None:
            tag, data = event.run_metadata
            path = file_path(FOLDER, "run_metadata", f"{tag or 'untitled'}.pb")
            self._file(order, event, path, data, "pb", "graphs")

    def _keep_value(self, order: int, event: Event, value: Value, what: str) -> None:
        path = file_path(FOLDER, what, value.tag or "untitled", f"{event.step}.pb")
        self._file(order, event, path, value.raw, "pb", f"{what} (kept as files)")

    def _file(
        self, order: int, event: Event, path: str, data: bytes, suffix: str, what: str
    ) -> None:
        blob = self._blobs.put(data, type_of(suffix), sync=False)
        self._fact(order, File(event.wall_us, path, blob, "now", event.wall_us))
        self._out.counts[what] += 1


def wav_facts(data: bytes) -> dict[str, Any]:
    """Sample rate, channels and duration of a WAV file, as far as its head tells."""
    if len(data) < 44 or data[:4] != b"RIFF" or data[8:16] != b"WAVEfmt ":
        return {}
    channels, rate, per_second = struct.unpack_from("<HII", data, 22)
    size = struct.unpack_from("<I", data, 16)[0]
    start = 20 + size + 8
    if not rate or not per_second or start > len(data):
        return {"sample_rate": rate, "channels": channels} if rate else {}
    seconds = (len(data) - start) / per_second
    return {"sample_rate": rate, "channels": channels, "duration": seconds}


def markdown_table(texts: list[str], width: int) -> str:
    """Texts in rows of ``width`` as a table in Markdown."""
    cells = [text.replace("|", "\\|").replace("\n", " ") for text in texts]
    rows = [cells[at : at + width] for at in range(0, len(cells), max(1, width))]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(min(1, len(lines)), "|" + " --- |" * width)
    return "\n".join(lines)
