"""Images out of everything that holds pixels, and clear refusals of what holds none."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from epochal.domain.encode import encode
from epochal.errors import InvalidInput
from epochal.media import Image
from epochal.media.draft import Draft


def decoded(draft: Draft, role: str = "data") -> np.ndarray:
    part = draft.parts[role]
    made = encode(part.encoding, b"".join(part.chunks))
    return np.asarray(PIL.Image.open(io.BytesIO(made.data)))


def shown(value: Any, **more: Any) -> np.ndarray:
    (draft,) = Image(value, **more).__epochal_media__()
    assert draft.kind == "image"
    pixels = decoded(draft)
    assert (draft.meta["width"], draft.meta["height"]) == (pixels.shape[1], pixels.shape[0])
    return pixels


RGB = np.random.default_rng(0).integers(0, 256, (11, 17, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "value",
    [
        RGB,
        RGB.transpose(2, 0, 1),
        torch.from_numpy(RGB),
        torch.from_numpy(RGB).permute(2, 0, 1),
        torch.from_numpy(RGB / 255.0).permute(2, 0, 1).requires_grad_(),
        (RGB / 255.0).astype(np.float32),
        RGB.astype(np.float64) + 0.25,
        RGB.astype(np.int64),
        PIL.Image.fromarray(RGB),
        RGB.tolist(),
    ],
    ids=["HWC", "CHW", "torch HWC", "torch CHW", "grad", "0..1", "0..255", "int64", "PIL", "list"],
)
def test_the_same_picture_comes_from_every_form(value: Any) -> None:
    assert np.array_equal(shown(value), RGB)


def test_gray_transparent_and_true_or_false_pictures() -> None:
    assert shown(RGB[:, :, 0]).shape == (11, 17)
    assert shown(np.zeros((4, 5, 4), np.uint8)).shape == (4, 5, 4)
    assert shown(np.eye(4, dtype=bool)).tolist()[0] == [255, 0, 0, 0]
    assert shown(torch.rand(1, 6, 7)).shape == (6, 7)
    assert shown(torch.rand(3, 6, 7, dtype=torch.bfloat16)).shape == (6, 7, 3)
    assert shown(PIL.Image.new("1", (3, 2), 1)).max() == 255
    assert shown(PIL.Image.new("P", (3, 2))).shape == (2, 3, 3)
    assert shown(PIL.Image.new("I;16", (3, 2), 65535)).max() == 255


def test_floats_follow_the_rule_of_wandb() -> None:
    """Negative numbers stretch the range, and NaN is black instead of a crash."""
    assert shown(np.array([[-1.0, 0.0, 1.0]])).tolist() == [[0, 128, 255]]
    assert shown(np.array([[0.0, 0.5, 1.0]])).tolist() == [[0, 128, 255]]
    assert shown(np.array([[0.0, 128.0, 300.0]])).tolist() == [[0, 128, 255]]
    assert shown(np.array([[np.nan, 1.0, np.inf]])).tolist() == [[0, 255, 255]]
    assert shown(np.array([[-0.5, 1.0]]), normalize=False).tolist() == [[0, 255]]


def test_a_batch_gives_one_item_per_picture() -> None:
    drafts = Image(torch.rand(5, 3, 8, 9), caption="all").__epochal_media__()
    assert [d.meta for d in drafts] == [{"width": 9, "height": 8, "caption": "all"}] * 5


def test_files_and_their_bytes_are_kept_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    PIL.Image.fromarray(RGB).save(path)
    (draft,) = Image(path).__epochal_media__()
    assert draft.parts["data"].path == str(path)
    assert draft.meta == {"width": 17, "height": 11}
    (same,) = Image(path.read_bytes()).__epochal_media__()
    assert same.parts["data"].encoding == "copy.jpg"
    (jpeg,) = Image(RGB, file_type="jpg").__epochal_media__()
    assert bytes(jpeg.parts["data"].chunks[0]).startswith(b"\xff\xd8\xff")


def test_later_changes_of_the_array_are_not_seen() -> None:
    """The constructor takes the snapshot."""
    array = RGB.copy()
    image = Image(array)
    array[:] = 0
    assert np.array_equal(decoded(image.__epochal_media__()[0]), RGB)


def test_masks_boxes_and_classes_are_kept() -> None:
    mask = np.zeros((11, 17), np.int64)
    mask[3:5] = 7
    (draft,) = Image(
        RGB,
        classes=[{"id": 7, "name": "cat"}],
        masks={"prediction": {"mask_data": mask, "class_labels": {7: "cat"}}},
        boxes={
            "truth": {
                "box_data": [
                    {"position": {"middle": (0.5, 0.5), "width": 0.2, "height": 0.4},
                     "class_id": 7, "scores": {"iou": 0.5}, "box_caption": "a cat"},
                    {"position": {"minX": 1, "maxX": 5, "minY": 2, "maxY": 6}, "domain": "pixel"},
                ],
                "class_labels": {7: "cat"},
            }
        },
    ).__epochal_media__()  # fmt: skip
    assert np.array_equal(decoded(draft, "mask:prediction"), mask)
    assert draft.meta["classes"] == {"7": "cat"}
    assert draft.meta["masks"] == {"prediction": {"class_labels": {"7": "cat"}}}
    first, second = draft.meta["boxes"]["truth"]["box_data"]
    assert first["position"] == pytest.approx({"minX": 0.4, "maxX": 0.6, "minY": 0.3, "maxY": 0.7})
    assert (first["class_id"], first["scores"]) == (7, {"iou": 0.5})
    assert second["domain"] == "pixel"


@pytest.mark.parametrize(
    "arguments",
    [
        (np.zeros((2, 3, 5, 7, 3)),),
        (np.zeros((5, 6, 7)),),
        (np.zeros((0, 6)),),
        (np.zeros((0, 3, 6, 6)),),
        (np.zeros(7),),
        (np.array(["a"]),),
        (np.array([object()]),),
        (np.zeros((3, 3), np.complex64),),
        ("no/such/file.png",),
        (".",),
        (b"no image",),
        (object(),),
        (7,),
        (RGB, "L"),
        (RGB, None, None, None, [{"id": "x"}]),
        (RGB, None, None, None, None, {"a": {"box_data": [{"position": {"minX": 1}}]}}),
        (RGB, None, None, None, None, {"a": {}}),
        (RGB, None, None, None, None, None, {"a": {"mask_data": np.array([[-1]])}}),
        (RGB, None, None, None, None, None, {"a": {}}),
        (RGB, None, None, None, None, None, ["a"]),
        (RGB, None, None, None, None, None, None, "exe"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_shape_or_type(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidInput):
        Image(*arguments)


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InvalidInput, match="regular"):
        Image(tmp_path / "a.png")


def test_images_of_arrays_need_no_pillow() -> None:
    """PNG is written by ourselves; only other file types ask for Pillow."""
    code = (
        "import sys; sys.modules['PIL'] = None; import numpy, epochal;"
        "print(epochal.Image(numpy.zeros((3, 4))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "4x3" in done.stdout
