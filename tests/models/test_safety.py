"""Nothing that came with a model runs unless exactly this model is trusted."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct

import numpy
import onnx
import pytest
import torch
from torch import nn

from epochal.domain.artifact import Entry, digest_of
from epochal.errors import DamagedModel, InvalidInput, NewerFormat, NotFound, UntrustedModel
from epochal.models import load_model, save_model
from tests.models.spoiled import Touch, edit, relist


def safetensors(header: dict | bytes, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(start: int, end: int, size: int) -> dict:
    return {"dtype": "F32", "shape": [size], "data_offsets": [start, end]}


# -- files
@pytest.mark.parametrize("name", ["weights.safetensors", "program.pt2", "summary.txt", "MLmodel"])
def test_a_changed_file_is_refused_before_anything_is_opened(saved, name):
    path = saved.path / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedModel, match=f"'{name}' was changed"):
        load_model(saved)


def test_a_cut_or_missing_file_is_refused(saved):
    path = saved.path / "weights.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    with pytest.raises(DamagedModel, match=r"bytes, .* were saved"):
        load_model(saved)
    path.unlink()
    with pytest.raises(DamagedModel, match="is missing"):
        load_model(saved)


def test_links_and_special_files_are_refused(saved, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes((saved.path / "summary.txt").read_bytes())
    (saved.path / "summary.txt").unlink()
    (saved.path / "summary.txt").symlink_to(secret)
    with pytest.raises(DamagedModel, match=r"summary\.txt"):
        load_model(saved)
    (saved.path / "summary.txt").unlink()
    os.mkfifo(saved.path / "summary.txt")
    with pytest.raises(DamagedModel, match="no plain file"):
        load_model(saved)
    (saved.path / "summary.txt").unlink()
    (saved.path / "code").mkdir(exist_ok=True)
    (saved.path / "code" / "outside").symlink_to(tmp_path)
    with pytest.raises(DamagedModel, match="'outside' is a link"):
        load_model(saved)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"kind": "torch"}', b"[" * 99_999])
def test_a_description_that_is_none_is_refused(saved, data):
    (saved.path / "model.json").write_bytes(data)
    with pytest.raises(DamagedModel, match=r"model.json"):
        load_model(saved)


def test_newer_and_unknown_formats_are_told(saved):
    edit(saved.path, format=2)
    with pytest.raises(NewerFormat, match="upgrade"):
        load_model(saved)
    edit(saved.path, format=1, kind="h5")
    with pytest.raises(DamagedModel, match="'h5'"):
        load_model(saved)


def test_a_path_that_leaves_the_model_is_refused(saved):
    document = json.loads((saved.path / "model.json").read_bytes())
    document["files"]["../../secret"] = {"digest": "0" * 64, "size": 1}
    (saved.path / "model.json").write_text(json.dumps(document))
    with pytest.raises(DamagedModel, match=r"\.\."):
        load_model(saved)


def test_what_is_no_model_is_told(tmp_path):
    with pytest.raises(NotFound, match="no such directory"):
        load_model(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DamagedModel, match=r"neither model.json nor MLmodel"):
        load_model(tmp_path / "empty")


# -- weights
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("overlap", safetensors({"a": tensor(0, 8, 2), "b": tensor(4, 12, 2)}, b"0" * 12)),
        ("outside", safetensors({"a": tensor(0, 800, 200)}, b"0" * 8)),
        ("gap", safetensors({"a": tensor(4, 12, 2)}, b"0" * 12)),
        ("twice", safetensors(b'{"a": 1, "a": 2}', b"")),
        ("backwards", safetensors({"a": tensor(8, 0, 2)}, b"0" * 8)),
        ("size", safetensors({"a": tensor(0, 8, 3)}, b"0" * 8)),
        ("negative", safetensors({"a": tensor(-8, 0, 2)}, b"0" * 8)),
        ("huge header", struct.pack("<Q", 1 << 62) + b"{}"),
        ("header past the end", struct.pack("<Q", 500) + b"{}"),
        ("no JSON", safetensors(b"not json", b"")),
        ("empty", b""),
        ("pickle", pickle.dumps({"a": 1})),
    ],
)
def test_unsound_safetensors_are_refused(saved, name, data):
    relist(saved.path, "weights.safetensors", data)
    with pytest.raises(DamagedModel, match=r"weights.safetensors"):
        load_model(saved)


def test_a_header_over_100_megabytes_is_refused(saved):
    relist(saved.path, "weights.safetensors", struct.pack("<Q", 100_000_001) + b" " * 100_000_002)
    with pytest.raises(DamagedModel, match="100000000 are allowed"):
        load_model(saved)


# -- code
def test_a_class_that_is_no_module_is_never_called(saved, tmp_path):
    mark = tmp_path / "mark"
    for name in ("os:system", "pathlib:Path.touch", "builtins:exec", "torch.hub:load"):
        edit(saved.path, architecture={"class": name, "args": {"*": [f"touch {mark}"]}})
        with pytest.raises(DamagedModel, match=r"no torch.nn.Module"):
            load_model(saved)
    edit(
        saved.path,
        architecture={
            "class": "torch.nn:Linear",
            "args": {"in_features": {"function": "torch:load"}, "out_features": 1},
        },
    )
    with pytest.raises(DamagedModel, match="cannot be read"):
        load_model(saved)
    assert not mark.exists()


def test_a_pickled_module_of_mlflow_needs_trust_by_digest(tmp_path):
    """RCE-03, RCE-05, RCE-07."""
    mark, folder = tmp_path / "mark", tmp_path / "m"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors:\n  pytorch:\n    model_data: data\n")
    torch.save(Touch(mark), folder / "data" / "model.pth")
    with pytest.raises(UntrustedModel, match="pickled PyTorch module") as caught:
        load_model(folder)
    with pytest.raises(UntrustedModel):
        load_model(folder, trust=False)
    with pytest.raises(UntrustedModel, match="not the model that was trusted"):
        load_model(folder, trust="sha256:" + "0" * 64)
    with pytest.raises(InvalidInput, match="64 hex digits"):
        load_model(folder, trust="yes")
    assert not mark.exists()
    (folder / "data" / "other").write_text("a new version")
    with pytest.raises(UntrustedModel, match="not the model that was trusted"):
        load_model(folder, trust=f"sha256:{caught.value.digest}")
    assert not mark.exists()


def test_a_pickled_estimator_of_mlflow_needs_trust(tmp_path):
    mark, folder = tmp_path / "mark", tmp_path / "m"
    folder.mkdir()
    (folder / "MLmodel").write_text(
        "flavors:\n  sklearn:\n    pickled_model: model.pkl\n    serialization_format: pickle\n"
    )
    (folder / "model.pkl").write_bytes(pickle.dumps(Touch(mark)))
    with pytest.raises(UntrustedModel, match="pickled estimator"):
        load_model(folder)
    assert not mark.exists()


def test_an_estimator_that_is_a_pickle_is_refused(tmp_path):
    """RCE-09: the content decides, not the name."""
    mark, folder = tmp_path / "mark", tmp_path / "m"
    folder.mkdir()
    (folder / "MLmodel").write_text(
        "flavors:\n  sklearn:\n    pickled_model: m.skops\n    serialization_format: skops\n"
    )
    (folder / "m.skops").write_bytes(pickle.dumps(Touch(mark)))
    for trust in (None, True):
        with pytest.raises(DamagedModel):
            load_model(folder, trust=trust)
    assert not mark.exists()


def test_torchscript_that_writes_files_needs_trust(tmp_path):
    class Writer(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.from_file("mark", True, 4) + x

    saved = save_model(torch.jit.script(Writer()), tmp_path / "m")
    with pytest.raises(UntrustedModel, match="from_file"):
        load_model(saved)


def test_a_pickle_with_the_name_of_torchscript_is_refused(tmp_path):
    mark = tmp_path / "mark"
    saved = save_model(torch.jit.script(nn.Linear(2, 1)), tmp_path / "m")
    evil = io.BytesIO()
    torch.save(Touch(mark), evil)
    relist(saved.path, "model.torchscript", evil.getvalue())
    with pytest.raises(DamagedModel, match="no TorchScript"):
        load_model(saved, trust=True)
    assert not mark.exists()


def test_onnx_that_names_files_outside_of_the_model_is_refused(tmp_path):
    x = torch.zeros(2, 3)
    saved = save_model(nn.Linear(3, 2), tmp_path / "m", input_example=x, format="onnx")
    original = (saved.path / "model.onnx").read_bytes()
    for location in ("../secret", "/etc/passwd", "a/../../b"):
        model = onnx.load_model_from_string(original)
        held = model.graph.initializer[0]
        held.data_location = onnx.TensorProto.EXTERNAL
        del held.external_data[:]
        held.external_data.add(key="location", value=location)
        relist(saved.path, "model.onnx", model.SerializeToString())
        with pytest.raises(DamagedModel, match="outside of the model"):
            load_model(saved)
    relist(saved.path, "model.onnx", b"\x00\x01 nothing")
    with pytest.raises(DamagedModel, match=r"model.onnx"):
        load_model(saved)


def test_an_example_with_objects_is_never_unpickled(saved, tmp_path):
    mark = tmp_path / "mark"
    out = io.BytesIO()
    numpy.savez(out, numpy.array([Touch(mark)], dtype=object))
    out = io.BytesIO(out.getvalue().replace(b"arr_0.npy", b"0.npy\0\0\0\0"))
    relist(saved.path, "input_example.npz", out.getvalue())
    with pytest.raises(DamagedModel, match="input example"):
        load_model(saved)
    assert not mark.exists()


def test_bytes_are_checked_and_used_from_memory(saved, monkeypatch):
    """RCE-08: a file that is swapped after it was read changes nothing."""
    from epochal.models import folder

    keep = folder.Files.keep

    def swap(self, *given):
        keep(self, *given)
        shutil.rmtree(self.root)

    monkeypatch.setattr(folder.Files, "keep", swap)
    assert load_model(saved).predict(torch.zeros(2, 3)).shape == (2, 2)


def test_the_digest_is_that_of_an_artifact_with_the_same_files(saved):
    from epochal.domain.artifact import Manifest

    entries = {
        path.relative_to(saved.path).as_posix(): Entry(
            digest_of(path.read_bytes()), path.stat().st_size
        )
        for path in saved.path.rglob("*")
        if path.is_file()
    }
    assert saved.digest == digest_of(Manifest(entries).encode()) == load_model(saved).digest
