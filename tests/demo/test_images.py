"""Real images come from files on this machine, and a bad file is one clear message."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
import torch

from epochal.demo.folder import FILES, SYSTEM_FOLDER, find_folder
from epochal.demo.images import load_images
from epochal.errors import InvalidInput, NotFound


def write_fashion_mnist(folder: Path, count: int = 8, side: int = 6) -> torch.Tensor:
    """Four IDX files with known pixels. Returns the training pixels, 0 to 255."""
    folder.mkdir(exist_ok=True)
    pixels = torch.arange(count * side * side).remainder(256).to(torch.uint8)
    labels = bytes(index % 10 for index in range(count))
    for name in FILES:
        if "images" in name:
            head = struct.pack(">IIII", 2051, count, side, side)
            content = head + pixels.numpy().tobytes()
        else:
            content = struct.pack(">II", 2049, count) + labels
        (folder / name).write_bytes(gzip.compress(content))
    return pixels.reshape(count, 1, side, side)


def test_pixels_and_labels_are_those_of_the_files(tmp_path: Path) -> None:
    """Pixels are scaled to [0, 1] and labels stay in order; validation takes a quarter."""
    pixels = write_fashion_mnist(tmp_path / "data")
    images = load_images(tmp_path / "data", limit=8)
    assert torch.equal(images.train_x, pixels / 255)
    assert images.train_y.tolist() == list(range(8))
    assert len(images.val_y) == 2
    assert (images.name, images.side) == ("fashion-mnist", 6)


def test_the_digits_are_real_balanced_and_split_without_overlap() -> None:
    """The fallback: 1,797 scanned digits, each in exactly one split."""
    images = load_images(None)
    assert images.side == 8
    assert len(images.train_y) + len(images.val_y) == 1797
    assert set(images.train_y.tolist()) == set(images.val_y.tolist()) == set(range(10))
    assert 0 <= float(images.train_x.min()) < float(images.train_x.max()) <= 1


def test_a_named_folder_without_the_files_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"train-images.*--data"):
        find_folder(tmp_path)


def test_debian_s_package_is_found_without_asking() -> None:
    """Where the package is installed it is used; elsewhere there is no folder."""
    present = all((SYSTEM_FOLDER / name).is_file() for name in FILES)
    assert find_folder() == (SYSTEM_FOLDER if present else None)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "damage", ["empty", "plain text", "cut short", "wrong kind", "bytes missing"]
)
def test_a_damaged_file_is_one_clear_message(tmp_path: Path, name: str, damage: str) -> None:
    """Never a traceback of gzip or struct."""
    write_fashion_mnist(tmp_path / "data")
    path = tmp_path / "data" / name
    whole = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "plain text": b"<html>not found</html>",
            "cut short": whole[: len(whole) // 2],
            "wrong kind": gzip.compress(struct.pack(">IIII", 7, 1, 2, 2) + b"\0" * 4),
            "bytes missing": gzip.compress(gzip.decompress(whole)[:-3]),
        }[damage]
    )
    with pytest.raises(InvalidInput, match=name):
        load_images(tmp_path / "data")
