"""``FashionMNIST`` from the four files that its authors published; nothing is downloaded."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset


def read(path: Path) -> torch.Tensor:
    """The bytes of an idx file in their shape."""
    data = gzip.decompress(path.read_bytes())
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    flat = torch.frombuffer(bytearray(data[4 + 4 * data[3] :]), dtype=torch.uint8)
    return flat.reshape(shape)


class FashionMNIST(Dataset[Any]):
    """Images of clothes with their class."""

    def __init__(self, root: str, train: bool, download: bool, transform: Any) -> None:
        assert download
        folder, limit = Path(os.environ["IMAGES"]), int(os.environ["IMAGES_LIMIT"])
        part = "train" if train else "t10k"
        self.root = root
        self.data = read(folder / f"{part}-images-idx3-ubyte.gz")[:limit].clone()
        self.targets = read(folder / f"{part}-labels-idx1-ubyte.gz")[:limit].long()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(self.data[index]), int(self.targets[index])
