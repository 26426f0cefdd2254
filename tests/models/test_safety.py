"""Nothing that came with a model runs unless exactly this model is trusted."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import zipfile
from pathlib import Path

import msgspec
import numpy
import onnx
import pytest
import torch
from torch import nn

from epochal.domain.artifact import Entry, digest_of
from epochal.errors import DamagedModel, InvalidInput, NewerFormat, NotFound, UntrustedModel
from epochal.models import SavedModel, load_model, save_model
from epochal.models.folder import measure
from tests.models.nets import ResNet


class Touch:
    """A pickle that writes a file when it is read."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (Path.touch, (Path(self.path),))


@pytest.fixture
def saved(tmp_path):
    return save_model(
        nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)),
        tmp_path / "m",
        input_example=torch.zeros(2, 3),
    )


def relist(folder: Path, name: str, data: bytes) -> None:
    """Replace a file and its digest, as an attacker who writes the whole directory would."""
    (folder / name).write_bytes(data)
    document = json.loads((folder / "model.json").read_bytes())
    document["files"][name] = msgspec.to_builtins(Entry(digest_of(data), len(data)))
    (folder / "model.json").write_text(json.dumps(document))


def edit(folder: Path, **changes) -> None:
    document = json.loads((folder / "model.json").read_bytes())
    (folder / "model.json").write_text(json.dumps({**document, **changes}))


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


# -- programs
def rewrite(data: bytes, change) -> bytes:
    """The archive with records changed by ``change(name, bytes) -> bytes``."""
    reader = torch._C.PyTorchFileReader(io.BytesIO(data))
    out = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(out)
    for name in reader.get_all_records():
        if name in {".data/serialization_id", ".data/version", "byteorder", "version"}:
            continue
        content = change(name, reader.get_record(name))
        writer.write_record(name, content, len(content))
    writer.write_end_of_file()
    return out.getvalue()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    x = torch.zeros(2, 3, 8, 8)
    place = tmp_path_factory.mktemp("exported") / "program"
    return save_model(ResNet(4, 1, 2).eval(), place, input_example=x, format="export")


@pytest.fixture
def program(exported, tmp_path):
    place = Path(shutil.copytree(exported, tmp_path / "program"))
    return SavedModel(place, exported.description, measure(place))


def attack(saved, change, match, tmp_path):
    mark = tmp_path / "mark"
    data = rewrite((saved.path / "program.pt2").read_bytes(), change)
    relist(saved.path, "program.pt2", data)
    with pytest.raises(UntrustedModel, match=match):
        load_model(saved)
    assert not mark.exists()


def test_an_archive_that_was_only_rewritten_loads(program):
    """So the refusals below are about what was changed."""
    data = rewrite((program.path / "program.pt2").read_bytes(), lambda _, content: content)
    relist(program.path, "program.pt2", data)
    assert load_model(program).predict(torch.zeros(3, 3, 8, 8)).shape == (3, 2)


def test_a_program_whose_sample_inputs_are_a_pickle_is_refused(program, tmp_path):
    """torch.export.load would fall back to unpickling them."""
    evil = io.BytesIO()
    torch.save((Touch(tmp_path / "mark"),), evil)

    def change(name, content):
        return evil.getvalue() if "sample_inputs" in name else content

    attack(program, change, "sample inputs", tmp_path)


def test_a_program_with_pickled_weights_is_refused(program, tmp_path):
    def change(name, content):
        if name.endswith("model_weights_config.json"):
            return content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)
        return content

    attack(program, change, "pickle", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch mark')",
        "Symbol('s77').__class__",
        "Symbol('os.system')",
        "exec('1')",
        "(lambda: 1)()",
        "[x for x in (1,)]",
        "Symbol('s77', positive=open('x'))",
        "s0!",
    ],
)
def test_a_program_with_an_expression_that_is_code_is_refused(program, tmp_path, text):
    """torch.export.load gives these to sympify, which evaluates them."""

    def change(name, content):
        if name != "models/model.json":
            return content

        def swap(value):
            if isinstance(value, dict):
                return {k: text if k == "expr_str" else swap(v) for k, v in value.items()}
            return [swap(item) for item in value] if isinstance(value, list) else value

        changed = json.dumps(swap(json.loads(content))).encode()
        assert changed != content
        return changed

    attack(program, change, "evaluates the expression", tmp_path)


@pytest.mark.parametrize(
    "target",
    ["torch.os.system", "torch.hub.load", "torch.ops.aten.from_file.default", "_operator.call"],
)
def test_a_program_that_calls_more_than_operators_is_refused(program, tmp_path, target):
    def change(name, content):
        if name != "models/model.json":
            return content
        document = json.loads(content)
        document["graph_module"]["graph"]["nodes"][0]["target"] = target
        return json.dumps(document).encode()

    attack(program, change, "it calls", tmp_path)


def test_an_archive_with_native_code_or_of_an_old_form_is_refused(program, tmp_path):
    def old(name, content):
        return b"pt1" if name == "archive_format" else content

    original = (program.path / "program.pt2").read_bytes()
    attack(program, old, "older PyTorch", tmp_path)
    reader = torch._C.PyTorchFileReader(io.BytesIO(original))
    out = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(out)
    for name in ("archive_format", "archive_version", "models/model.json"):
        content = reader.get_record(name)
        writer.write_record(name, content, len(content))
    writer.write_record("data/aotinductor/model/x.so", b"\x7fELF", 4)
    writer.write_end_of_file()
    relist(program.path, "program.pt2", out.getvalue())
    with pytest.raises(UntrustedModel, match="native code"):
        load_model(program)


def test_a_program_that_is_no_archive_is_refused_with_trust_too(program):
    for data in (b"", b"PK\x03\x04", pickle.dumps(1), b"x" * 5000):
        relist(program.path, "program.pt2", data)
        with pytest.raises(DamagedModel, match=r"program.pt2"):
            load_model(program, trust=True)


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


def test_no_file_of_a_saved_model_is_a_python_pickle(saved, program):
    """Archives of PyTorch hold none either that anything but its restricted reader would open."""
    for root in (saved.path, program.path):
        for path in root.rglob("*"):
            if path.is_file() and not zipfile.is_zipfile(path):
                with pytest.raises(Exception):  # noqa: B017 - whatever unpickling garbage raises
                    pickle.loads(path.read_bytes())
