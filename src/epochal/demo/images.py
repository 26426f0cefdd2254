"""Real images as tensors, from files that are already on this machine.

Nothing is downloaded here. Fashion-MNIST (Zalando Research, MIT license) is read from its four
gzipped IDX files; without them the 1,797 handwritten digits that scikit-learn ships take over.
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from epochal.demo.folder import TRAIN_IMAGES, TRAIN_LABELS, VAL_IMAGES, VAL_LABELS
from epochal.errors import InvalidInput, NotFound

CLOTHES = (
    "T-shirt", "trousers", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "boot",
)  # fmt: skip
_IMAGES_MAGIC = 2051
_LABELS_MAGIC = 2049


@dataclass(frozen=True)
class Images:
    """A labelled data set, split. Pixels are float32 in [0, 1], shaped (n, 1, side, side)."""

    name: str
    train_x: Tensor
    train_y: Tensor
    val_x: Tensor
    val_y: Tensor

    @property
    def classes(self) -> tuple[str, ...]:
        """What each label means."""
        return CLOTHES if self.name == "fashion-mnist" else tuple("0123456789")

    @property
    def side(self) -> int:
        """Pixels along one edge."""
        return int(self.train_x.shape[-1])


def load_images(folder: Path | None, limit: int = 10_000) -> Images:
    """Fashion-MNIST from ``folder``, or scikit-learn's digits when it is None.

    Args:
        folder: what `epochal.demo.folder.find_folder` answered.
        limit: at most so many training images, from the front; validation takes a quarter of it.
    """
    if folder is None:
        return _digits()
    train_x = _read_images(folder / TRAIN_IMAGES)[:limit]
    train_y = _read_labels(folder / TRAIN_LABELS)[:limit]
    val_x = _read_images(folder / VAL_IMAGES)[: max(1, limit // 4)]
    val_y = _read_labels(folder / VAL_LABELS)[: max(1, limit // 4)]
    return Images("fashion-mnist", train_x, train_y, val_x, val_y)


def _digits() -> Images:
    if find_spec("sklearn") is None:
        raise NotFound(
            "No images on this machine: neither Fashion-MNIST nor scikit-learn's digits were "
            'found. Run `pip install "epochal[demo]"`, or name a folder with --data.'
        )
    from sklearn.datasets import load_digits  # noqa: PLC0415 - optional, guarded above

    bunch = load_digits()
    x = torch.tensor(bunch.images, dtype=torch.float32).unsqueeze(1) / 16
    y = torch.tensor(bunch.target, dtype=torch.int64)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    return Images("digits", x[:1437], y[:1437], x[1437:], y[1437:])


def _read_images(path: Path) -> Tensor:
    (magic, count, rows, columns), data = _read_idx(path, ">IIII")
    if magic != _IMAGES_MAGIC or len(data) != count * rows * columns:
        raise InvalidInput(f"{path} is not an IDX file of images (magic {magic}). Fetch it again.")
    pixels = torch.frombuffer(data, dtype=torch.uint8).reshape(count, 1, rows, columns)
    return pixels.to(torch.float32) / 255


def _read_labels(path: Path) -> Tensor:
    (magic, count), data = _read_idx(path, ">II")
    if magic != _LABELS_MAGIC or len(data) != count:
        raise InvalidInput(f"{path} is not an IDX file of labels (magic {magic}). Fetch it again.")
    return torch.frombuffer(data, dtype=torch.uint8).to(torch.int64)


def _read_idx(path: Path, layout: str) -> tuple[tuple[int, ...], bytearray]:
    """The numbers of the file's head, then its bytes (the IDX format of the MNIST database)."""
    try:
        with gzip.open(path) as file:
            content = bytearray(file.read())
        head = struct.calcsize(layout)
        return struct.unpack(layout, content[:head]), content[head:]
    except (OSError, EOFError, struct.error) as error:
        raise InvalidInput(f"{path} cannot be read: {error}. Fetch it again.") from error
